//! What was typed (`document`) to what each room needs ([`Config`]). One file a section; every mistake points to its line
//! and column, in the file or in the variable.

mod auth;
mod bypass;
pub(crate) mod clickhouse;
mod destinations;
mod document;
mod environment;
mod inspect;
mod journal;
mod limits;
mod listen;
mod pac;
mod policy;
mod section;
mod size;
mod text;
mod within;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use environment::Variables;
pub use limits::{Limits, Totals};

use schemars::Schema;

use crate::identity::User;
use crate::policy::Policy;
use crate::ruling::Recording;
use crate::setup::Pac;
use crate::store::journal::Settings as JournalSettings;
use crate::store::sink::clickhouse::Settings as ClickHouseSettings;
use crate::wire::net::forbidden::Forbidden;
use crate::yaml::{self, Located, Source};
use document::Document;
use environment::Environment;
use policy::PolicyEntries;
use section::Section;

/// A configuration without an invalid state.
#[derive(Debug)]
pub struct Config {
    /// This gateway's name in events.
    pub name: Arc<str>,
    /// The proxy's address.
    pub proxy: SocketAddr,
    /// The admin listener's address.
    pub admin: SocketAddr,
    /// The CA's folder.
    pub ca_dir: PathBuf,
    /// Rule files and folders.
    pub rules: Vec<PathBuf>,
    /// The configured decisions.
    pub policy: Policy,
    /// What is recorded.
    pub record: Recording,
    /// PEM files trusted for origins.
    pub extra_roots: Vec<PathBuf>,
    /// Addresses that are never dialled.
    pub forbidden: Forbidden,
    /// Ports that CONNECT may name.
    pub connect_ports: Vec<(u16, u16)>,
    /// Names with addresses of their own, which no name server is asked for.
    pub hosts: HashMap<Arc<str>, Arc<[IpAddr]>>,
    /// Proxy users.
    pub users: Vec<User>,
    /// The event store.
    pub journal: JournalSettings,
    /// Delivery, when configured.
    pub clickhouse: Option<ClickHouseSettings>,
    /// The PAC file.
    pub pac: Pac,
    /// Limits on a client's connection.
    pub limits: Limits,
    /// Limits on the gateway as a whole.
    pub totals: Totals,
    endings: Vec<bypass::Ending>,
}

impl Config {
    /// Reads a file (or the defaults without one), then the variables, which override it.
    pub fn load(file: Option<&Path>, variables: &Variables) -> Result<Self, Located> {
        let mut document = match file {
            Some(file) => read(Source::read(file)?)?,
            None => Document::default(),
        };
        let mut environment = Environment::new(variables);
        document.apply("", &mut environment)?;
        environment.refuse_unknown()?;
        Self::resolve(document)
    }

    fn resolve(document: Document) -> Result<Self, Located> {
        let (limits, totals) = document.limits.resolve(&document.inspect);
        let bypass = bypass::resolve(document.bypass)?;
        let decisions = PolicyEntries {
            posture: document.posture,
            portal: document.portal,
            approved: document.approved,
            bypass: bypass.hosts,
            uninspectable: document.inspect.uninspectable,
        };
        let listen = document.listen.resolve()?;
        let destinations = document.destinations.resolve();
        let extra_roots = document.tls.extra_roots;
        let clickhouse = document.clickhouse.resolve(&extra_roots)?;
        Ok(Self {
            name: document.gateway.resolve().into(),
            proxy: listen.proxy,
            admin: listen.admin,
            ca_dir: document.ca.dir,
            rules: document.rules,
            policy: decisions.resolve()?,
            record: document.record,
            extra_roots,
            forbidden: destinations.forbidden,
            connect_ports: destinations.connect_ports,
            hosts: destinations.hosts,
            users: document.auth.resolve()?,
            journal: document.journal.resolve(document.data, clickhouse.is_some()),
            clickhouse,
            pac: document.pac.resolve(bypass.direct),
            limits,
            totals,
            endings: bypass.endings,
        })
    }

    /// What the people who answer for this configuration should know at `now` (Unix seconds): bypass entries that have ended
    /// or end soon.
    pub fn notes(&self, now: i64) -> Vec<Located> {
        self.endings.iter().filter_map(|ending| ending.note(now)).collect()
    }
}

fn read(source: Source) -> Result<Document, Located> {
    // The YAML reader wants a mapping; a file of comments has none.
    let says_nothing = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if source.text.lines().all(says_nothing) {
        return Ok(Document::default());
    }
    Arc::new(source).parse_typed()
}

/// The JSON Schema of the configuration file, for editors.
pub fn schema() -> Schema {
    yaml::schema_of::<Document>()
}

/// The names of all variables: one for each key.
pub fn variable_names() -> BTreeSet<String> {
    let none = Variables::default();
    let mut environment = Environment::new(&none);
    // Without a variable there is no mistake to make.
    match Document::default().apply("", &mut environment) {
        Ok(()) | Err(_) => environment.keys().clone(),
    }
}

#[cfg(test)]
mod tests;
