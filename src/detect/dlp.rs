//! Secrets in paths, queries, names and payloads: found with kind, place and confidence, and redacted. Pure, linear,
//! bounded.
//!
//! A secret is known by the name of what holds it (`key`), by its look (`credential`, `opaque`) or by its place (user
//! information, `Bearer`); `words` has the names and looks. [`find_in_json`] and its siblings say what there is, so that a
//! caller can log, block or redact it; [`redact_json`] and its siblings are such callers. A text without a secret is handed
//! back as it is. No redacted text is longer than [`GROWTH_MAX`] times its input, or than the length asked for.

mod credential;
mod document;
mod finding;
mod key;
mod nesting;
mod opaque;
mod percent;
mod text;
mod url;
mod value;
mod words;

use std::borrow::Cow;

pub use finding::{Confidence, FINDINGS_MAX, Finding, Findings, Kind, Place, REDACTED};
use nesting::Nesting;
use url::Search;

/// The most that redaction makes of a byte: `pw=a&` grows to `pw=[redacted]&`.
pub const GROWTH_MAX: usize = 4;

/// Longest path segment that is not looked at closely when it is simple.
const SIMPLE_SEGMENT_MAX_BYTES: usize = 12;

/// Ends a payload that was longer than wanted.
const CUT: &str = "...[cut]";

/// The secrets of a payload. JSON is read as such, whole or cut anywhere; anything else is read as text.
pub fn find_in_json(payload: &str) -> Findings {
    let nesting = Nesting::outermost(find_in_string);
    if document::is_document(payload) {
        document::find(payload, nesting)
    } else {
        text::find(payload, nesting)
    }
}

/// The secrets of a query: the values of parameters that are called so, or that hold one.
pub fn find_in_query(query: &str) -> Findings {
    search(query).query()
}

/// The secrets of a path: opaque segments and secret parameters. Some MCP hosts put the credential there.
pub fn find_in_path(path: &str) -> Findings {
    if is_simple(path) { Findings::default() } else { search(path).path() }
}

/// The secrets in the name of a tool, prompt or resource; of a URI the user information, secret query values and opaque
/// segments.
pub fn find_in_name(name: &str) -> Findings {
    search(name).uri()
}

fn search(text: &str) -> Search<'_> {
    Search::new(text, Nesting::outermost(find_in_string))
}

/// The secrets of a string inside a text or document; a string that looks like a document is one.
fn find_in_string(text: &str, nesting: Nesting) -> Findings {
    if !document::is_container(text) {
        return text::find(text, nesting);
    }
    match nesting.deeper() {
        Some(deeper) => document::find(text, deeper),
        None => Findings::not_read(text),
    }
}

/// The query with [`REDACTED`] in place of secrets.
pub fn redact_query(query: &str) -> Cow<'_, str> {
    find_in_query(query).redact(query)
}

/// The path with [`REDACTED`] in place of secrets.
pub fn redact_path(path: &str) -> Cow<'_, str> {
    // Every request comes by here; most leave at once.
    if is_simple(path) { Cow::Borrowed(path) } else { search(path).path().redact(path) }
}

/// The name of a tool, prompt or resource with [`REDACTED`] in place of secrets.
pub fn redact_name(name: &str) -> Cow<'_, str> {
    find_in_name(name).redact(name)
}

/// The payload with [`REDACTED`] in place of secrets, at most `max_bytes` long.
pub fn redact_json(payload: &str, max_bytes: usize) -> String {
    cap(find_in_json(payload).redact(payload).into_owned(), max_bytes)
}

/// True when every segment is so short and simple that no secret fits in: most paths are like that, and looking closer
/// costs more than all else of a row.
fn is_simple(path: &str) -> bool {
    let mut segment_bytes = 0;
    path.bytes().all(|b| {
        segment_bytes = if b == b'/' { 0 } else { segment_bytes + 1 };
        let simple = matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_');
        simple && segment_bytes <= SIMPLE_SEGMENT_MAX_BYTES
    })
}

fn cap(mut text: String, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text;
    }
    let room = max_bytes.saturating_sub(CUT.len());
    let end = (0..=room).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default();
    text.truncate(end);
    text.push_str(CUT.get(..max_bytes).unwrap_or(CUT));
    text
}

#[cfg(test)]
mod tests;
