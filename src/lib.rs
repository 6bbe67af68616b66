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
//! | 1 | `inspect`, `dlp`, `tls`, `listener`, `identity`, `event` |
//! | 0 | `mcp`, `net`, `telemetry`, `yaml` |
//!
//! `mcp`, `event`, `inspect`, `dlp`, `rules` and `policy` are pure: no clock, socket or lock; time and randomness are
//! arguments. (`rules` reads its files and shares scratch memory.)

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
