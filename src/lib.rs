//! Daylight: a TLS-intercepting forward proxy that recognises Model Context Protocol traffic, judges it, answers it and
//! records it.
//!
//! The rooms, top uses below (`tests/shape.rs`):
//!
//! | storey | rooms |
//! |---|---|
//! | top | `main`, `cli`, `app`, `config` |
//! | faces, which never use each other | `proxy`, `setup`, `admin` |
//! | control, shared by the faces | `inlet`, `audit`, `answers`, `ruling`, `policy`, `budget`, `identity` |
//! | ground | `detect` (`mcp`, `inspect`, `dlp`, `rules`), `store` (`event`, `journal`, `sink`), `wire` (`net`, `tls`, `http`, `listener`, `tasks`) |
//! | base | `telemetry`, `yaml`, `clock`, `host`, `verdict` |
//!
//! `detect`, `store::event`, `policy`, `host` and `verdict` are pure: no clock, socket or lock; time and randomness are
//! arguments. (`detect::rules` reads its files and shares scratch memory.)

pub(crate) mod admin;
pub(crate) mod answers;
pub(crate) mod app;
pub(crate) mod audit;
pub(crate) mod budget;
pub mod cli;
pub(crate) mod clock;
pub mod config;
pub mod detect;
pub mod host;
pub mod identity;
pub(crate) mod inlet;
pub(crate) mod policy;
pub(crate) mod proxy;
pub(crate) mod ruling;
pub(crate) mod setup;
pub mod store;
pub mod telemetry;
pub mod verdict;
pub mod wire;
pub(crate) mod yaml;
