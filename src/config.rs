//! What was typed ([`raw::Raw`]) to what it means ([`Config`]); every error points to its line and column.

pub mod environment;
pub mod limits;
pub mod ports;
pub mod raw;
pub mod within;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_saphyr::Spanned;
use time::format_description::well_known::Iso8601;

use crate::host::destination::normal_host;
use crate::host::{Destination, HostPatterns};
use crate::identity::{self, User};
use crate::policy::{Bypass, Policy};
use crate::proxy::{Limits, Record};
use crate::setup::{Direct, Pac};
use crate::store::journal;
use crate::store::sink::clickhouse;
use crate::verdict::Verdict;
use crate::wire::net::forbidden::{Class, Forbidden};
use crate::yaml::{Located, Source};
use environment::Environment;
use raw::{Raw, Shadow};

/// A smaller event store would delete events as soon as they are written.
const JOURNAL_BYTES_MIN: u64 = 16 * limits::MIB;
/// Longest name of a ClickHouse user; it travels in a header.
const USER_MAX_BYTES: usize = 256;

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
    /// Decisions.
    pub policy: Policy,
    /// What is recorded.
    pub record: Record,
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
    pub journal: journal::Settings,
    /// Delivery, when configured.
    pub clickhouse: Option<clickhouse::Settings>,
    /// The PAC file.
    pub pac: Pac,
    /// Limits on a client's connection.
    pub limits: Limits,
    /// Limits on the gateway as a whole.
    pub totals: limits::Totals,
}

impl Config {
    /// Reads a file (or the defaults without one), then the environment.
    pub fn load(file: Option<&Path>, variables: &dyn Fn(&str) -> Option<String>) -> Result<Self, Located> {
        let source = match file {
            Some(file) => Source::read(file)?,
            None => Source { file: "defaults".into(), text: String::new() },
        };
        let mut raw: Raw = if source.text.trim().is_empty() { Raw::default() } else { source.parse()? };
        let mut environment = Environment::over(&source, variables);
        environment.apply(&mut raw)?;
        Self::mean(&raw, &source).map_err(|error| environment.place(error))
    }

    fn mean(raw: &Raw, source: &Source) -> Result<Self, Located> {
        let policy = policy(raw, source)?;
        let forbidden: Result<Vec<Class>, Located> = raw
            .destinations
            .deny
            .iter()
            .map(|entry| Class::parse(&entry.value).map_err(|e| source.at(entry, e)))
            .collect();
        let connect_ports: Result<Vec<_>, Located> = raw
            .destinations
            .connect_ports
            .iter()
            .map(|entry| ports::range(&entry.value).map_err(|e| source.at(entry, e)))
            .collect();
        let (limits, totals) = limits::mean(raw, source)?;
        let clickhouse =
            raw.clickhouse.as_ref().map(|entry| sink(entry, &raw.tls.extra_roots, source)).transpose()?;
        Ok(Self {
            name: raw.gateway.name.clone().unwrap_or_else(host_name).into(),
            proxy: address(raw.listen.proxy.as_ref(), 8080, source)?,
            admin: address(raw.listen.admin.as_ref(), 8082, source)?,
            ca_dir: raw.ca.dir.clone(),
            rules: raw.rules.clone(),
            record: raw.record,
            extra_roots: raw.tls.extra_roots.clone(),
            forbidden: Forbidden(forbidden?),
            connect_ports: connect_ports?,
            hosts: hosts(raw, source)?,
            users: users(raw, source)?,
            journal: journal(raw, source, clickhouse.is_some())?,
            clickhouse,
            pac: Pac {
                proxies: proxies(raw, source)?,
                direct: direct(raw, source)?,
                direct_on_failure: raw.pac.direct_on_failure,
            },
            policy,
            limits,
            totals,
        })
    }
}

fn policy(raw: &Raw, source: &Source) -> Result<Policy, Located> {
    let mut approved: HostPatterns<Arc<str>> = HostPatterns::default();
    let mut portal = None;
    if let Some(url) = &raw.portal.url {
        let host = portal_host(&url.value).map_err(|e| source.at(url, e))?;
        approved.insert(&host, "the portal".into()).map_err(|e| source.at(url, e))?;
        portal = Some(Arc::from(url.value.as_str()));
    }
    for entry in &raw.approved {
        let reason = Arc::from(entry.reason.as_deref().unwrap_or("listed in `approved`"));
        approved.insert(&entry.host.value, reason).map_err(|e| source.at(&entry.host, e))?;
    }
    let mut bypass = HostPatterns::default();
    for entry in &raw.bypass {
        let reason = Arc::from(entry.reason.as_deref().unwrap_or("listed in `bypass`"));
        let until = entry.expires.as_ref().map(|day| day_end(day, source)).transpose()?;
        bypass.insert(&entry.host.value, Bypass { reason, until }).map_err(|e| source.at(&entry.host, e))?;
    }
    let shadow = match raw.posture.shadow.value {
        Shadow::Log => Verdict::Log,
        Shadow::Redirect if portal.is_none() => {
            let add = "`redirect` needs a place to send people to: add `portal: { url: \"https://mcp.corp.example/mcp\" }`";
            return Err(source.at(&raw.posture.shadow, add));
        }
        Shadow::Redirect => Verdict::Redirect,
        Shadow::Block => Verdict::Block,
    };
    Ok(Policy { shadow, approved, bypass, portal, uninspectable: raw.inspect.uninspectable })
}

fn direct(raw: &Raw, source: &Source) -> Result<Vec<Direct>, Located> {
    let entry = |entry: &raw::BypassEntry| {
        let until = entry.expires.as_ref().map(|day| day_end(day, source)).transpose()?;
        Ok(Direct { host: entry.host.value.to_ascii_lowercase(), until })
    };
    raw.bypass.iter().map(entry).collect()
}

/// The proxies of the PAC file.
fn proxies(raw: &Raw, source: &Source) -> Result<Vec<String>, Located> {
    let read = |entry: &Spanned<String>| {
        let proxy = Destination::parse(&entry.value, None).map_err(|e| {
            let typed = &entry.value;
            source.at(entry, format!("`{typed}` is not a proxy such as proxy.corp.example:8080: {e}"))
        })?;
        Ok(proxy.to_string())
    };
    raw.pac.proxies.iter().map(read).collect()
}

fn hosts(raw: &Raw, source: &Source) -> Result<HashMap<Arc<str>, Arc<[IpAddr]>>, Located> {
    let mut hosts = HashMap::new();
    for (name, typed) in &raw.destinations.hosts {
        let Some(first) = typed.first() else { continue };
        let name = normal_host(name).map_err(|e| source.at(first, format!("`{name}`: {e}")))?;
        let read = |typed: &Spanned<String>| {
            let bad = |_not_ip| source.at(typed, format!("`{}` is not an IP address", typed.value));
            typed.value.parse::<IpAddr>().map_err(bad)
        };
        let addresses: Result<Vec<IpAddr>, Located> = typed.iter().map(read).collect();
        hosts.insert(name, addresses?.into());
    }
    Ok(hosts)
}

/// The host of an http(s) URL.
fn portal_host(url: &str) -> Result<String, String> {
    let uri: http::Uri = url.parse().map_err(|e| format!("`{url}` is not a URL: {e}"))?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().filter(|_| known);
    let authority = authority.ok_or_else(|| format!("`{url}` is not an http or https URL"))?;
    let to = Destination::parse(authority.as_str(), Some(443)).map_err(|e| format!("`{url}`: {e}"))?;
    Ok(to.host.to_string())
}

/// Entries last to the end of the day they name, UTC.
fn day_end(day: &Spanned<String>, source: &Source) -> Result<i64, Located> {
    let date = time::Date::parse(&day.value, &Iso8601::DATE)
        .map_err(|_not_a_date| source.at(day, format!("`{}` is not a date such as 2027-06-30", day.value)))?;
    Ok(date.midnight().assume_utc().unix_timestamp() + 24 * 60 * 60)
}

fn users(raw: &Raw, source: &Source) -> Result<Vec<User>, Located> {
    let mut users: Vec<User> = Vec::new();
    for entry in &raw.auth.users {
        identity::check_hash(&entry.password_hash.value).map_err(|e| source.at(&entry.password_hash, e))?;
        if users.iter().any(|user| *user.name == *entry.name.value) {
            return Err(source.at(&entry.name, format!("`{}` is listed twice", entry.name.value)));
        }
        users.push(User {
            name: entry.name.value.as_str().into(),
            password_hash: entry.password_hash.value.clone(),
            groups: entry.groups.clone().into(),
        });
    }
    Ok(users)
}

fn journal(raw: &Raw, source: &Source, deliver: bool) -> Result<journal::Settings, Located> {
    let typed = raw.journal.max_bytes.as_ref();
    let max_bytes = limits::bytes(typed, source, 10 * limits::GIB)?;
    if let Some(typed) = typed
        && max_bytes < JOURNAL_BYTES_MIN
    {
        let message = format!("`{}` holds next to nothing; the least is 16MiB", typed.value);
        return Err(source.at(typed, message));
    }
    let (max_age_days, when_full) = (raw.journal.max_age_days.short(), raw.journal.when_full);
    Ok(journal::Settings { dir: raw.data.clone(), max_age_days, max_bytes, when_full, deliver })
}

fn sink(
    raw: &raw::ClickHouse,
    extra_roots: &[PathBuf],
    source: &Source,
) -> Result<clickhouse::Settings, Located> {
    let uri: Result<http::Uri, _> = raw.url.value.parse();
    let uri = uri.map_err(|e| source.at(&raw.url, format!("`{}` is not a URL: {e}", raw.url.value)))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.authority().is_none() {
        let message =
            format!("`{}` is not an http or https URL such as http://127.0.0.1:8123", raw.url.value);
        return Err(source.at(&raw.url, message));
    }
    let cluster = raw.cluster.as_ref();
    for name in cluster.into_iter().chain([&raw.database]) {
        clickhouse::check_name(&name.value).map_err(|e| source.at(name, e))?;
    }
    let user = &raw.user.value;
    if user.is_empty() || user.len() > USER_MAX_BYTES || !user.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            source.at(&raw.user, format!("`{user}` is not a user name of printable ASCII characters"))
        );
    }
    Ok(clickhouse::Settings {
        url: uri,
        database: raw.database.value.clone(),
        user: raw.user.value.clone(),
        password_file: raw.password_file.clone(),
        cluster: cluster.map(|name| name.value.clone()),
        extra_roots: extra_roots.to_vec(),
        ttl_days: raw.ttl_days.short(),
    })
}

fn address(typed: Option<&Spanned<String>>, port: u16, source: &Source) -> Result<SocketAddr, Located> {
    let Some(typed) = typed else { return Ok(SocketAddr::from(([127, 0, 0, 1], port))) };
    typed.value.parse().map_err(|_not_an_address| {
        source.at(typed, format!("`{}` is not an address with a port such as 127.0.0.1:{port}", typed.value))
    })
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "daylight".into() } else { name.into() }
}

#[cfg(test)]
mod tests;
