// An MCP client (official TypeScript SDK): mcp_client.mjs URL ERA. ERA is modern or legacy, or modern-sse or legacy-sse for
// the HTTP+SSE transport (2024-11-05) of the same packages.
// Prints one JSON line: what its user gets to see.
// Node 20 ignores proxy variables, so the proxy is set as undici's dispatcher, as clients for Node 20 have to do.
import { EnvHttpProxyAgent, setGlobalDispatcher, fetch } from "undici";

setGlobalDispatcher(new EnvHttpProxyAgent());
globalThis.fetch = fetch;
const [url, era] = process.argv.slice(2);
const legacy = era.startsWith("legacy");
const { Client } = await import(legacy ? "@modelcontextprotocol/sdk/client/index.js" : "@modelcontextprotocol/client");
const { StreamableHTTPClientTransport } = await import(
  legacy ? "@modelcontextprotocol/sdk/client/streamableHttp.js" : "@modelcontextprotocol/client"
);
const { SSEClientTransport } = await import(
  legacy ? "@modelcontextprotocol/sdk/client/sse.js" : "@modelcontextprotocol/client"
);
const Transport = era.endsWith("-sse") ? SSEClientTransport : StreamableHTTPClientTransport;
let said;
let tools;
try {
  const client = new Client({ name: "daylight-test", version: "1" });
  await client.connect(new Transport(new URL(url)));
  tools = (await client.listTools()).tools.map((tool) => tool.name);
  const result = await client.callTool({ name: "echo", arguments: { text: "hi" } });
  said = { ok: true, tools, text: result.content[0].text };
} catch (error) {
  said = { ok: false, tools, error: `${error.name}: ${error.message}` };
}
console.log(JSON.stringify(said));
process.exit(0);
