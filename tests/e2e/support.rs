//! A gateway process, origins, clients.

pub mod gateway;
pub mod origin;
pub mod peer;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

pub use gateway::{Gateway, gateway};
pub use origin::Origin;
pub use peer::Peer;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Python with the test packages; `make test` installs it.
pub fn python() -> PathBuf {
    let python = root().join(".venv/bin/python");
    assert!(python.exists(), "{} is missing: run `make test-tools`", python.display());
    python
}

/// For what happens at once on an idle machine.
pub const SOON: Duration = Duration::from_secs(20);
/// For what a retry of delivery has to bring about.
pub const AFTER_RETRIES: Duration = Duration::from_secs(60);

/// Waits until a condition holds. The test fails when it does not hold within the deadline; `what` says what was awaited.
pub fn eventually(deadline: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + deadline;
    while !holds() {
        assert!(Instant::now() < end, "not within {deadline:?}: {what}");
        // Leaves the processor to those that are waited for.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A curl run: status and body, or curl's own error.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Runs curl through a gateway, trusting its CA.
pub fn curl(gateway: &Gateway, arguments: &[&str]) -> Answer {
    let proxy = format!("http://{}", gateway.proxy);
    let ca = gateway.dir.path().join("certs/ca.pem");
    let mut command = Command::new("curl");
    command
        .args(["-s", "-S", "-i", "-m", "20", "--suppress-connect-headers", "-x", &proxy, "--cacert"])
        .arg(ca);
    let output = command.args(arguments).output().expect("curl runs");
    answer(&output)
}

pub fn answer(output: &Output) -> Answer {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut rest = text.as_str();
    // Interim answers and 100s come first.
    let (mut head, mut body) = ("", "");
    while rest.starts_with("HTTP/") {
        (head, body) = rest.split_once("\r\n\r\n").unwrap_or((rest, ""));
        let interim =
            head.starts_with("HTTP/1.1 1") || (head.starts_with("HTTP/1.1 200") && body.starts_with("HTTP/"));
        if !interim {
            break;
        }
        rest = body;
    }
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    let body =
        if head.is_empty() { String::from_utf8_lossy(&output.stderr).into_owned() } else { body.to_owned() };
    Answer { code: output.status.code().unwrap_or(-1), status, head: head.to_ascii_lowercase(), body }
}

/// A body that is MCP.
pub const TOOLS_CALL: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}"#;
