//! Many patterns over one text at once. Hyperscan's API where libhs is there, pure Rust otherwise; one semantics:
//! bytes, `.` matches everything, a pattern that matches the empty text is refused.

#[cfg(feature = "hyperscan")]
mod hs;
pub mod pure;

#[cfg(feature = "hyperscan")]
pub use hs::{Scan, Set};
#[cfg(not(feature = "hyperscan"))]
pub use pure::{Scan, Set};

/// The engine's name, for `daylight check` and the metrics.
pub const ENGINE: &str = if cfg!(feature = "hyperscan") { "hyperscan" } else { "pure" };

/// Longest pattern.
pub const PATTERN_MAX_BYTES: usize = 1024;

/// Checks a pattern against the syntax that both engines share.
pub fn check(pattern: &str) -> Result<(), String> {
    if pattern.len() > PATTERN_MAX_BYTES {
        return Err(format!("a pattern may be {PATTERN_MAX_BYTES} bytes long"));
    }
    let compiled = pure::compile(pattern)?;
    if compiled.is_match(b"") {
        return Err("the pattern matches the empty text, so it would match everything".into());
    }
    Ok(())
}

/// A glob as a regular expression over the whole text: `*` is any run of characters, `?` one of them.
pub fn glob(glob: &str) -> String {
    let mut out = String::from("^");
    for c in glob.chars() {
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            c if c.is_ascii_alphanumeric() || c == '_' || c == '/' || c == '-' || !c.is_ascii() => {
                out.push(c)
            }
            c => out.extend(['\\', c]),
        }
    }
    out.push('$');
    out
}

#[cfg(test)]
mod tests;
