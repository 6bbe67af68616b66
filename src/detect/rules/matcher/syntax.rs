//! The syntax of patterns that both engines share.

use regex::bytes::{Regex, RegexBuilder};

/// Bytes that one compiled pattern may take in the pure-Rust engine.
pub(super) const SIZE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Longest pattern, in bytes.
pub(crate) const PATTERN_MAX_BYTES: usize = 1024;

/// Accepts a pattern that both engines can use; the error says what is wrong with it.
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
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .dot_matches_new_line(true)
        .size_limit(SIZE_MAX_BYTES)
        .build()
        .map_err(|e| e.to_string().lines().last().unwrap_or_default().trim().to_owned())
}
