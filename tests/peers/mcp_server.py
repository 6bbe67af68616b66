"""A sample MCP server (official Python SDK) behind TLS: mcp_server.py CERT KEY [PORT] [--host 127.0.0.1] [--name localhost].

Streamable HTTP of both eras at /mcp, HTTP+SSE (2024-11-05) at /sse. NAME is what clients call it.
"""
import argparse
import socket

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

server = MCPServer("sample")


@server.tool()
def echo(text: str) -> str:
    """Gives the text back."""
    return text


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cert")
    parser.add_argument("key")
    parser.add_argument("port", type=int, nargs="?", default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--name", default="localhost")
    asked = parser.parse_args()
    listener = socket.create_server((asked.host, asked.port))
    print("ready", listener.getsockname()[1], flush=True)
    # The SDK refuses requests whose Host is none of these (DNS rebinding).
    security = TransportSecuritySettings(allowed_hosts=[f"{asked.name}:*"], allowed_origins=[f"https://{asked.name}:*"])
    app = server.streamable_http_app(transport_security=security)
    app.router.routes.extend(server.sse_app(transport_security=security).routes)
    config = uvicorn.Config(app, ssl_certfile=asked.cert, ssl_keyfile=asked.key, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


main()
