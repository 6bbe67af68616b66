//! What stands in a rule file. Unknown keys are refused, and so are keys that say nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::given::{Headers, List, given};
use super::rule::RuleAction;
use crate::detect::inspect::Strength;
use crate::verdict::Severity;

/// A file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Its rules.
    pub(super) rules: Vec<Entry>,
}

/// A rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Stable id: lower-case letters, digits and dashes.
    pub(super) id: Spanned<String>,
    /// A few words, for people.
    pub(super) title: String,
    /// What it finds and why that matters.
    #[serde(default)]
    pub(super) description: String,
    /// How much it matters.
    #[serde(default)]
    pub(super) severity: Severity,
    /// Free words.
    #[serde(default)]
    pub(super) tags: Vec<String>,
    /// Where to read more.
    #[serde(default)]
    pub(super) references: Vec<String>,
    /// When it matches.
    #[serde(rename = "match")]
    pub(super) condition: Spanned<Condition>,
    /// What it asks for.
    pub(super) action: RuleAction,
    /// Requests that must and must not match.
    #[serde(default)]
    pub(super) samples: Samples,
}

/// Requests that must and must not match.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Samples {
    /// Must match.
    #[serde(rename = "match")]
    pub(super) positive: Vec<Spanned<Sample>>,
    /// Must not match.
    #[serde(rename = "no_match")]
    pub(super) negative: Vec<Spanned<Sample>>,
}

/// A request in short.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sample {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) sni: Option<String>,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
    pub(super) user: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) client: Option<std::net::IpAddr>,
    pub(super) approved: bool,
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
pub(super) struct Condition {
    pub(super) all: List<Spanned<Self>>,
    pub(super) any: List<Spanned<Self>>,
    #[serde(deserialize_with = "given")]
    pub(super) not: Option<Box<Spanned<Self>>>,
    pub(super) host: List<Spanned<String>>,
    #[serde(deserialize_with = "given")]
    pub(super) host_regex: Option<Spanned<String>>,
    #[serde(deserialize_with = "given")]
    pub(super) hosts_file: Option<Spanned<PathBuf>>,
    pub(super) port: List<u16>,
    pub(super) sni: List<Spanned<String>>,
    pub(super) path: List<Spanned<String>>,
    #[serde(deserialize_with = "given")]
    pub(super) path_regex: Option<Spanned<String>>,
    pub(super) query: List<Spanned<String>>,
    #[serde(deserialize_with = "given")]
    pub(super) query_regex: Option<Spanned<String>>,
    pub(super) method: List<String>,
    pub(super) header: Headers<HeaderCondition>,
    pub(super) content_type: List<Spanned<String>>,
    pub(super) user: List<String>,
    pub(super) group: List<String>,
    pub(super) client_network: List<Spanned<String>>,
    pub(super) user_agent: List<Spanned<String>>,
    #[serde(deserialize_with = "given")]
    pub(super) body_regex: Option<Spanned<String>>,
    #[serde(deserialize_with = "given")]
    pub(super) mcp: Option<Spanned<McpCondition>>,
    #[serde(deserialize_with = "given")]
    pub(super) approved: Option<bool>,
}

impl Condition {
    /// True when it says `approved: true`, itself or in a condition under `all` or `any`.
    pub(super) fn names_approved(&self) -> bool {
        let inside = self.all.iter().chain(self.any.iter());
        self.approved == Some(true) || inside.map(|inner| &inner.value).any(Self::names_approved)
    }
}

/// What a header must be; without keys, that it is there.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HeaderCondition {
    /// True: it must be there (the default); false: it must be absent.
    #[serde(deserialize_with = "given")]
    pub(super) present: Option<bool>,
    /// One of these globs.
    pub(super) glob: List<Spanned<String>>,
    /// This regular expression.
    #[serde(deserialize_with = "given")]
    pub(super) regex: Option<Spanned<String>>,
}

/// What inspection must have found.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct McpCondition {
    /// At least this sure.
    #[serde(deserialize_with = "given")]
    pub(super) is_mcp: Option<Strength>,
    /// One of these signals was seen, by id.
    pub(super) signal: List<Spanned<String>>,
    /// One of these globs is a method of the exchange.
    pub(super) method: List<Spanned<String>>,
    /// One of these globs.
    pub(super) protocol_version: List<Spanned<String>>,
    /// One of these globs.
    pub(super) tool: List<Spanned<String>>,
    /// One of these globs.
    pub(super) client: List<Spanned<String>>,
}
