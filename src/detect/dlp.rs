//! Redaction: secrets in paths, queries, names and payloads do not reach an event. Pure, linear, bounded.
//!
//! A secret is known by the name of what holds it (`key`), by its look (`credential`, `opaque`) or by its place (user
//! information, `Bearer`). A text without one is handed back as it is. No output is longer than [`GROWTH_MAX`] times its
//! input, or than the length asked for.

mod credential;
mod edits;
mod json;
mod key;
mod opaque;
mod percent;
mod text;
mod url;
mod value;

use std::borrow::Cow;

use edits::Edits;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";
/// The most that redaction makes of a byte: `pw=a&` grows to `pw=[redacted]&`.
pub const GROWTH_MAX: usize = 4;

/// Longest path segment that is not looked at closely when it is simple.
const PLAIN_SEGMENT_MAX_BYTES: usize = 12;

/// Ends a payload that was longer than wanted.
const CUT: &str = "...[cut]";

/// The query with secret values replaced.
pub fn redact_query(query: &str) -> Cow<'_, str> {
    let mut edits = Edits::new(query);
    url::query(&mut edits, query, 0..query.len());
    edits.finish()
}

/// The path with opaque segments and secret parameters replaced: some MCP hosts put the credential there.
pub fn redact_path(path: &str) -> Cow<'_, str> {
    if is_plain(path) { Cow::Borrowed(path) } else { read_path(path) }
}

fn read_path(path: &str) -> Cow<'_, str> {
    let mut edits = Edits::new(path);
    url::path(&mut edits, path, 0..path.len());
    edits.finish()
}

/// True when every segment is so short and simple that no secret fits in: most paths are like that, and looking closer
/// costs more than all else of a row.
fn is_plain(path: &str) -> bool {
    let mut segment_bytes = 0;
    path.bytes().all(|b| {
        segment_bytes = if b == b'/' { 0 } else { segment_bytes + 1 };
        let simple = matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_');
        simple && segment_bytes <= PLAIN_SEGMENT_MAX_BYTES
    })
}

/// The name of a tool, prompt or resource; of a URI the user information, secret query values and opaque segments are
/// replaced.
pub fn redact_name(name: &str) -> Cow<'_, str> {
    let mut edits = Edits::new(name);
    url::uri(&mut edits, name);
    edits.finish()
}

/// A payload with secrets replaced, at most `max_bytes` long. JSON keeps its shape, whole or cut; anything else is read
/// as text.
pub fn redact_json(payload: &str, max_bytes: usize) -> String {
    let redacted =
        if json::is_document(payload) { json::redact(payload, 0) } else { text::redact(payload, 0) };
    cap(redacted.into_owned(), max_bytes)
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
