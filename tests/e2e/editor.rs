//! What `daylight schema` and `examples/` promise, tried with the language server that editors use for YAML.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::root;

const PROGRAM: &str = env!("CARGO_BIN_EXE_daylight");

/// What the editor shows for each file: mistakes, and help for the keys of the outermost level.
fn shown(schema: &str, files: &[PathBuf]) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("schema.json");
    let printed = Command::new(PROGRAM).args(["schema", schema]).output().unwrap();
    std::fs::write(&file, printed.stdout).unwrap();
    let editor = Command::new("node")
        .arg(root().join("tests/peers/editor.mjs"))
        .arg(&file)
        .args(files)
        .output()
        .unwrap();
    assert!(editor.status.success(), "{}", String::from_utf8_lossy(&editor.stderr));
    serde_json::from_slice(&editor.stdout).unwrap()
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|e| e == "yaml")).collect();
    files.sort();
    files
}

/// What `daylight check` says, and with which exit code it ends.
fn checked(file: &Path) -> (Option<i32>, String) {
    let output =
        Command::new(PROGRAM).arg("check").arg("--config").arg(file).current_dir(root()).output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

fn no_mistakes_and_help_for_every_key(files: &[PathBuf], shown: &[Value]) {
    for (file, shown) in files.iter().zip(shown) {
        assert_eq!(shown["mistakes"], serde_json::json!([]), "{}", file.display());
        let help = shown["help"].as_object().unwrap();
        let silent: Vec<_> = help.iter().filter(|(_, text)| text.as_str() == Some("")).collect();
        assert!(!help.is_empty() && silent.is_empty(), "{}: {silent:?}", file.display());
    }
}

#[test]
fn check_proves_the_examples() {
    let examples = yaml_files("examples");
    assert!(examples.len() >= 5, "{examples:?}");
    for file in &examples {
        let (code, said) = checked(file);
        assert_eq!(code, Some(0), "{}: {said}", file.display());
    }
}

#[test]
fn an_editor_finds_no_mistake_in_what_we_ship_and_helps_with_every_key() {
    let mut configurations = yaml_files("examples");
    configurations.push(root().join("deploy/etc/daylight.yaml"));
    no_mistakes_and_help_for_every_key(&configurations, &shown("config", &configurations));
    let mut rules = yaml_files("rules");
    rules.push(root().join("src/detect/rules/tests/conditions.yaml"));
    no_mistakes_and_help_for_every_key(&rules, &shown("rules", &rules));
}

#[test]
fn an_editor_points_to_the_place_that_check_points_to() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = [
        "data: ./x\nbogus: 1\n",
        "record: some\n",
        "listen:\n  proxy: nowhere\n",
        "listen:\n  proxi: 127.0.0.1:1\n",
        "posture: { shadow: blok }\n",
        "rules: ./rules\n",
        "limits: { head_fields: 4 }\n",
        "limits:\n  connections: 0\n",
        "limits: { drain_ms: soon }\n",
        "inspect: { hold_bytes: many }\n",
        "destinations:\n  deny: [ loopback, evil ]\n",
        "destinations:\n  connect_ports: [ 443, 0 ]\n",
        "bypass:\n  - { host: a.example, expires: soon }\n",
        "auth: { users: [ { name: a, password_hash: secret } ] }\n",
        "clickhouse: { url: \"ftp://c.example\" }\n",
        "pac: { direct_on_failure: perhaps }\n",
    ];
    let write = |(index, text): (usize, &&str)| {
        let file = dir.path().join(format!("{index}.yaml"));
        std::fs::write(&file, text).unwrap();
        file
    };
    let files: Vec<PathBuf> = wrong.iter().enumerate().map(write).collect();
    for (file, shown) in files.iter().zip(shown("config", &files)) {
        let (code, said) = checked(file);
        let place =
            said.split(": ").nth(1).unwrap().rsplit(':').take(2).map(|number| number.parse().unwrap());
        let place: Vec<u64> = place.collect();
        let pointed = |mistake: &&Value| mistake["column"] == place[0] && mistake["line"] == place[1];
        let found = shown["mistakes"].as_array().unwrap().iter().find(pointed);
        assert!(code == Some(78) && found.is_some(), "{said} {shown}");
    }
}
