//! The page a person sees in place of what was asked for.

use askama::Template;

/// No scripts, no foreign resources, no framing.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// A refusal or a failure, for people.
#[derive(Debug, Template)]
#[template(path = "answer.html")]
pub(crate) struct Page<'a> {
    /// Heading.
    pub title: &'a str,
    /// What happened.
    pub lead: &'a str,
    /// The host that was asked for.
    pub host: &'a str,
    /// Why.
    pub reason: &'a str,
    /// The rule that decided.
    pub rule: Option<&'a str>,
    /// The event to quote.
    pub event: Option<&'a str>,
    /// Where to go instead.
    pub portal: Option<&'a str>,
    /// What to do.
    pub advice: &'a str,
}
