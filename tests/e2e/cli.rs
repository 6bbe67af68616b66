//! The command line: exit codes, messages, reload, drain.

use std::io::BufRead;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use crate::support::{Origin, SOON, TOOLS_CALL, curl, eventually, gateway, root};

fn daylight(dir: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_daylight")).args(arguments).current_dir(dir).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_broken_configuration_or_rule_exits_78_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("c.yaml"), "record: some\n").unwrap();
    std::fs::write(dir.path().join("r.yaml"), "rules:\n  - id: a\n    bogus: 1\n").unwrap();
    std::fs::write(dir.path().join("d.yaml"), "rules: [ r.yaml ]\n").unwrap();
    for (file, place) in [("c.yaml", "c.yaml:1:9: "), ("d.yaml", "r.yaml:3:5: ")] {
        for verb in ["check", "run"] {
            let output = daylight(dir.path(), &[verb, "--config", file]);
            assert_eq!(output.status.code(), Some(78), "{verb} {file}");
            assert!(stderr(&output).contains(place), "{}", stderr(&output));
        }
    }
    assert_eq!(daylight(dir.path(), &["fly"]).status.code(), Some(2));
    assert!(!dir.path().join("data").exists() && !dir.path().join("certs").exists(), "nothing was written");
}

#[test]
fn what_is_in_the_way_is_said_in_one_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let rules = root().join("rules").display().to_string();
    let config = |text: &str| {
        std::fs::write(dir.path().join("c.yaml"), format!("rules: [{rules:?}]\n{text}\n")).unwrap()
    };
    config(&format!("listen: {{ proxy: {} }}", taken.local_addr().unwrap()));
    let output = daylight(dir.path(), &["run", "--config", "c.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("another program listens there"), "{}", stderr(&output));
    std::fs::write(dir.path().join("file"), "").unwrap();
    config("listen: { proxy: 127.0.0.1:0, admin: 127.0.0.1:0 }\ndata: ./file/x");
    assert!(stderr(&daylight(dir.path(), &["run", "--config", "c.yaml"])).contains("choose a folder"));
    assert_eq!(daylight(dir.path(), &["ca", "init"]).status.code(), Some(0));
    std::fs::set_permissions(dir.path().join("certs/ca.key"), std::fs::Permissions::from_mode(0o644))
        .unwrap();
    let output = daylight(dir.path(), &["run", "--config", "c.yaml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("chmod 600"), "{}", stderr(&output));
}

#[test]
fn the_ca_is_made_shown_exported_and_rotated() {
    let dir = tempfile::tempdir().unwrap();
    assert!(daylight(dir.path(), &["ca", "init"]).status.success());
    let mode = std::fs::metadata(dir.path().join("certs/ca.key")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(daylight(dir.path(), &["ca", "init"]).status.code(), Some(1), "never overwritten");
    let first = daylight(dir.path(), &["ca", "export"]).stdout;
    let shown = String::from_utf8(daylight(dir.path(), &["ca", "show"]).stdout).unwrap();
    let openssl = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in", "certs/ca.pem"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let fingerprint = String::from_utf8(openssl.stdout).unwrap();
    assert!(shown.contains(fingerprint.trim().split('=').nth(1).unwrap()), "{shown} {fingerprint}");
    assert!(daylight(dir.path(), &["ca", "rotate", "--overlap-days", "7"]).status.success());
    assert_ne!(daylight(dir.path(), &["ca", "export"]).stdout, first);
    let previous = std::fs::read(dir.path().join("certs/ca-previous.pem")).unwrap();
    assert!(previous.ends_with(&first));
}

#[test]
fn the_other_verbs_print_what_they_promise() {
    let dir = root();
    let text = |arguments: &[&str]| String::from_utf8(daylight(dir, arguments).stdout).unwrap();
    assert!(text(&["rules", "test"]).contains(" samples, 0 failed"));
    assert!(text(&["rules", "list"]).contains("shadow-mcp-call"));
    assert!(text(&["rules", "explain", "shadow-mcp-call"]).contains("needs     mcp"));
    assert!(text(&["schema", "clickhouse", "--cluster", "main"]).contains("ON CLUSTER main"));
    assert_eq!(daylight(dir, &["schema", "clickhouse", "--database", "a b"]).status.code(), Some(2));
    assert!(text(&["schema", "sqlite"]).contains("CREATE TABLE IF NOT EXISTS events"));
    assert!(text(&["man"]).contains(".TH daylight"));
    let pages = tempfile::tempdir().unwrap();
    let page = |name: &str| std::fs::read_to_string(pages.path().join(name)).unwrap();
    assert!(daylight(pages.path(), &["man", "--dir", "."]).status.success());
    for (name, option) in [
        ("daylight.1", "daylight\\-events(1)"),
        ("daylight-run.1", "\\-\\-config"),
        ("daylight-ca-rotate.1", "\\-\\-overlap\\-days"),
        ("daylight-rules-list.1", "\\-\\-json"),
    ] {
        assert!(page(name).contains(option), "{name}: {}", page(name));
    }
    assert!(text(&["completions", "bash"]).contains("_daylight"));
}

#[test]
fn programs_can_read_what_check_and_the_ca_say() {
    let dir = tempfile::tempdir().unwrap();
    let rules = root().join("rules").display().to_string();
    std::fs::write(dir.path().join("good.yaml"), format!("rules: [{rules:?}]\n")).unwrap();
    std::fs::write(dir.path().join("bad.yaml"), "record: some\n").unwrap();
    let json = |arguments: &[&str]| {
        let output = daylight(dir.path(), arguments);
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = json(&["check", "--json", "--config", "good.yaml"]);
    assert_eq!((code, &said["ok"]), (Some(0), &true.into()));
    let (code, said) = json(&["check", "--json", "--config", "bad.yaml"]);
    assert_eq!((code, &said["ok"]), (Some(78), &false.into()));
    assert!(said["error"].as_str().unwrap().starts_with("bad.yaml:1:9: "), "{said}");
    daylight(dir.path(), &["ca", "init"]);
    let (_, said) = json(&["ca", "show", "--json"]);
    let shown = String::from_utf8(daylight(dir.path(), &["ca", "show"]).stdout).unwrap();
    for key in ["sha256", "sha1", "valid_until"] {
        assert!(shown.contains(said[key].as_str().unwrap()), "{key}: {said} {shown}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_a_full_disk_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let printing = |to: std::process::Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_daylight"));
        command.args(["schema", "config"]).current_dir(dir.path()).stdout(to);
        command.stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = printing(writer.into());
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
    let output = printing(std::fs::File::create("/dev/full").unwrap().into());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("cannot write to standard output: "), "{}", stderr(&output));
}

#[test]
fn check_names_a_bypass_that_has_ended_with_its_owner() {
    let dir = tempfile::tempdir().unwrap();
    let rules = root().join("rules").display().to_string();
    let bypass = "bypass: [ { host: a.example, owner: net team, expires: 2020-01-31 } ]";
    std::fs::write(dir.path().join("c.yaml"), format!("{bypass}\nrules: [{rules:?}]\n")).unwrap();
    let output = daylight(dir.path(), &["check", "--config", "c.yaml"]);
    let said = String::from_utf8(output.stdout).unwrap();
    let note = "note: c.yaml:1:19: this bypass (owner: net team) ended on 2020-01-31";
    assert!(output.status.success() && said.contains(note), "{said}");
    let output = daylight(dir.path(), &["check", "--json", "--config", "c.yaml"]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["ok"], &said["notes"][0]["line"]), (&true.into(), &1.into()), "{said}");
}

#[test]
fn a_variable_that_is_no_key_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_daylight"))
        .arg("check")
        .env("DAYLIGHT_LISTEN_PROXI", "127.0.0.1:1")
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("DAYLIGHT_LISTEN_PROXI: no such variable"), "{}", stderr(&output));
}

#[test]
fn the_service_manager_is_told_when_the_gateway_is_ready_and_when_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    let told = || {
        let mut state = [0; 64];
        let length = manager.recv(&mut state).unwrap();
        String::from_utf8(state[..length].to_vec()).unwrap()
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_daylight"))
        .arg("run")
        .current_dir(dir.path())
        .envs([
            ("NOTIFY_SOCKET", socket.to_str().unwrap()),
            ("DAYLIGHT_RULES", &format!("[ {:?} ]", root().join("rules").display().to_string())),
            ("DAYLIGHT_LISTEN_PROXY", "127.0.0.1:0"),
            ("DAYLIGHT_LISTEN_ADMIN", "127.0.0.1:0"),
        ])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(told(), "READY=1");
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(told(), "STOPPING=1");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn rules_are_checked_and_tested_for_programs() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("c.yaml"), "rules: [ r.yaml ]\n").unwrap();
    let rule = "rules:\n  - id: a\n    title: t\n    action: log\n    match: { path: [/x] }\n    samples:\n      match: [{ path: /y }]\n";
    let lines = |verb: &str, rule: &str| -> (Option<i32>, Vec<serde_json::Value>) {
        std::fs::write(dir.path().join("r.yaml"), rule).unwrap();
        let output = daylight(dir.path(), &["rules", verb, "--json", "--config", "c.yaml"]);
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    };
    let (code, rows) = lines("check", rule);
    assert_eq!((code, &rows[0]["ok"], &rows[0]["rules"]), (Some(0), &true.into(), &1.into()));
    let (code, rows) = lines("check", &rule.replace("log", "lgo"));
    assert_eq!((code, &rows[0]["ok"], &rows[0]["line"]), (Some(78), &false.into(), &4.into()));
    assert_eq!((&rows[0]["column"], &rows[0]["text"]), (&13.into(), &"action: lgo".into()));
    let (code, rows) = lines("test", rule);
    assert_eq!((code, rows.len()), (Some(1), 2));
    assert_eq!((&rows[0]["rule"], &rows[0]["line"], &rows[0]["ok"]), (&"a".into(), &7.into(), &false.into()));
    assert_eq!((&rows[1]["list"], &rows[1]["problem"]), (&"no_match".into(), &"is missing".into()));
}

#[test]
fn a_reload_swaps_rules_or_keeps_the_old_ones_and_says_why() {
    let origin = Origin::start();
    let own = "rules:\n  - {id: one, title: t, action: block, match: {path: [/one]}}\n";
    let gateway = gateway().trusting(&origin).config("rules: [ ./own.yaml ]").start_with("own.yaml", own);
    assert_eq!(curl(&gateway, &[&origin.url("/one")]).status, 403);
    let file = gateway.dir.path().join("own.yaml");
    std::fs::write(&file, "rules: [ broken").unwrap();
    let (accepted, why) = gateway.reload();
    assert!(!accepted && why.contains("own.yaml:1:"), "{why}");
    assert_eq!(curl(&gateway, &[&origin.url("/one")]).status, 403, "the old set stays");
    assert!(gateway.metrics().contains("daylight_config_reloads_total{result=\"failed\"}"));
    std::fs::write(&file, own.replace("one", "two")).unwrap();
    assert!(gateway.reload().0);
    assert_eq!(curl(&gateway, &[&origin.url("/one")]).status, 200);
    assert_eq!(curl(&gateway, &[&origin.url("/two")]).status, 403);
    // The watcher alone is enough, too; and SIGHUP reads again what has not changed.
    std::fs::write(&file, own.replace("one", "three")).unwrap();
    let blocks = |path: &str| curl(&gateway, &[&origin.url(path)]).status == 403;
    eventually(SOON, "the changed file is in force", || blocks("/three"));
    // An editor that puts a new file in the place of the old one, more than once.
    for path in ["four", "five", "six"] {
        let fresh = gateway.dir.path().join("own.yaml.new");
        std::fs::write(&fresh, own.replace("one", path)).unwrap();
        std::fs::rename(&fresh, &file).unwrap();
        eventually(SOON, "the file put in its place is in force", || blocks(&format!("/{path}")));
    }
    let accepted = || {
        let metrics = gateway.metrics();
        let line =
            metrics.lines().find(|line| line.starts_with("daylight_config_reloads_total{result=\"ok\"}"));
        line.and_then(|line| line.rsplit(' ').next()).and_then(|count| count.parse().ok()).unwrap_or(0_u64)
    };
    let before = accepted();
    Command::new("kill").args(["-HUP", &gateway.pid().to_string()]).status().unwrap();
    eventually(SOON, "SIGHUP is counted as a reload", || accepted() > before);
}

#[test]
fn a_signal_drains_and_exits_0() {
    let origin = Origin::start();
    for signal in ["-TERM", "-INT"] {
        let gateway = gateway().trusting(&origin).start();
        curl(&gateway, &[&origin.url("/echo"), "-d", TOOLS_CALL]);
        assert_eq!(gateway.stop(signal), Some(0), "{signal}");
    }
}

#[test]
fn sql_is_read_only_and_every_metric_is_described() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).start();
    curl(&gateway, &[&origin.url("/echo"), "-d", TOOLS_CALL]);
    let rows = gateway.verb(&["sql", "--json", "SELECT host, tools, exchanges FROM shadow_servers"]);
    let row: serde_json::Value = serde_json::from_slice(&rows.stdout).unwrap();
    assert_eq!(row, serde_json::json!({"host": "localhost", "tools": "echo", "exchanges": 1}));
    let refused = gateway.verb(&["sql", "DELETE FROM events"]);
    assert_eq!(refused.status.code(), Some(1));
    let metrics = gateway.metrics();
    for line in metrics.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap();
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name}");
    }
    assert!(metrics.contains("daylight_rule_matches_total{rule=\"shadow-mcp-call\"} 1"));
    assert!(metrics.contains("daylight_leaf_cache_misses_total 1\n"), "{metrics}");
    assert!(metrics.contains("# TYPE daylight_journal_rows_written counter"), "{metrics}");
    let ready = curl(&gateway, &["--noproxy", "*", &format!("http://{}/readyz", gateway.admin)]);
    assert_eq!(ready.body, "ready\n");
}

#[test]
fn events_are_filtered_and_followed() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).start();
    let call = || curl(&gateway, &["-d", TOOLS_CALL, &origin.url("/echo")]);
    let count = |arguments: &[&str]| {
        let output = gateway.verb(&[&["events", "--json"], arguments].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        output.stdout.iter().filter(|byte| **byte == b'\n').count()
    };
    call();
    curl(&gateway, &[&origin.url("/page")]);
    gateway.event("the page", |event| event["path"] == "/page");
    for (arguments, expected) in [
        (&[][..], 2),
        (&["--detections"], 1),
        (&["--mcp", "--since", "1h"], 1),
        (&["--until", "2026-01-01"], 0),
        (&["--since", "2026-01-01T00:00:00+02:00", "--verdict", "allow"], 1),
        (&["--host", "localhost", "--rule", "shadow-mcp-call"], 1),
        (&["--host", "*.example"], 0),
        (&["--limit", "1"], 1),
    ] {
        assert_eq!(count(arguments), expected, "{arguments:?}");
    }
    for wrong in [["--since", "soon"], ["--until", "99d99"], ["--verdict", "fly"]] {
        assert_eq!(gateway.verb(&[&["events"][..], &wrong].concat()).status.code(), Some(2), "{wrong:?}");
    }
    let mut follower = Command::new(env!("CARGO_BIN_EXE_daylight"))
        .args(["events", "--follow", "--json", "--detections", "--config", "daylight.yaml"])
        .current_dir(gateway.dir.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let first = next();
    call();
    assert_ne!(next()["id"], first["id"], "the new event, after the one that was there");
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn logs_are_json_where_no_terminal_reads_them_and_health_is_told() {
    let gateway = gateway().start();
    let admin = |path: &str| {
        let url = format!("http://{}{path}", gateway.admin);
        crate::support::answer(&Command::new("curl").args(["-s", "-i", &url]).output().unwrap())
    };
    assert_eq!((admin("/healthz").status, admin("/readyz").status), (200, 200));
    assert_eq!(admin("/nothing").status, 404);
    gateway.reload();
    let log = gateway.log();
    assert!(log.lines().count() > 0);
    for line in log.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(entry["level"].is_string() && entry["message"].is_string(), "{line}");
    }
}
