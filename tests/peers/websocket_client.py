"""A WebSocket client: websocket_client.py URL [SUBPROTOCOL]. Prints one JSON line."""
import json
import os
import ssl
import sys

from websockets.sync.client import connect

protocols = sys.argv[2:] or None
context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
try:
    with connect(
        sys.argv[1], ssl=context, proxy=os.environ["HTTPS_PROXY"], subprotocols=protocols, close_timeout=5
    ) as connection:
        connection.send("hello")
        said = {"ok": True, "text": connection.recv(timeout=10)}
except Exception as error:
    said = {"ok": False, "error": str(error)}
print(json.dumps(said))
