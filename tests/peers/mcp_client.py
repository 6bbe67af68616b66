"""An MCP client (official Python SDK): mcp_client.py URL MODE. MODE is auto, legacy or sse.

Prints one JSON line: what its user gets to see.
"""
import asyncio
import json
import sys

from mcp import Client
from mcp.client.sse import sse_client

# Longer than a test may take: an answer that comes only now is none.
READ_TIMEOUT_SECONDS = 60


def leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def main(url: str, mode: str) -> None:
    tools = None
    try:
        server, mode = (sse_client(url), "legacy") if mode == "sse" else (url, mode)
        async with Client(server, mode=mode, read_timeout_seconds=READ_TIMEOUT_SECONDS) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            result = await client.call_tool("echo", {"text": "hi"})
            said = {"ok": True, "tools": tools, "text": result.content[0].text, "version": client.protocol_version}
    except BaseException as error:  # everything a user could see
        error = leaf(error)
        said = {"ok": False, "tools": tools, "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(said), flush=True)


asyncio.run(main(sys.argv[1], sys.argv[2]))
