// Chromium through a PAC file with the CA in its own store: browser.mjs PAC CA URL. Prints one JSON line.
import { execFileSync } from "node:child_process";
import { mkdtempSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [pac, ca, url] = process.argv.slice(2);
const home = mkdtempSync(join(tmpdir(), "browser-"));
const store = join(home, ".pki", "nssdb");
mkdirSync(store, { recursive: true });
execFileSync("certutil", ["-d", `sql:${store}`, "-N", "--empty-password"]);
execFileSync("certutil", ["-d", `sql:${store}`, "-A", "-t", "C,,", "-n", "daylight", "-i", ca]);
const browser = await chromium.launchPersistentContext(join(home, "profile"), {
  executablePath: "/usr/bin/chromium",
  bypassCSP: true,
  env: { ...process.env, HOME: home, HTTPS_PROXY: "" },
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", `--proxy-pac-url=${pac}`,
  ],
});
const said = {};
try {
  const page = await browser.newPage();
  await page.goto("https://daylight.internal/check", { timeout: 20000 });
  said.title = await page.title();
  said.heading = await page.textContent("h1");
  await page.goto(url, { timeout: 20000 });
  said.page = await page.title();
  said.call = await page.evaluate(async () => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo" } });
    const response = await fetch("/echo", { method: "POST", headers: { "content-type": "application/json" }, body });
    return await response.json();
  });
} catch (error) {
  said.error = String(error);
}
console.log(JSON.stringify(said));
await browser.close();
