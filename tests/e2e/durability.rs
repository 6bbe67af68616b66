//! Killed without warning: what a client was answered is in the journal.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Gateway, Origin, SOON, TOOLS_CALL, curl, eventually, gateway};

#[test]
fn an_answered_detection_survives_a_kill() {
    let origin = Origin::start();
    let mut gateway = gateway().trusting(&origin).config("posture: { shadow: block }").start();
    for round in 1..=5 {
        curl(&gateway, &[&origin.url("/echo"), "-d", TOOLS_CALL]);
        gateway = gateway.kill_and_restart();
        assert_eq!(gateway.events().len(), round);
    }
}

/// Files of the gateway cannot grow beyond so many bytes: writing fails as it does on a full disk, as any user.
fn limit_files(gateway: &Gateway, bytes: &str) {
    let pid = gateway.pid().to_string();
    let limited = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status();
    assert!(limited.unwrap().success(), "prlimit (util-linux) sets a limit");
}

fn is_ready(gateway: &Gateway) -> bool {
    let url = format!("http://{}/readyz", gateway.admin);
    curl(gateway, &["--noproxy", "*", &url]).status == 200
}

#[test]
fn a_full_disk_keeps_the_gateway_closed_until_there_is_room() {
    let origin = Origin::start();
    let gateway = gateway().trusting(&origin).config("posture: { shadow: block }").start();
    let answered = || curl(&gateway, &["-d", TOOLS_CALL, &origin.url("/echo")]).status == 403;
    assert!(answered() && is_ready(&gateway));
    let wal = gateway.dir.path().join("data/daylight.db-wal");
    let size = std::fs::metadata(wal).unwrap().len();
    // Room for an event or two, and not for what comes.
    limit_files(&gateway, &(size + 64 * 1024).to_string());
    let mut stored = 1;
    eventually(SOON, "the store is full, and nothing is answered", || {
        let full = !answered();
        stored += usize::from(!full);
        full
    });
    // Several trials of the store later, nothing has slipped through.
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        assert!(!is_ready(&gateway), "ready after {stored} events");
        assert!(!answered());
    }
    assert!(gateway.metrics().contains("daylight_journal_failing 1\n"));
    limit_files(&gateway, "unlimited");
    eventually(SOON, "there is room, and the gateway is ready", || is_ready(&gateway));
    assert!(answered());
    assert_eq!(gateway.events().len(), stored + 1, "what was answered, and nothing else");
}
