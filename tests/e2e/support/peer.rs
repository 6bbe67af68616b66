//! Servers and clients in other languages, as processes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{python, root};

/// A process that prints `ready PORT`; killed when dropped.
#[derive(Debug)]
pub struct Peer {
    pub port: u16,
    pub dir: TempDir,
    child: Child,
}

impl Peer {
    fn start(script: &str, dir: TempDir, arguments: &[String]) -> Self {
        let program = if script.ends_with(".mjs") { "node".into() } else { python() };
        let mut child = Command::new(program)
            .arg(root().join("tests/peers").join(script))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(dir.path().join("peer.log")).expect("the log"))
            .spawn()
            .expect("the peer runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        let port = line.trim().strip_prefix("ready ").and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| {
            panic!(
                "{script} said {line:?}: {}",
                std::fs::read_to_string(dir.path().join("peer.log")).unwrap_or_default()
            )
        });
        Self { port, dir, child }
    }

    /// An MCP server of the official Python SDK: both eras at `/mcp`, HTTP+SSE at `/sse`.
    pub fn mcp_server() -> Self {
        Self::behind_tls("mcp_server.py", &[])
    }

    /// The same on every address, under a name; its CA and certificate are in the folder.
    pub fn named_mcp_server(dir: TempDir, name: &str) -> Self {
        let path = |file: &str| dir.path().join(file).display().to_string();
        let arguments = [&path("leaf.pem"), &path("leaf.key"), "--host", "0.0.0.0", "--name", name];
        let arguments = arguments.map(str::to_owned);
        Self::start("mcp_server.py", dir, &arguments)
    }

    /// An MCP server of the official TypeScript SDK: `modern` or `legacy`, which has HTTP+SSE at `/sse` too.
    pub fn typescript_server(era: &str) -> Self {
        Self::behind_tls("mcp_server.mjs", &[era])
    }

    /// A WebSocket echo server.
    pub fn websocket_server() -> Self {
        Self::behind_tls("websocket_server.py", &[])
    }

    /// A server whose CA is `ca.pem` in its folder.
    fn behind_tls(script: &str, more: &[&str]) -> Self {
        let dir = Self::certificates();
        let files = ["leaf.pem", "leaf.key"].map(|name| dir.path().join(name).display().to_string());
        let arguments: Vec<String> = files.into_iter().chain(more.iter().map(ToString::to_string)).collect();
        Self::start(script, dir, &arguments)
    }

    /// A ClickHouse engine behind its HTTP interface.
    pub fn clickhouse() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let store = dir.path().join("store").display().to_string();
        Self::start("clickhouse_front.py", dir, &[store])
    }

    /// The same behind TLS with a password; its CA is `ca.pem` in its folder.
    pub fn clickhouse_over_tls(password: &str) -> Self {
        let dir = Self::certificates();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let arguments = [path("store"), path("leaf.pem"), path("leaf.key"), password.to_owned()];
        Self::start("clickhouse_front.py", dir, &arguments)
    }

    /// A folder with a CA and a certificate for localhost.
    fn certificates() -> TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        let made = Command::new(python()).arg(root().join("tests/peers/ca.py")).arg(dir.path()).status();
        assert!(made.expect("python runs").success());
        dir
    }

    pub fn url(&self) -> String {
        let secure = self.dir.path().join("leaf.key").exists();
        let (scheme, host) = if secure { ("https", "localhost") } else { ("http", "127.0.0.1") };
        format!("{scheme}://{host}:{}", self.port)
    }

    /// Asks the engine; an error is a failure of the test.
    pub fn query(&self, sql: &str) -> Vec<serde_json::Value> {
        self.ask(sql).unwrap_or_else(|said| panic!("{sql}: {said}"))
    }

    /// Asks the engine; the error is what it said.
    pub fn ask(&self, sql: &str) -> Result<Vec<serde_json::Value>, String> {
        let output = Command::new("curl")
            .args(["-s", "-k", "-G", &self.url(), "--data-urlencode", &format!("query={sql}")])
            .output();
        let text = String::from_utf8(output.expect("curl runs").stdout).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).map_err(|_not_a_row| text.clone())).collect()
    }

    /// The next `count` requests meet a fault.
    pub fn fault(&self, kind: &str, count: u32) {
        let url = format!("{}/fault?kind={kind}&count={count}", self.url());
        assert!(
            Command::new("curl").args(["-s", "-o", "/dev/null", &url]).status().expect("curl runs").success()
        );
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
