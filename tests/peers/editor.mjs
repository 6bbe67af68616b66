// What an editor that knows a JSON Schema says about YAML files: editor.mjs SCHEMA FILE... prints one JSON list with, for
// each file, its mistakes ({ line, column, message }, from 1) and the help that is shown at each key of the outermost level.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [schema, ...files] = process.argv.slice(2);
const manifest = createRequire(import.meta.url).resolve('yaml-language-server/package.json');
const server = spawn('node', [join(dirname(manifest), 'bin/yaml-language-server'), '--stdio'], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const uri = (file) => pathToFileURL(resolve(file)).href;
const waiting = new Map();
const said = new Map();
let wake = () => {};
let number = 0;

function send(message) {
  const text = JSON.stringify({ jsonrpc: '2.0', ...message });
  server.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}

function ask(method, params) {
  number += 1;
  send({ id: number, method, params });
  return new Promise((resolve) => waiting.set(number, resolve));
}

function receive(message) {
  if (message.method === 'textDocument/publishDiagnostics') {
    said.set(message.params.uri, message.params.diagnostics);
    wake();
  } else if (message.method === 'workspace/configuration') {
    const yaml = { schemas: { [uri(schema)]: files.map(uri) }, validate: true, hover: true };
    const answers = message.params.items.map((item) => (item.section === 'yaml' ? yaml : null));
    send({ id: message.id, result: answers });
  } else if (message.method && message.id !== undefined) {
    send({ id: message.id, result: null });
  } else if (waiting.has(message.id)) {
    waiting.get(message.id)(message.result);
  }
}

let buffer = Buffer.alloc(0);
server.stdout.on('data', (chunk) => {
  buffer = Buffer.concat([buffer, chunk]);
  for (;;) {
    const head = buffer.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/content-length: *(\d+)/i.exec(buffer.subarray(0, head).toString())[1]);
    if (buffer.length < head + 4 + length) return;
    const message = JSON.parse(buffer.subarray(head + 4, head + 4 + length).toString());
    buffer = buffer.subarray(head + 4 + length);
    receive(message);
  }
});

await ask('initialize', {
  processId: process.pid,
  rootUri: null,
  capabilities: { workspace: { configuration: true }, textDocument: { hover: { contentFormat: ['plaintext'] } } },
});
send({ method: 'initialized', params: {} });
for (const file of files) {
  const text = readFileSync(file, 'utf8');
  send({ method: 'textDocument/didOpen', params: { textDocument: { uri: uri(file), languageId: 'yaml', version: 1, text } } });
}
while (!files.every((file) => said.has(uri(file)))) await new Promise((resolve) => (wake = resolve));

async function help(file) {
  const shown = {};
  for (const [line, text] of readFileSync(file, 'utf8').split('\n').entries()) {
    const key = /^[a-z_]+(?=:)/.exec(text)?.[0];
    if (!key) continue;
    const place = { textDocument: { uri: uri(file) }, position: { line, character: 1 } };
    const hover = await ask('textDocument/hover', place);
    shown[key] = hover?.contents.value ?? '';
  }
  return shown;
}

const answers = [];
for (const file of files) {
  const mistakes = said.get(uri(file)).map(({ range: { start }, message }) => ({
    line: start.line + 1,
    column: start.character + 1,
    message,
  }));
  answers.push({ mistakes, help: await help(file) });
}
console.log(JSON.stringify(answers));
server.kill();
