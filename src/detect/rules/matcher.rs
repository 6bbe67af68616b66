//! Many patterns over one text at once. Hyperscan's API where libhs is there, pure Rust otherwise; one semantics:
//! bytes, `.` matches everything, a pattern that matches the empty text is refused.

#[cfg(feature = "hyperscan")]
mod hs;
mod pieces;
#[cfg(any(test, not(feature = "hyperscan")))]
mod pure;

#[cfg(feature = "hyperscan")]
pub(crate) use hs::{Scan, Set};
#[cfg(not(feature = "hyperscan"))]
pub(crate) use pure::{Scan, Set};

pub(crate) use pieces::Pieces;

use regex::bytes::{Regex, RegexBuilder};

/// The engine's name, for `daylight check` and the metrics.
pub const ENGINE: &str = if cfg!(feature = "hyperscan") { "hyperscan" } else { "pure" };

/// Bytes that one compiled pattern may take in the pure-Rust engine.
const SIZE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Longest pattern.
pub(crate) const PATTERN_MAX_BYTES: usize = 1024;

/// Checks a pattern against the syntax that both engines share.
pub(crate) fn check(pattern: &str) -> Result<(), String> {
    if pattern.len() > PATTERN_MAX_BYTES {
        return Err(format!("a pattern may be {PATTERN_MAX_BYTES} bytes long"));
    }
    // Hyperscan takes C strings.
    if pattern.contains('\0') {
        return Err("a pattern cannot hold the character 0; a regular expression can say `\\x00`".into());
    }
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c == '\\' && matches!(chars.next(), Some('<' | '>')) {
            return Err("`\\<` and `\\>` are characters to one engine and word boundaries to the other; write `<`, `>`, `\\b`".into());
        }
    }
    let compiled = compile(pattern)?;
    if compiled.is_match(b"") {
        return Err("the pattern matches the empty text, so it would match everything".into());
    }
    Ok(())
}

/// Compiles one pattern.
fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .dot_matches_new_line(true)
        .size_limit(SIZE_MAX_BYTES)
        .build()
        .map_err(|e| e.to_string().lines().last().unwrap_or_default().trim().to_owned())
}

/// A glob as a regular expression over the whole text: `*` is any run of bytes, `?` one of them. `*` alone is any text
/// but the empty one.
pub(crate) fn glob(glob: &str) -> String {
    if glob == "*" {
        return ".+".to_owned();
    }
    let mut out = String::from("^");
    for c in glob.chars() {
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            // Only these: in front of other characters a backslash can have a meaning (`\<` is a word boundary).
            '\\' | '.' | '+' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    // Not `$`, which Hyperscan also finds before a newline at the end.
    out.push_str("\\z");
    out
}

#[cfg(test)]
mod tests;
