"""A sample MCP server (official Python SDK) behind TLS: mcp_server.py CERT KEY [PORT].

Streamable HTTP of both eras at /mcp, HTTP+SSE (2024-11-05) at /sse.
"""
import socket
import sys

import uvicorn

try:
    from mcp.server.mcpserver import MCPServer as Server
except ImportError:
    from mcp.server.fastmcp import FastMCP as Server

server = Server("sample")


@server.tool()
def echo(text: str) -> str:
    """Gives the text back."""
    return text


def main() -> None:
    cert, key = sys.argv[1], sys.argv[2]
    port = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    listener = socket.create_server(("127.0.0.1", port))
    print("ready", listener.getsockname()[1], flush=True)
    app = server.streamable_http_app()
    app.router.routes.extend(server.sse_app().routes)
    config = uvicorn.Config(app, ssl_certfile=cert, ssl_keyfile=key, log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


main()
