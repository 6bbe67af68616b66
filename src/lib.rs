//! Daylight: a TLS-intercepting forward proxy that recognises Model Context Protocol traffic, judges it, answers it and
//! records it.
//!
//! The modules in the order a request meets them; a module uses only modules of a lower rank (`tests/shape.rs`):
//!
//! | rank | modules |
//! |---|---|
//! | 7 | `cli` |
//! | 6 | `app` |
//! | 5 | `config` |
//! | 4 | `tunnel` |
//! | 3 | `policy`, `sink` |
//! | 2 | `rules`, `http`, `journal` |
//! | 1 | `inspect`, `tls`, `listener`, `identity`, `event` |
//! | 0 | `mcp`, `net`, `telemetry` |
//!
//! `mcp`, `event`, `inspect`, `rules` and `policy` are pure: no clock, socket or lock; time and randomness are arguments.

pub mod app;
pub mod cli;
pub mod config;
pub mod dlp;
pub mod event;
pub mod http;
pub mod identity;
pub mod inspect;
pub mod journal;
pub mod listener;
pub mod mcp;
pub mod net;
pub mod policy;
pub mod rules;
pub mod sink;
pub mod telemetry;
pub mod tls;
pub mod tunnel;
pub mod yaml;
