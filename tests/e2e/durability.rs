//! Killed without warning: what a client was answered is in the journal.

use crate::support::{Origin, TOOLS_CALL, curl, gateway};

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
