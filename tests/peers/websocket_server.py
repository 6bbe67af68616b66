"""A WebSocket echo server behind TLS: websocket_server.py CERT KEY."""
import socket
import ssl
import sys

from websockets.sync.server import serve

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", 0))


def echo(connection):
    for message in connection:
        connection.send(message)


with serve(echo, sock=listener, ssl=context) as server:
    print("ready", server.socket.getsockname()[1], flush=True)
    server.serve_forever()
