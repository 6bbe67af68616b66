"""Starts a gateway, a sample MCP server behind TLS and clients; shows a call blocked, one redirected, a request passed."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "tests" / "peers"
DAYLIGHT = ROOT / "target" / os.environ.get("BUILD", "release") / "daylight"
PORTAL = "https://mcp.corp.example/mcp"


def config(folder: Path, posture: str) -> None:
    (folder / "daylight.yaml").write_text(
        "listen: { proxy: 127.0.0.1:0, admin: 127.0.0.1:0 }\n"
        f"rules: [ {json.dumps(str(ROOT / 'rules'))} ]\n"
        f"posture: {{ shadow: {posture} }}\n"
        f"portal: {{ url: {json.dumps(PORTAL)} }}\n"
        "destinations: { deny: [] }\n"  # the sample server is on this machine
        f"tls: {{ extra_roots: [ {json.dumps(str(folder / 'server' / 'ca.pem'))} ] }}\n"
    )


def wait_for(process: subprocess.Popen, word: str) -> str:
    for line in process.stdout:
        if line.strip().startswith(word):
            return line.strip().removeprefix(word).strip()
    sys.exit(f"no `{word}` line")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, PEERS / "ca.py", folder / "server"], check=True)
        keys = [folder / "server" / "leaf.pem", folder / "server" / "leaf.key"]
        server = subprocess.Popen([sys.executable, PEERS / "mcp_server.py", *keys], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        config(folder, "block")
        gateway = subprocess.Popen([DAYLIGHT, "run", "--config", "daylight.yaml"], cwd=folder, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            port = wait_for(server, "ready ")
            proxy = wait_for(gateway, "proxy ")
            admin = wait_for(gateway, "metrics ").removesuffix("/metrics")
            tell(folder, proxy, admin, f"https://localhost:{port}")
        finally:
            gateway.terminate()
            server.terminate()
            gateway.wait()


def tell(folder: Path, proxy: str, admin: str, server: str) -> None:
    ca = folder / "certs" / "ca.pem"
    environment = {**os.environ, "HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(ca)}
    call = [sys.executable, PEERS / "mcp_client.py", f"{server}/mcp", "auto"]
    said = subprocess.run(call, env=environment, capture_output=True, text=True).stdout
    print("1. An MCP call, blocked. Its user sees:\n  ", json.loads(said)["error"], "\n")
    config(folder, "redirect")
    subprocess.run(["curl", "-s", "-X", "POST", f"{admin}/reload"], check=True, capture_output=True)
    page = ["curl", "-s", "-i", "-x", proxy, "--cacert", ca, "--http1.1", "--suppress-connect-headers"]
    body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    said = subprocess.run([*page, f"{server}/mcp", "-H", "content-type: application/json", "-d", body],
                          capture_output=True, text=True).stdout
    print("2. An MCP call, redirected to the portal. The answer:\n  ", said.split("\n\n")[-1].strip(), "\n")
    said = subprocess.run([*page, f"{server}/"], capture_output=True, text=True).stdout
    print("3. An ordinary request, passed. The server's own answer:\n  ", said.splitlines()[0], "\n")
    print("The rows:")
    sql = "SELECT time, verdict, method, path, status, mcp_method, rule_ids FROM events WHERE status <> 0"
    for _ in range(100):
        rows = subprocess.run([DAYLIGHT, "sql", "--config", "daylight.yaml", sql], cwd=folder, capture_output=True,
                              text=True).stdout
        if rows.count(" allow ") >= 1:
            break
    print(rows)


main()
