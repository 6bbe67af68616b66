//! What stands in a rule file. Unknown keys are refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::Ask;
use crate::event::Severity;
use crate::inspect::Strength;

/// A file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its rules.
    pub rules: Vec<Entry>,
}

/// A rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Stable id: lower-case letters, digits and dashes.
    pub id: Spanned<String>,
    /// A few words, for people.
    pub title: String,
    /// What it finds and why that matters.
    #[serde(default)]
    pub description: String,
    /// How much it matters.
    #[serde(default)]
    pub severity: Severity,
    /// Free words.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Where to read more.
    #[serde(default)]
    pub references: Vec<String>,
    /// When it matches.
    #[serde(rename = "match")]
    pub condition: Condition,
    /// What it asks for.
    pub action: Ask,
    /// Requests that must and must not match.
    #[serde(default)]
    pub samples: Samples,
}

/// Requests that must and must not match.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Samples {
    /// Must match.
    #[serde(rename = "match")]
    pub positive: Vec<Sample>,
    /// Must not match.
    #[serde(rename = "no_match")]
    pub negative: Vec<Sample>,
}

/// A request in short.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "docs/rules.md describes every key")]
pub struct Sample {
    pub host: String,
    pub port: u16,
    pub sni: Option<String>,
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub user: Option<String>,
    pub groups: Vec<String>,
    pub client: Option<std::net::IpAddr>,
    pub approved: bool,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            host: "sample.example".into(),
            port: 443,
            sni: None,
            method: "GET".into(),
            path: "/".into(),
            headers: BTreeMap::new(),
            body: String::new(),
            user: None,
            groups: Vec::new(),
            client: None,
            approved: false,
        }
    }
}

/// Every key that is given must hold.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "docs/rules.md describes every key")]
pub struct Condition {
    pub all: Vec<Self>,
    pub any: Vec<Self>,
    pub not: Option<Box<Self>>,
    pub host: Vec<Spanned<String>>,
    pub host_regex: Option<Spanned<String>>,
    pub hosts_file: Option<Spanned<PathBuf>>,
    pub port: Vec<u16>,
    pub sni: Vec<Spanned<String>>,
    pub path: Vec<Spanned<String>>,
    pub path_regex: Option<Spanned<String>>,
    pub query: Vec<Spanned<String>>,
    pub query_regex: Option<Spanned<String>>,
    pub method: Vec<String>,
    pub header: BTreeMap<String, HeaderCondition>,
    pub content_type: Vec<Spanned<String>>,
    pub user: Vec<String>,
    pub group: Vec<String>,
    pub client_network: Vec<Spanned<String>>,
    pub user_agent: Vec<Spanned<String>>,
    pub body_regex: Option<Spanned<String>>,
    pub mcp: Option<McpCondition>,
    pub approved: Option<bool>,
}

/// What a header must be; without keys, that it is there.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderCondition {
    /// True: it must be there (the default); false: it must be absent.
    pub present: Option<bool>,
    /// One of these globs.
    pub glob: Vec<Spanned<String>>,
    /// This regular expression.
    pub regex: Option<Spanned<String>>,
}

/// What inspection must have found.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct McpCondition {
    /// At least this sure.
    pub is_mcp: Option<Strength>,
    /// One of these signals was seen, by id.
    pub signal: Vec<Spanned<String>>,
    /// One of these globs is a method of the exchange.
    pub method: Vec<Spanned<String>>,
    /// One of these globs.
    pub protocol_version: Vec<Spanned<String>>,
    /// One of these globs.
    pub tool: Vec<Spanned<String>>,
    /// One of these globs.
    pub client: Vec<Spanned<String>>,
}
