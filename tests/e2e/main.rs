//! End to end: the real program, real clients and servers over loopback. One binary, so that it links once.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(
    unreachable_pub,
    missing_docs,
    dead_code,
    clippy::allow_attributes,
    reason = "a test program has no interface"
)]

mod answers;
mod cli;
mod delivery;
mod deploy;
mod durability;
mod editor;
mod faults;
mod limits;
mod logs;
mod peers;
mod proxy;
mod readme;
mod setup;
mod support;
mod upgrade;
mod wire;
