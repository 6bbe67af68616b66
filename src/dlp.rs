//! Redaction: secrets in paths, queries and payloads do not reach an event. Pure, linear, bounded.

use std::borrow::Cow;

use serde_json::Value;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Parts of a key's name that make its value a secret.
const SECRET_KEYS: [&str; 17] = [
    "token",
    "secret",
    "passw",
    "passphrase",
    "apikey",
    "api_key",
    "api-key",
    "access_key",
    "auth",
    "credential",
    "session",
    "signature",
    "assertion",
    "cookie",
    "private",
    "code_verifier",
    "client_id_secret",
];
/// Whole key names that make their value a secret.
const SECRET_NAMES: [&str; 9] = ["key", "code", "sig", "sid", "pwd", "pin", "jwt", "state", "otp"];
/// Starts of well-known credentials.
const SECRET_STARTS: [&str; 22] = [
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "pk_live_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "npm_",
    "eyJ",
];
/// A path segment or bare value of this many mixed characters is taken for an opaque secret.
const OPAQUE_MIN_BYTES: usize = 24;
/// Payload values deeper than this are cut.
const DEPTH_MAX: usize = 64;

/// The query with secret values replaced.
pub fn redact_query(query: &str) -> Cow<'_, str> {
    let secret = |pair: &str| pair.split_once('=').is_some_and(|(k, v)| is_secret_key(k) || holds_secret(v));
    if !query.split('&').any(secret) {
        return Cow::Borrowed(query);
    }
    let pairs: Vec<Cow<'_, str>> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((key, _)) if secret(pair) => Cow::Owned(format!("{key}={REDACTED}")),
            _ => Cow::Borrowed(pair),
        })
        .collect();
    Cow::Owned(pairs.join("&"))
}

/// The path with opaque segments replaced: some MCP hosts put the credential there.
pub fn redact_path<'a>(_host: &str, path: &'a str) -> Cow<'a, str> {
    if path.len() < OPAQUE_MIN_BYTES
        || !path.split('/').any(|segment| is_opaque(segment) || holds_secret(segment))
    {
        return Cow::Borrowed(path);
    }
    let segments: Vec<&str> = path
        .split('/')
        .map(|segment| if is_opaque(segment) || holds_secret(segment) { REDACTED } else { segment })
        .collect();
    Cow::Owned(segments.join("/"))
}

/// A JSON payload with secrets replaced, at most `max_bytes` long; text that is not JSON (or was cut) is redacted word
/// by word.
pub fn redact_json(payload: &str, max_bytes: usize) -> String {
    let redacted = match serde_json::from_str::<Value>(payload) {
        Ok(mut value) => {
            redact_value(&mut value, 0);
            value.to_string()
        }
        Err(_not_whole) => redact_text(payload),
    };
    cap(redacted, max_bytes)
}

fn redact_value(value: &mut Value, depth: usize) {
    if depth > DEPTH_MAX {
        *value = Value::String(REDACTED.into());
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, inner) in map.iter_mut() {
                if is_secret_key(key) && !matches!(inner, Value::Object(_) | Value::Array(_)) {
                    *inner = Value::String(REDACTED.into());
                } else {
                    redact_value(inner, depth + 1);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact_value(item, depth + 1)),
        Value::String(text) if holds_secret(text) => *text = redact_text(text),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Replaces words that look like credentials, and what follows `Bearer` or a secret key.
fn redact_text(text: &str) -> String {
    if text.contains("-----BEGIN ") {
        return REDACTED.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut after_marker = false;
    for piece in text.split_inclusive(is_boundary) {
        let word = piece.trim_end_matches(is_boundary);
        let tail = piece.get(word.len()..).unwrap_or_default();
        let secret = !word.is_empty() && (after_marker || is_credential(word));
        out.push_str(if secret { REDACTED } else { word });
        out.push_str(tail);
        if !word.is_empty() {
            let marker = word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
            after_marker = marker || (is_secret_key(word) && (tail.contains('"') || tail.contains('=')));
        }
    }
    out
}

fn is_boundary(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '"' | '\'' | ',' | ';' | '=' | '&' | '(' | ')' | '{' | '}' | '[' | ']' | '<' | '>' | ':'
        )
}

fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_NAMES.contains(&key.as_str()) || SECRET_KEYS.iter().any(|part| key.contains(part))
}

fn holds_secret(text: &str) -> bool {
    text.contains("-----BEGIN ")
        || text.contains("Bearer ")
        || text.contains("Basic ")
        || text.split(is_boundary).any(is_credential)
}

fn is_credential(word: &str) -> bool {
    word.len() >= 16 && SECRET_STARTS.iter().any(|start| word.starts_with(start)) || is_opaque(word)
}

/// Long, without separators that words have, mixing digits and letters: nobody reads it, so it opens something. UUIDs
/// name things more often than they open them and stay.
fn is_opaque(word: &str) -> bool {
    if word.len() < OPAQUE_MIN_BYTES || uuid::Uuid::try_parse(word).is_ok() {
        return false;
    }
    let token =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'%');
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let longest_word = word.split(['-', '_', '.', '/']).map(str::len).max().unwrap_or_default();
    word.bytes().all(token) && digits >= 3 && letters >= 8 && longest_word >= 16
}

fn cap(mut text: String, max_bytes: usize) -> String {
    const CUT: &str = "...[cut]";
    if text.len() <= max_bytes {
        return text;
    }
    let room = max_bytes.saturating_sub(CUT.len());
    let end = (0..=room).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default();
    text.truncate(end);
    text.push_str(CUT);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_leave_a_query_and_the_rest_stays() {
        assert_eq!(redact_query("q=mcp&page=2"), "q=mcp&page=2");
        assert_eq!(redact_query("exaApiKey=abc&q=1"), "exaApiKey=[redacted]&q=1");
        assert_eq!(redact_query("a=ghp_0123456789abcdefABCDEF0123456789abcd"), "a=[redacted]");
        assert_eq!(redact_query("session_id=0f&x"), "session_id=[redacted]&x");
    }

    #[test]
    fn a_secret_in_the_path_is_replaced() {
        let path = "/api/mcp/s/NmQ4YTU1ZjQtYzA3Yi00OTk3LWFhNzMtN2Q0/mcp";
        assert_eq!(redact_path("mcp.zapier.example", path), "/api/mcp/s/[redacted]/mcp");
        for plain in [
            "/mcp",
            "/a-rather-long-path-of-words/and-more-words-2026",
            "/v1/0198c2a4-5b6e-7d01-8a3f-0123456789ab",
        ] {
            assert_eq!(redact_path("x.example", plain), plain);
        }
    }

    #[test]
    fn payloads_keep_their_shape_and_lose_their_secrets() {
        let payload = r#"{"method":"tools/call","params":{"name":"pay","arguments":{"card_token":"tok","note":"hi","h":"Bearer abc.def","k":"AKIAIOSFODNN7EXAMPLE"}}}"#;
        let out = redact_json(payload, 4096);
        for gone in ["\"tok\"", "abc.def", "AKIAIOSFODNN7EXAMPLE"] {
            assert!(!out.contains(gone), "{out}");
        }
        for kept in ["tools/call", "\"pay\"", "\"hi\""] {
            assert!(out.contains(kept), "{out}");
        }
        let cut = r#"{"password":"hunter2","a":"sk-0123456789abcdef0123","b"#;
        let out = redact_json(cut, 4096);
        assert!(!out.contains("hunter2") && !out.contains("sk-01234"), "{out}");
    }

    #[test]
    fn payloads_are_capped_at_a_character() {
        let out = redact_json(&format!("\"{}\"", "ä".repeat(100)), 51);
        assert!(out.len() <= 51 && out.ends_with("...[cut]"), "{out}");
    }

    #[test]
    fn a_private_key_disappears_whole() {
        let out = redact_json(r#"{"note":"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END"}"#, 4096);
        assert!(!out.contains("MIIB"), "{out}");
    }
}
