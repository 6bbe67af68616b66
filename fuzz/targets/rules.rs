//! A rule file: a refusal names a place in it, and the samples of a set that was accepted can be judged.
#![no_main]

use daylight::detect::rules::{self, samples};
use daylight_fuzz::{file, lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match rules::load(&[file(text)]) {
    Ok(set) => drop(samples::run(&set)),
    Err(located) => assert!(located.line <= lines(text) && !located.message.is_empty(), "{located}"),
});
