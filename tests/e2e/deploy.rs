//! What `deploy/`, `docs/install.md` and `docker-compose.yml` promise, as far as it can be tried without an init system and
//! without a container engine.

use std::path::Path;
use std::process::{Command, Output};

use daylight::config;
use serde_json::Value;

use crate::support::{Peer, python, root};

const PROGRAM: &str = env!("CARGO_BIN_EXE_daylight");

fn text(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[test]
fn the_unit_is_valid_and_hardened() {
    let dir = tempfile::tempdir().unwrap();
    let unit = dir.path().join("daylight.service");
    std::fs::write(&unit, text("deploy/daylight.service").replace("/usr/bin/daylight", PROGRAM)).unwrap();
    for verb in [&["verify", "--man=no"][..], &["security", "--offline=yes", "--threshold=15", "--no-pager"]]
    {
        let output = Command::new("systemd-analyze").args(verb).arg(&unit).output().unwrap();
        assert!(output.status.success(), "{verb:?}: {}", said(&output));
        assert!(verb[0] == "security" || said(&output).is_empty(), "{}", said(&output));
    }
}

#[test]
fn the_install_page_puts_files_where_the_unit_looks_and_check_accepts_them() {
    let dir = tempfile::tempdir().unwrap();
    let (repository, machine) = (dir.path().join("repository"), dir.path().join("machine"));
    let machine = machine.to_str().unwrap();
    let moved = |text: &str| {
        ["/usr/", "/etc/", "/var/"].iter().fold(text.to_owned(), |text, start| {
            text.replace(&format!(" {start}"), &format!(" {machine}{start}"))
                .replace(&format!("={start}"), &format!("={machine}{start}"))
        })
    };
    std::fs::create_dir_all(repository.join("target/release")).unwrap();
    std::fs::create_dir_all(repository.join("deploy/etc")).unwrap();
    std::os::unix::fs::symlink(PROGRAM, repository.join("target/release/daylight")).unwrap();
    for shared in ["rules", "docs", "deploy/daylight.service", "deploy/etc/daylight.yaml"] {
        std::os::unix::fs::symlink(root().join(shared), repository.join(shared)).unwrap();
    }
    std::fs::write(repository.join("deploy/etc/environment"), moved(&text("deploy/etc/environment")))
        .unwrap();
    let page = text("docs/install.md");
    let commands = page.split("```sh\n").nth(1).unwrap().split("\n```").next().unwrap();
    let output = Command::new("bash")
        .args(["-euc", &moved(commands).replace("sudo ", "")])
        .current_dir(&repository)
        .env("PATH", format!("{machine}/usr/bin:{}", std::env::var("PATH").unwrap()))
        .output()
        .unwrap();
    assert!(output.status.success() && said(&output).contains("ok: "), "{}", said(&output));
    let unit = text("deploy/daylight.service");
    for line in unit.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        if ["EnvironmentFile", "ExecStart"].contains(&key) {
            let file = value.split(' ').next().unwrap();
            assert!(Path::new(&format!("{machine}{file}")).exists(), "{line}");
        }
    }
    assert!(Path::new(&format!("{machine}/usr/share/man/man1/daylight-run.1")).exists());
}

fn compose() -> Value {
    serde_saphyr::from_str(&text("docker-compose.yml")).unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn the_compose_file_pins_its_images_and_mounts_files_that_exist() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        let image = service["image"].as_str().unwrap_or("daylight-sample");
        let pinned = image.split_once(':').is_some_and(|(_, tag)| tag.matches('.').count() >= 1);
        assert!(pinned || image == "daylight-sample", "{name}: {image}");
        for mount in strings(&service["volumes"]) {
            let source = mount.split(':').next().unwrap();
            let known = compose["volumes"].get(source).is_some() || root().join(source).exists();
            assert!(known, "{name}: {mount}");
        }
    }
    for file in ["Dockerfile", "deploy/sample/Dockerfile"] {
        for line in text(file).lines().filter(|line| line.starts_with("FROM ")) {
            assert!(line.contains('.'), "{file}: {line}");
        }
    }
}

#[test]
fn the_composed_gateway_is_configured_and_keeps_clients_off_the_stores_network() {
    let compose = compose();
    let variables = compose["services"]["gateway"]["environment"].as_object().unwrap();
    let known = config::variable_names();
    let unknown: Vec<_> = variables.keys().filter(|name| !known.contains(*name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let denied = variables["DAYLIGHT_DESTINATIONS_DENY"].as_str().unwrap();
    let subnet = compose["networks"]["store"]["ipam"]["config"][0]["subnet"].as_str().unwrap();
    assert!(denied.contains(subnet), "{subnet} in {denied}");
    for inner in ["clickhouse", "grafana"] {
        assert_eq!(strings(&compose["services"][inner]["networks"]), ["store"], "{inner}");
    }
    for outer in ["sample", "client"] {
        assert_eq!(strings(&compose["services"][outer]["networks"]), ["edge"], "{outer}");
    }
    let dir = tempfile::tempdir().unwrap();
    let mut check = Command::new(PROGRAM);
    check.arg("check").current_dir(dir.path());
    for (name, value) in variables {
        check.env(name, value.as_str().unwrap());
    }
    let rules = format!("[ {:?} ]", root().join("rules").display().to_string());
    let output =
        check.envs([("DAYLIGHT_TLS_EXTRA_ROOTS", "[]"), ("DAYLIGHT_RULES", &rules)]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn the_sample_server_answers_to_the_name_it_was_given_and_to_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new(python())
        .arg(root().join("tests/peers/ca.py"))
        .arg(dir.path())
        .args(["--name", "sample", "--days", "3650"])
        .status()
        .unwrap();
    assert!(made.success());
    let server = Peer::named_mcp_server(dir, "sample");
    let call = |host: &str| {
        let resolve = format!("sample:{}:127.0.0.1", server.port);
        let output = Command::new("curl")
            .args(["-sS", "--noproxy", "*", "--resolve", &resolve, "-o", "/dev/null", "-w", "%{http_code}"])
            .args(["-H", &format!("host: {host}:{}", server.port), "-H", "content-type: application/json"])
            .args(["-H", "accept: application/json, text/event-stream"])
            .args(["-d", r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#])
            .arg("--cacert")
            .arg(server.dir.path().join("ca.pem"))
            .arg(format!("https://sample:{}/mcp", server.port))
            .output()
            .unwrap();
        said(&output)
    };
    assert_eq!((call("sample").as_str(), call("other").as_str()), ("200", "421"));
}
