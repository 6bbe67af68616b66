"""Makes a private CA and a certificate in a folder: ca.py DIR [--name localhost] [--days 30]."""
import argparse
import subprocess
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--name", default="localhost")
parser.add_argument("--days", default="30")
asked = parser.parse_args()
folder = asked.folder
folder.mkdir(parents=True, exist_ok=True)


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)


EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
openssl("req", "-x509", *EC, "-days", asked.days, "-subj", "/CN=sample CA", "-keyout", "ca.key", "-out", "ca.pem",
        "-addext", "keyUsage=critical,keyCertSign")
openssl("req", *EC, "-subj", f"/CN={asked.name}", "-keyout", "leaf.key", "-out", "leaf.csr")
(folder / "ext").write_text(f"subjectAltName=DNS:{asked.name}\nextendedKeyUsage=serverAuth\n")
openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", asked.days,
        "-extfile", "ext", "-out", "leaf.pem")
