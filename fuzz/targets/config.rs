//! A configuration file: a refusal names a place in it.
#![no_main]

use daylight::config::{Config, Variables};
use daylight_fuzz::{file, lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(located) = Config::load(Some(&file(text)), &Variables::default()) {
        assert!(located.line <= lines(text) && !located.message.is_empty(), "{located}");
    }
});
