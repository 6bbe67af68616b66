//! The form of a rule file, as it is typed. Unknown keys are refused, and so are keys that are given without a value.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::given::{Headers, List, given};
use super::rule::RuleAction;
use crate::detect::inspect::Strength;
use crate::verdict::Severity;
use crate::yaml;

/// A file with rules.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Daylight rules")]
pub(super) struct File {
    /// The rules in it.
    pub(super) rules: Vec<Entry>,
}

/// The JSON Schema of rule files, for editors.
pub fn schema() -> Schema {
    yaml::schema_of::<File>()
}

/// A rule.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Stable id: lower-case letters, digits and dashes.
    #[schemars(with = "String", regex(pattern = "^[a-z0-9-]+$"))]
    pub(super) id: Spanned<String>,
    /// What it finds, in a few words; goes into the reason of a verdict.
    pub(super) title: String,
    /// What it finds and why that matters; `daylight rules explain` shows it.
    #[serde(default)]
    pub(super) description: String,
    /// How much it matters.
    #[serde(default)]
    pub(super) severity: Severity,
    /// Words for grouping rules.
    #[serde(default)]
    pub(super) tags: Vec<String>,
    /// Addresses of pages with more about it.
    #[serde(default)]
    pub(super) references: Vec<String>,
    /// The condition under which it matches.
    #[serde(rename = "match")]
    #[schemars(with = "Condition")]
    pub(super) condition: Spanned<Condition>,
    /// What it asks for.
    pub(super) action: RuleAction,
    /// Requests that must and must not match.
    #[serde(default)]
    pub(super) samples: Samples,
}

/// Requests that must and must not match.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Samples {
    /// Requests that the rule must match.
    #[serde(rename = "match")]
    #[schemars(with = "Vec<Sample>")]
    pub(super) positive: Vec<Spanned<Sample>>,
    /// Requests that the rule must not match.
    #[serde(rename = "no_match")]
    #[schemars(with = "Vec<Sample>")]
    pub(super) negative: Vec<Spanned<Sample>>,
}

/// A request in short.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sample {
    /// The host that is asked for.
    pub(super) host: String,
    /// The port that is asked for.
    pub(super) port: u16,
    /// The name in the TLS hello; the host, unless it is given.
    pub(super) sni: Option<String>,
    /// The HTTP method.
    pub(super) method: String,
    /// The path, with the query.
    pub(super) path: String,
    /// Header fields by name.
    pub(super) headers: BTreeMap<String, String>,
    /// The body.
    pub(super) body: String,
    /// Who logged in at the proxy.
    pub(super) user: Option<String>,
    /// The user's groups.
    pub(super) groups: Vec<String>,
    /// The client's address.
    pub(super) client: Option<std::net::IpAddr>,
    /// Whether the host is an approved server.
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
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Condition {
    /// All of these conditions hold.
    #[schemars(with = "List<Condition>")]
    pub(super) all: List<Spanned<Self>>,
    /// One of these conditions holds.
    #[schemars(with = "List<Condition>")]
    pub(super) any: List<Spanned<Self>>,
    /// This condition does not hold.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Condition")]
    pub(super) not: Option<Box<Spanned<Self>>>,
    /// One of these hosts: `mcp.vendor.example`, `*.vendor.example` (any depth, not itself), globs such as `mcp.*`.
    #[schemars(with = "List<String>")]
    pub(super) host: List<Spanned<String>>,
    /// A regular expression for the host; joins `host`.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "String")]
    pub(super) host_regex: Option<Spanned<String>>,
    /// A list of hosts beside the rule file, one a line, `#` for comments; joins `host`.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "PathBuf")]
    pub(super) hosts_file: Option<Spanned<PathBuf>>,
    /// One of these ports.
    pub(super) port: List<u16>,
    /// One of these names in the TLS hello, written as in `host`.
    #[schemars(with = "List<String>")]
    pub(super) sni: List<Spanned<String>>,
    /// One of these globs is the whole path: `*` any run, `?` one byte.
    #[schemars(with = "List<String>")]
    pub(super) path: List<Spanned<String>>,
    /// A regular expression that is found in the path.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "String")]
    pub(super) path_regex: Option<Spanned<String>>,
    /// One of these globs is the whole query.
    #[schemars(with = "List<String>")]
    pub(super) query: List<Spanned<String>>,
    /// A regular expression that is found in the query.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "String")]
    pub(super) query_regex: Option<Spanned<String>>,
    /// One of these HTTP methods.
    pub(super) method: List<String>,
    /// Header fields by name, each with what it must be; `{}` means that it is there.
    pub(super) header: Headers<HeaderCondition>,
    /// One of these globs is the content type.
    #[schemars(with = "List<String>")]
    pub(super) content_type: List<Spanned<String>>,
    /// One of these users.
    pub(super) user: List<String>,
    /// One of these groups of the user.
    pub(super) group: List<String>,
    /// The client's address is in one of these networks, such as `10.0.0.0/8`.
    #[schemars(with = "List<String>")]
    pub(super) client_network: List<Spanned<String>>,
    /// One of these globs is the user agent.
    #[schemars(with = "List<String>")]
    pub(super) user_agent: List<Spanned<String>>,
    /// A regular expression that is found in the decoded body.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "String")]
    pub(super) body_regex: Option<Spanned<String>>,
    /// What inspection must have found.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "McpCondition")]
    pub(super) mcp: Option<Spanned<McpCondition>>,
    /// Whether the host is an approved server.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "bool")]
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
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HeaderCondition {
    /// True: it must be there (the default); false: it must be absent.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "bool")]
    pub(super) present: Option<bool>,
    /// One of these globs.
    #[schemars(with = "List<String>")]
    pub(super) glob: List<Spanned<String>>,
    /// This regular expression.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "String")]
    pub(super) regex: Option<Spanned<String>>,
}

/// What inspection must have found.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct McpCondition {
    /// Inspection is at least this sure that the exchange is MCP.
    #[serde(deserialize_with = "given")]
    #[schemars(with = "Strength")]
    pub(super) is_mcp: Option<Strength>,
    /// One of these signals was found; each by its id or its word.
    #[schemars(with = "List<String>")]
    pub(super) signal: List<Spanned<String>>,
    /// One of these globs is a method of the exchange.
    #[schemars(with = "List<String>")]
    pub(super) method: List<Spanned<String>>,
    /// One of these globs.
    #[schemars(with = "List<String>")]
    pub(super) protocol_version: List<Spanned<String>>,
    /// One of these globs.
    #[schemars(with = "List<String>")]
    pub(super) tool: List<Spanned<String>>,
    /// One of these globs.
    #[schemars(with = "List<String>")]
    pub(super) client: List<Spanned<String>>,
}
