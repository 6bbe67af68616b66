//! Many patterns over one text at once. Hyperscan's API where libhs is there, pure Rust otherwise; one semantics:
//! bytes, `.` matches everything, a pattern that matches the empty text is refused.

#[cfg(feature = "hyperscan")]
mod hs;
mod pieces;
pub mod pure;

#[cfg(feature = "hyperscan")]
pub use hs::{Scan, Set};
#[cfg(not(feature = "hyperscan"))]
pub use pure::{Scan, Set};

pub use pieces::Pieces;

/// The engine's name, for `daylight check` and the metrics.
pub const ENGINE: &str = if cfg!(feature = "hyperscan") { "hyperscan" } else { "pure" };

/// Longest pattern.
pub const PATTERN_MAX_BYTES: usize = 1024;

/// Checks a pattern against the syntax that both engines share.
pub fn check(pattern: &str) -> Result<(), String> {
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
    let compiled = pure::compile(pattern)?;
    if compiled.is_match(b"") {
        return Err("the pattern matches the empty text, so it would match everything".into());
    }
    Ok(())
}

/// A glob as a regular expression over the whole text: `*` is any run of bytes, `?` one of them. `*` alone is any text
/// but the empty one.
pub fn glob(glob: &str) -> String {
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
