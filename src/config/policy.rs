//! `posture`, `portal` and `approved`: what is decided without looking at rules.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::section::section;
use crate::config::text::HttpUrl;
use crate::host::HostPatterns;
use crate::policy::{Bypass, Policy, Uninspectable};
use crate::verdict::Verdict;
use crate::yaml::{Located, Typed};

section! {
    PostureSection {
        /// What the shipped rules do to MCP that is not approved: `log`, `redirect` (needs `portal.url`) or `block`.
        shadow: Typed<Shadow> = Typed::default_of(Shadow::Log),
    }
}

/// What the shipped rules do to MCP that is not approved.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(crate) enum Shadow {
    /// Record a detection and let it pass.
    Log,
    /// Send people to the portal.
    Redirect,
    /// Refuse.
    Block,
}

section! {
    PortalSection {
        /// Where people are sent; its host is approved.
        url: Option<Typed<HttpUrl>> = None,
    }
}

/// A server that people may use.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct ApprovedEntry {
    /// A host, or `*.suffix` for every host below it.
    host: Typed<String>,
    /// Why it is approved; it stands in events.
    #[serde(default)]
    reason: Option<String>,
}

/// What decisions are made of, as typed.
pub(crate) struct PolicyEntries {
    pub(crate) posture: PostureSection,
    pub(crate) portal: PortalSection,
    pub(crate) approved: Vec<ApprovedEntry>,
    pub(crate) bypass: HostPatterns<Bypass>,
    pub(crate) uninspectable: Uninspectable,
}

impl PolicyEntries {
    pub(crate) fn resolve(self) -> Result<Policy, Located> {
        let Self { posture, portal, approved: entries, bypass, uninspectable } = self;
        let mut approved: HostPatterns<Arc<str>> = HostPatterns::default();
        if let Some(url) = &portal.url {
            let inserted = approved.insert(&url.value.host, "the portal".into());
            inserted.map_err(|e| url.error(e.to_string()))?;
        }
        for ApprovedEntry { host, reason } in entries {
            let reason = Arc::from(reason.as_deref().unwrap_or("listed in `approved`"));
            approved.insert(&host.value, reason).map_err(|e| host.error(e.to_string()))?;
        }
        let portal: Option<Arc<str>> = portal.url.map(|url| url.value.text.into());
        let shadow = match posture.shadow.value {
            Shadow::Log => Verdict::Log,
            Shadow::Redirect if portal.is_none() => {
                return Err(posture.shadow.error(
                    "`redirect` needs a place to send people to: add `portal: { url: \"https://mcp.corp.example/mcp\" }`",
                ));
            }
            Shadow::Redirect => Verdict::Redirect,
            Shadow::Block => Verdict::Block,
        };
        Ok(Policy { shadow, approved, bypass, portal, uninspectable })
    }
}
