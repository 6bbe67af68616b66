//! The program under test, as a process.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{AFTER_RETRIES, Origin, SOON, eventually, root};

/// Arranges a gateway.
#[derive(Debug)]
pub struct Builder {
    yaml: String,
    roots: Vec<PathBuf>,
    deny_nothing: bool,
    named: Vec<String>,
    log_filter: Option<String>,
}

/// A gateway with the shipped rules that may reach loopback.
pub fn gateway() -> Builder {
    Builder {
        yaml: String::new(),
        roots: Vec::new(),
        deny_nothing: true,
        named: Vec::new(),
        log_filter: None,
    }
}

impl Builder {
    pub fn config(mut self, yaml: &str) -> Self {
        self.yaml.push_str(yaml);
        self.yaml.push('\n');
        self
    }

    pub fn trusting(mut self, origin: &Origin) -> Self {
        self.roots.push(origin.ca.clone());
        self
    }

    pub fn trusting_file(mut self, file: PathBuf) -> Self {
        self.roots.push(file);
        self
    }

    /// Gives a name this machine's address, as a name server would give it one.
    pub fn naming(mut self, host: &str) -> Self {
        self.named.push(format!("{host}: [127.0.0.1]"));
        self
    }

    /// Keeps the default `destinations.deny`.
    pub fn guarded(mut self) -> Self {
        self.deny_nothing = false;
        self
    }

    /// Sets `DAYLIGHT_LOG`.
    pub fn logging(mut self, filter: &str) -> Self {
        self.log_filter = Some(filter.to_owned());
        self
    }

    pub fn start(self) -> Gateway {
        self.start_with("unused", "")
    }

    /// Starts with one more file beside the configuration.
    pub fn start_with(self, name: &str, text: &str) -> Gateway {
        let dir = tempfile::tempdir().expect("a folder");
        let roots: Vec<String> =
            self.roots.iter().map(|path| format!("{:?}", path.display().to_string())).collect();
        let open = if self.deny_nothing { "deny: [], connect_ports: [\"1-65535\"]," } else { "" };
        let deny = format!("destinations: {{ {open} hosts: {{ {} }} }}\n", self.named.join(", "));
        let rules = root().join("rules");
        let extra = if self.yaml.contains("rules:") {
            String::new()
        } else {
            format!("rules: [{:?}]\n", rules.display().to_string())
        };
        let yaml = format!(
            "listen: {{ proxy: 127.0.0.1:0, admin: 127.0.0.1:0 }}\ntls: {{ extra_roots: [{}] }}\n{deny}{extra}{}",
            roots.join(", "),
            self.yaml
        );
        std::fs::write(dir.path().join(name), text).expect("the file");
        std::fs::write(dir.path().join("daylight.yaml"), yaml).expect("the configuration");
        Gateway::spawn_logging(dir, self.log_filter.as_deref())
    }
}

/// A running gateway; killed when dropped.
#[derive(Debug)]
pub struct Gateway {
    pub dir: TempDir,
    pub proxy: String,
    pub admin: String,
    child: Child,
}

impl Gateway {
    pub fn spawn(dir: TempDir) -> Self {
        Self::spawn_logging(dir, None)
    }

    fn spawn_logging(dir: TempDir, filter: Option<&str>) -> Self {
        // With the signal ignored, a limit on file sizes fails a write as a full disk does.
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_daylight")])
            .args(["run", "--config", "daylight.yaml"])
            .current_dir(dir.path())
            .envs(filter.map(|filter| ("DAYLIGHT_LOG", filter)))
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(dir.path().join("log")).expect("the log"))
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let mut find = |word: &str| loop {
            let line = lines.next().and_then(Result::ok).unwrap_or_else(|| {
                panic!(
                    "no `{word}` line: {}",
                    std::fs::read_to_string(dir.path().join("log")).unwrap_or_default()
                )
            });
            if let Some(rest) = line.trim().strip_prefix(word) {
                break rest
                    .trim()
                    .trim_start_matches("http://")
                    .split('/')
                    .next()
                    .unwrap_or_default()
                    .to_owned();
            }
        };
        let proxy = find("proxy ");
        let admin = find("metrics ");
        Self { proxy, admin, child, dir }
    }

    /// Kills without warning and starts again on the same folder and with new ports.
    pub fn kill_and_restart(mut self) -> Self {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().expect("a folder"));
        drop(self);
        Self::spawn(dir)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs the program's other verbs on the same configuration.
    pub fn verb(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_daylight"))
            .args(arguments)
            .args(["--config", "daylight.yaml"])
            .current_dir(self.dir.path())
            .output()
            .expect("the program runs")
    }

    pub fn events(&self) -> Vec<Value> {
        let output = self.verb(&["events", "--json", "--limit", "1000000"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Waits until an event satisfies the condition.
    pub fn event(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut found = None;
        eventually(SOON, &format!("an event: {what}"), || {
            found = self.events().into_iter().find(&wanted);
            found.is_some()
        });
        found.expect("there is one now")
    }

    /// What the program said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).expect("the log")
    }

    pub fn metrics(&self) -> String {
        let output = Command::new("curl")
            .args(["-s", &format!("http://{}/metrics", self.admin)])
            .output()
            .expect("curl");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Asks for a reload; true when it was accepted.
    pub fn reload(&self) -> (bool, String) {
        let url = format!("http://{}/reload", self.admin);
        let output = Command::new("curl")
            .args(["-s", "-w", "\n%{http_code}", "-X", "POST", &url])
            .output()
            .expect("curl");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        (text.ends_with("\n200"), text)
    }

    /// Sends a signal by name and waits for the exit code.
    pub fn stop(mut self, signal: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        Command::new("kill").args([signal, &pid]).status().expect("kill runs");
        let mut code = None;
        eventually(AFTER_RETRIES, "the gateway ends", || {
            code = self.child.try_wait().expect("a state").map(|status| status.code());
            code.is_some()
        });
        code.flatten()
    }
}

impl Drop for Gateway {
    #[expect(clippy::print_stdout, reason = "a failed test shows what its gateway said")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default());
        }
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
