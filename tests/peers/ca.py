"""Makes a private CA and a certificate for localhost in a folder: ca.py DIR."""
import subprocess
import sys
from pathlib import Path

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)


EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
openssl("req", "-x509", *EC, "-days", "30", "-subj", "/CN=sample CA", "-keyout", "ca.key", "-out", "ca.pem",
        "-addext", "keyUsage=critical,keyCertSign")
openssl("req", *EC, "-subj", "/CN=localhost", "-keyout", "leaf.key", "-out", "leaf.csr")
(folder / "ext").write_text("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
        "-extfile", "ext", "-out", "leaf.pem")
