"""ClickHouse's HTTP interface over the engine in chdb-core: clickhouse_front.py DIR [CERT KEY PASSWORD].

With a certificate it speaks TLS and wants the password of user `default` in X-ClickHouse-Key.

Faults are set with GET /fault?kind=KIND&count=N: down (close at once), slow (answer after a second), error (500),
cut_before and cut_after (close in the middle of an insert, before or after the engine has taken it), denied (no right to
create or alter anything).
"""
import re
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from chdb import session

ENGINE = session.Session(sys.argv[1])
PASSWORD = sys.argv[4] if len(sys.argv) > 4 else ""
LOCK = threading.Lock()
FAULT = {"kind": "", "count": 0}


def fault() -> str:
    with LOCK:
        if FAULT["count"] > 0:
            FAULT["count"] -= 1
            return FAULT["kind"]
    return ""


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        query = parse_qs(urlsplit(self.path).query)
        if self.path.startswith("/fault"):
            with LOCK:
                FAULT.update(kind=query["kind"][0], count=int(query["count"][0]))
            return self.answer(200, b"ok\n")
        self.run(query.get("query", [""])[0], query, b"")

    def do_POST(self):
        query = parse_qs(urlsplit(self.path).query)
        body = self.body()
        # A statement comes in the query, or is the body.
        statement, body = (query["query"][0], body) if "query" in query else (body.decode(), b"")
        if self.headers.get("x-clickhouse-key", "") != PASSWORD:
            return self.answer(403, b"Code: 516. Authentication failed\n", 516)
        kind = fault()
        if kind in ("down", "cut_before"):
            return self.cut()
        if kind == "slow":
            time.sleep(1)
        if kind == "error":
            return self.answer(500, b"Code: 999. injected\n", 999)
        if kind == "denied" and statement.startswith(("CREATE", "ALTER")):
            right = " ".join(statement.split()[:2])
            return self.answer(500, f"Code: 497. Not enough privileges: it's necessary to have {right}\n".encode(), 497)
        self.run(statement, query, body, cut=kind == "cut_after")

    def body(self) -> bytes:
        if self.headers.get("transfer-encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def run(self, statement, query, body, cut=False):
        settings = [
            f"{name}='{values[0]}'" for name, values in query.items() if name not in ("query", "default_format")
        ]
        if settings:
            statement = statement.replace("FORMAT", f"SETTINGS {', '.join(settings)} FORMAT", 1)
        try:
            with LOCK:
                result = ENGINE.query(statement + ("\n" + body.decode() if body else ""), "JSONEachRow").bytes()
        except Exception as error:
            code = re.search(r"Code: (\d+)", str(error))
            return self.answer(500, str(error).encode(), int(code.group(1)) if code else 1)
        if cut:
            return self.cut()
        self.answer(200, bytes(result))

    def cut(self):
        self.close_connection = True
        self.connection.close()

    def answer(self, status, body, code=None):
        self.send_response(status)
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", 0), Front)
if PASSWORD:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", server.server_address[1], flush=True)
server.serve_forever()
