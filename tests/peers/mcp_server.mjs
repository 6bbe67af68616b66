// A sample MCP server (official TypeScript SDK) behind TLS: mcp_server.mjs CERT KEY ERA.
// "modern" serves Streamable HTTP at /mcp; "legacy" does so with the older SDK, and HTTP+SSE (2024-11-05) at /sse.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { z } from "zod";

const [cert, key, era] = process.argv.slice(2);

function tools(Server) {
  const server = new Server({ name: "sample", version: "1" });
  const echo = { description: "Gives the text back.", inputSchema: { text: z.string() } };
  if (era === "modern") echo.inputSchema = z.object(echo.inputSchema);
  server.registerTool("echo", echo, async ({ text }) => ({ content: [{ type: "text", text }] }));
  return server;
}

async function modern() {
  const { McpServer, createMcpHandler } = await import("@modelcontextprotocol/server");
  const { toNodeHandler } = await import("@modelcontextprotocol/node");
  return toNodeHandler(createMcpHandler(() => tools(McpServer)));
}

async function legacy() {
  const { McpServer } = await import("@modelcontextprotocol/sdk/server/mcp.js");
  const { StreamableHTTPServerTransport } = await import("@modelcontextprotocol/sdk/server/streamableHttp.js");
  const { SSEServerTransport } = await import("@modelcontextprotocol/sdk/server/sse.js");
  const sessions = new Map();
  return async (request, response) => {
    const url = new URL(request.url, "https://localhost");
    if (url.pathname === "/sse") {
      const transport = new SSEServerTransport("/messages", response);
      sessions.set(transport.sessionId, transport);
      return tools(McpServer).connect(transport);
    }
    if (url.pathname === "/messages") {
      return sessions.get(url.searchParams.get("sessionId")).handlePostMessage(request, response);
    }
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    await tools(McpServer).connect(transport);
    await transport.handleRequest(request, response);
  };
}

const serve = era === "modern" ? await modern() : await legacy();
const options = { cert: readFileSync(cert), key: readFileSync(key) };
const server = createServer(options, (request, response) => {
  if (["/mcp", "/sse", "/messages"].includes(request.url.split("?")[0])) return serve(request, response);
  response.writeHead(404).end();
});
server.listen(0, "127.0.0.1", () => console.log("ready", server.address().port));
