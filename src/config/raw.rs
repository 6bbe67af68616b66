//! What was typed. Every key is optional; unknown keys are refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::environment::{Environment, Section};
use super::within::{Count, Days, Fields, Millis};
use crate::policy::Uninspectable;
use crate::proxy::Record;
use crate::store::journal::WhenFull;
use crate::yaml::Located;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "docs/configuration.md describes every key")]
pub struct Raw {
    pub gateway: Gateway,
    pub listen: Listen,
    pub data: PathBuf,
    pub ca: Ca,
    pub rules: Vec<PathBuf>,
    pub posture: Posture,
    pub approved: Vec<Approved>,
    pub portal: Portal,
    pub record: Record,
    pub tls: Tls,
    pub destinations: Destinations,
    pub bypass: Vec<BypassEntry>,
    pub inspect: Inspect,
    pub auth: Auth,
    pub clickhouse: Option<ClickHouse>,
    pub journal: Journal,
    pub pac: PacEntry,
    pub limits: LimitsEntry,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            gateway: Gateway::default(),
            listen: Listen::default(),
            data: "./data".into(),
            ca: Ca::default(),
            rules: vec!["./rules".into()],
            posture: Posture::default(),
            approved: Vec::new(),
            portal: Portal::default(),
            record: Record::default(),
            tls: Tls::default(),
            destinations: Destinations::default(),
            bypass: Vec::new(),
            inspect: Inspect::default(),
            auth: Auth::default(),
            clickhouse: None,
            journal: Journal::default(),
            pac: PacEntry::default(),
            limits: LimitsEntry::default(),
        }
    }
}

/// Variables for every key: a field that is forgotten here does not compile.
macro_rules! variables {
    ($name:ident { $($key:ident),+ } $(sections { $($inner:ident),+ })?) => {
        impl Section for $name {
            fn apply(&mut self, section: &str, environment: &mut Environment<'_>) -> Result<(), Located> {
                let Self { $($key,)+ $($($inner,)+)? } = self;
                $(environment.set(section, stringify!($key), $key)?;)+
                $($($inner.apply(stringify!($inner), environment)?;)+)?
                Ok(())
            }
        }
    };
}

variables!(Raw { data, rules, approved, record, bypass } sections {
    gateway, listen, ca, posture, portal, tls, destinations, inspect, auth, clickhouse, journal, pac, limits
});
variables!(ClickHouse { url, database, user, password_file, cluster, ttl_days });

/// A section whose keys all have defaults.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($key:ident: $type:ty = $default:expr),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        #[expect(missing_docs, reason = "docs/configuration.md describes every key")]
        pub struct $name { $(pub $key: $type),+ }

        impl Default for $name {
            fn default() -> Self {
                Self { $($key: $default),+ }
            }
        }

        variables!($name { $($key),+ });
    };
}

section!(/// `gateway`
    Gateway { name: Option<String> = None });
section!(/// `listen`
Listen {
    proxy: Option<Spanned<String>> = None,
    web: Option<Spanned<String>> = None,
    admin: Option<Spanned<String>> = None,
});
section!(/// `ca`
    Ca { dir: PathBuf = "./certs".into() });
section!(/// `posture`
    Posture { shadow: Spanned<Shadow> = nowhere(Shadow::Log) });
section!(/// `portal`
    Portal { url: Option<Spanned<String>> = None });
section!(/// `tls`
    Tls { extra_roots: Vec<PathBuf> = Vec::new() });
section!(/// `destinations`
Destinations {
    deny: Vec<Spanned<String>> = words(&["loopback", "link_local", "metadata"]),
    connect_ports: Vec<Spanned<String>> = words(&["443", "1024-65535"]),
    hosts: BTreeMap<String, Vec<Spanned<String>>> = BTreeMap::new(),
});
section!(/// `inspect`
Inspect {
    hold_bytes: Option<Spanned<String>> = None,
    hold_total_bytes: Option<Spanned<String>> = None,
    hold_ms: Millis = const { Millis::of(5000) },
    uninspectable: Uninspectable = Uninspectable::Log,
    payload_bytes: Option<Spanned<String>> = None,
});
section!(/// `auth`
    Auth { users: Vec<UserEntry> = Vec::new() });
section!(/// `journal`
Journal {
    max_age_days: Days = const { Days::of(90) },
    max_bytes: Option<Spanned<String>> = None,
    when_full: WhenFull = WhenFull::Block,
});
section!(/// `pac`
    PacEntry { proxies: Vec<Spanned<String>> = Vec::new(), direct_on_failure: bool = false });
section!(/// `limits`
LimitsEntry {
    connections: Count = const { Count::of(20_000) },
    connections_per_client: Count = const { Count::of(2_000) },
    head_bytes: Option<Spanned<String>> = None,
    head_fields: Fields = const { Fields::of(128) },
    streams: Count = const { Count::of(256) },
    hello_ms: Millis = const { Millis::of(10_000) },
    dial_ms: Millis = const { Millis::of(10_000) },
    tls_ms: Millis = const { Millis::of(10_000) },
    response_head_ms: Millis = const { Millis::of(300_000) },
    idle_ms: Millis = const { Millis::of(120_000) },
    splice_idle_ms: Millis = const { Millis::of(600_000) },
    drain_ms: Millis = const { Millis::of(10_000) },
});

/// What the shipped rules do to MCP that is not approved.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shadow {
    /// Record.
    Log,
    /// Send to the portal.
    Redirect,
    /// Refuse.
    Block,
}

/// One of `approved`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// Host or `*.suffix`.
    pub host: Spanned<String>,
    /// Why.
    pub reason: Option<String>,
}

/// One of `bypass`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BypassEntry {
    /// Host or `*.suffix`.
    pub host: Spanned<String>,
    /// Why.
    pub reason: Option<String>,
    /// Who answers for it; kept for people, unused by the program.
    pub owner: Option<String>,
    /// Last day it applies.
    pub expires: Option<Spanned<String>>,
}

/// One of `auth.users`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserEntry {
    /// Login name.
    pub name: Spanned<String>,
    /// Argon2 hash in PHC form.
    pub password_hash: Spanned<String>,
    /// Groups, for rules.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// `clickhouse`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClickHouse {
    /// HTTP interface.
    pub url: Spanned<String>,
    /// Database.
    #[serde(default = "database")]
    pub database: Spanned<String>,
    /// User.
    #[serde(default = "user")]
    pub user: Spanned<String>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
    /// Cluster name; makes replicated and distributed tables.
    pub cluster: Option<Spanned<String>>,
    /// Rows older than this are dropped by ClickHouse.
    #[serde(default = "ttl_days")]
    pub ttl_days: Days,
}

fn database() -> Spanned<String> {
    word("daylight")
}

fn user() -> Spanned<String> {
    word("default")
}

fn ttl_days() -> Days {
    const { Days::of(365) }
}

fn words(words: &[&str]) -> Vec<Spanned<String>> {
    words.iter().map(|text| word(text)).collect()
}

fn word(text: &str) -> Spanned<String> {
    nowhere(text.to_owned())
}

/// A default, which no file has typed.
fn nowhere<T>(value: T) -> Spanned<T> {
    Spanned::new(value, serde_saphyr::Location::UNKNOWN, serde_saphyr::Location::UNKNOWN)
}
