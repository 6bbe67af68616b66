//! The commands of the README, run as they stand.

use std::process::Command;

use crate::support::{Origin, TOOLS_CALL, curl, gateway, root};

#[test]
fn the_readmes_commands_run() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks: Vec<&str> = readme
        .split("<!-- run by tests -->\n```sh\n")
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect();
    assert_eq!(blocks.len(), 4);
    assert_eq!(readme.matches("```sh\n").count(), blocks.len(), "a block of commands that no test runs");
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).start();
    curl(&gateway, &[&origin.url("/echo"), "-d", TOOLS_CALL]);
    let program =
        std::path::Path::new(env!("CARGO_BIN_EXE_daylight")).parent().unwrap().display().to_string();
    for block in blocks {
        let script = block.replace("127.0.0.1:8080", &gateway.proxy);
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &script])
            .current_dir(gateway.dir.path())
            .env("PATH", format!("{program}:{}", std::env::var("PATH").unwrap()))
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&said));
    }
}

/// The queries of `docs/queries.md`.
pub fn saved_queries() -> Vec<String> {
    let docs = std::fs::read_to_string(root().join("docs/queries.md")).unwrap();
    docs.split("```sql\n").skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_saved_query_runs() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).start();
    curl(&gateway, &[&origin.url("/echo"), "-d", TOOLS_CALL]);
    let queries = saved_queries();
    assert_eq!(queries.len(), 7);
    for query in queries {
        let output = gateway.verb(&["sql", &query]);
        assert!(output.status.success(), "{query}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}
