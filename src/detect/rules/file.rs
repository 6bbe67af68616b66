//! What stands in a rule file. Unknown keys are refused, and so are keys that say nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::Ask;
use super::given::{Headers, List, given};
use crate::detect::inspect::Strength;
use crate::verdict::Severity;

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
    pub condition: Spanned<Condition>,
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
    pub positive: Vec<Spanned<Sample>>,
    /// Must not match.
    #[serde(rename = "no_match")]
    pub negative: Vec<Spanned<Sample>>,
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
    pub all: List<Spanned<Self>>,
    pub any: List<Spanned<Self>>,
    #[serde(deserialize_with = "given")]
    pub not: Option<Box<Spanned<Self>>>,
    pub host: List<Spanned<String>>,
    #[serde(deserialize_with = "given")]
    pub host_regex: Option<Spanned<String>>,
    #[serde(deserialize_with = "given")]
    pub hosts_file: Option<Spanned<PathBuf>>,
    pub port: List<u16>,
    pub sni: List<Spanned<String>>,
    pub path: List<Spanned<String>>,
    #[serde(deserialize_with = "given")]
    pub path_regex: Option<Spanned<String>>,
    pub query: List<Spanned<String>>,
    #[serde(deserialize_with = "given")]
    pub query_regex: Option<Spanned<String>>,
    pub method: List<String>,
    pub header: Headers,
    pub content_type: List<Spanned<String>>,
    pub user: List<String>,
    pub group: List<String>,
    pub client_network: List<Spanned<String>>,
    pub user_agent: List<Spanned<String>>,
    #[serde(deserialize_with = "given")]
    pub body_regex: Option<Spanned<String>>,
    #[serde(deserialize_with = "given")]
    pub mcp: Option<Spanned<McpCondition>>,
    #[serde(deserialize_with = "given")]
    pub approved: Option<bool>,
}

impl Condition {
    /// True when it says `approved: true`, itself or in a condition under `all` or `any`.
    pub fn names_approved(&self) -> bool {
        let inside = self.all.iter().chain(self.any.iter());
        self.approved == Some(true) || inside.map(|inner| &inner.value).any(Self::names_approved)
    }
}

/// What a header must be; without keys, that it is there.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderCondition {
    /// True: it must be there (the default); false: it must be absent.
    #[serde(deserialize_with = "given")]
    pub present: Option<bool>,
    /// One of these globs.
    pub glob: List<Spanned<String>>,
    /// This regular expression.
    #[serde(deserialize_with = "given")]
    pub regex: Option<Spanned<String>>,
}

/// What inspection must have found.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct McpCondition {
    /// At least this sure.
    #[serde(deserialize_with = "given")]
    pub is_mcp: Option<Strength>,
    /// One of these signals was seen, by id.
    pub signal: List<Spanned<String>>,
    /// One of these globs is a method of the exchange.
    pub method: List<Spanned<String>>,
    /// One of these globs.
    pub protocol_version: List<Spanned<String>>,
    /// One of these globs.
    pub tool: List<Spanned<String>>,
    /// One of these globs.
    pub client: List<Spanned<String>>,
}
