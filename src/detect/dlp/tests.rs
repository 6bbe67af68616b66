use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

#[test]
fn secrets_leave_a_query_and_the_rest_stays() {
    for (query, want) in [
        ("exaApiKey=abc&q=1", "exaApiKey=[redacted]&q=1"),
        ("a=ghp_0123456789abcdefABCDEF0123456789abcd", "a=[redacted]"),
        ("session_id=0f&x", "session_id=[redacted]&x"),
        ("pass=a&accessKey=b&ticket=c&x=d", "pass=[redacted]&accessKey=[redacted]&ticket=[redacted]&x=d"),
        ("state=abc&code=abc&key=abc", "state=[redacted]&code=[redacted]&key=[redacted]"),
        ("api%5Fkey=abc&q=1", "api%5Fkey=[redacted]&q=1"),
        ("%61pi%5fkey=abc", "%61pi%5fkey=[redacted]"),
        ("user%5Bpassword%5D=abc", "user%5Bpassword%5D=[redacted]"),
        ("h=Bearer%20abcdef", "h=[redacted]"),
        ("h=bearer+abcdef", "h=[redacted]"),
        ("h=Bearer%2520abcdef", "h=[redacted]"),
        ("u=https://bob:hunter2@h/", "u=[redacted]"),
        ("u=https%3A%2F%2Fbob%3Ahunter2%40h%2F", "u=[redacted]"),
        ("next=https%3A%2F%2Fh%2F%3Ftoken%3Dabc&a=b", "next=[redacted]&a=b"),
        ("p=%7B%22password%22%3A%22hunter2%22%7D", "p=[redacted]"),
        ("sk-0123456789abcdef", "[redacted]"),
        ("9f86d081884c7d659a2feaa0c55ad015&a=b", "[redacted]&a=b"),
        ("appid=9f86d081884c7d659a2feaa0c55ad015", "appid=[redacted]"),
        ("9f86d081884c7d659a2feaa0c55ad015=", "[redacted]"),
        ("a=1;token=abc", "a=[redacted]"),
        ("t=q83vEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRW/Jq8=", "t=[redacted]"),
    ] {
        assert_eq!(redact_query(query), want);
    }
}

#[test]
fn a_query_without_secrets_is_not_copied() {
    for query in [
        "",
        "q=mcp&page=2",
        "author=bob&authority=city&passenger=2&compass=n&keyboard=de",
        "tokenizer=cl100k&max_tokens=4096&tokens=12&token_type=jwt",
        "authuser=0&auth=true&session=&pin=0",
        "id=0198c2a4-5b6e-7d01-8a3f-0123456789ab&t=2026-11-24T15%3A31%3A38Z",
        "next=https%3A%2F%2Fh.example%3A8443%2Fdocs%2F%3Fpage%3D2&x",
        "q=how+to+write+a+parser&sort=-created_at&fields=name,value",
        "a=%zz%&&=&==",
    ] {
        assert!(matches!(redact_query(query), Cow::Borrowed(same) if same == query), "{query}");
    }
}

#[test]
fn a_secret_in_the_path_is_replaced() {
    for (path, want) in [
        ("/api/mcp/s/NmQ4YTU1ZjQtYzA3Yi00OTk3LWFhNzMtN2Q0/mcp", "/api/mcp/s/[redacted]/mcp"),
        ("/mcp/9f86d081884c7d659a2feaa0c55ad015/sse", "/mcp/[redacted]/sse"),
        ("/sk-0123456789abcdef", "/[redacted]"),
        ("/mcp/0198c2a4-5b6e-7d01-8a3f-0123456789ab/sse", "/mcp/[redacted]/sse"),
        ("/S/0198c2a4%2D5b6e-7d01-8a3f-0123456789ab", "/S/[redacted]"),
        ("/mcp;api_key=abc;v=1/x", "/mcp;api_key=[redacted];v=1/x"),
        ("/a;jsessionid=0f", "/a;jsessionid=[redacted]"),
        ("/token=abc/mcp", "/[redacted]/mcp"),
        ("/proxy/https://bob:hunter2@h/x", "/proxy/https://[redacted]@h/x"),
        ("/Bearer%20abcdef/x", "/[redacted]/x"),
    ] {
        assert_eq!(redact_path(path), want);
    }
}

#[test]
fn a_path_without_secrets_is_not_copied() {
    for path in [
        "/",
        "/mcp",
        "/a-rather-long-path-of-words/and-more-words-2026",
        "/v1/0198c2a4-5b6e-7d01-8a3f-0123456789ab",
        "/.well-known/oauth-protected-resource/mcp",
        "/token/refresh;v=2/session/new",
        "/npm/@modelcontextprotocol/server-everything/-/server-everything-2026.11.24.tgz",
        "/v2/library/alpine:3.19/manifests/latest",
        "/%E6%97%A5%E6%9C%AC%E8%AA%9E/caf%C3%A9",
    ] {
        assert!(matches!(redact_path(path), Cow::Borrowed(same) if same == path), "{path}");
    }
}

#[test]
fn names_lose_the_secrets_of_uris_and_stay_otherwise() {
    for (name, want) in [
        (
            "postgres://bob:hunter2@db.example/orders?sslmode=require",
            "postgres://[redacted]@db.example/orders?sslmode=require",
        ),
        (
            "https://h.example/a?token=abc&x=1#access_token=abc",
            "https://h.example/a?token=[redacted]&x=1#access_token=[redacted]",
        ),
        ("note://9f86d081884c7d659a2feaa0c55ad015/1", "note://[redacted]/1"),
        ("https://h.example/mcp/0198c2a4-5b6e-7d01-8a3f-0123456789ab", "https://h.example/mcp/[redacted]"),
        ("/users?api_key=abc", "/users?api_key=[redacted]"),
        ("sk-0123456789abcdef", "[redacted]"),
    ] {
        assert_eq!(redact_name(name), want);
    }
    for name in [
        "echo",
        "get_weather",
        "mcp__github__create_pull_request_review",
        "listAllRepositoriesForAuthenticatedUser",
        "auth/refresh_token",
        "code_review",
        "file:///home/bob/projects/daylight/Cargo.toml",
        "https://h.example:8443/docs?page=2#usage",
        "config://app/{environment}/settings",
        "Summarise a document",
        "",
    ] {
        assert!(matches!(redact_name(name), Cow::Borrowed(same) if same == name), "{name}");
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
    let payload = format!("\"{}\"", "ä".repeat(100));
    let out = redact_json(&payload, 51);
    assert!(out.len() <= 51 && out.ends_with("...[cut]"), "{out}");
    assert_eq!(redact_json(&payload, 3), "...");
    assert_eq!(redact_json(&payload, 0), "");
}

#[test]
fn a_private_key_disappears_whole() {
    let out =
        redact_json(r#"{"note":"a -----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY----- b"}"#, 4096);
    assert_eq!(out, r#"{"note":"a [redacted] b"}"#);
    let cut = redact_json(r#"{"note":"-----BEGIN PRIVATE KEY-----\nMIIB\nx"#, 4096);
    assert_eq!(cut, r#"{"note":"[redacted]"#);
}

/// A secret that starts and ends with a mark, with anything between.
fn secret() -> impl Strategy<Value = String> {
    "(\\PC|[\"\\\\{}\\[\\],:;=&<> \n']){0,30}".prop_map(|between| format!("QXZ1{between}QXZ2"))
}

fn harmless() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(serde_json::Value::Null),
        any::<i32>().prop_map(Into::into),
        "[a-z \"'\\\\{:=]{0,12}".prop_map(Into::into),
        Just(serde_json::json!({ "name": "a", "value": ["b", { "key": "c" }] })),
    ]
}

/// A document that holds `"password": secret` under `steps` layers of objects, arrays and quoting.
fn planted(secret: &str, steps: &[(u8, serde_json::Value, bool)]) -> String {
    let mut document = serde_json::json!({ "password": secret });
    for (kind, beside, before) in steps {
        document = match kind {
            0 if *before => serde_json::json!({ "a": beside, "b": document }),
            0 => serde_json::json!({ "a": document, "b": beside }),
            1 if *before => serde_json::json!([beside, document]),
            1 => serde_json::json!([document, beside]),
            2 => serde_json::json!({ "arguments": document.to_string() }),
            _ => serde_json::json!({ "text": format!("5\" {document} it's") }),
        };
    }
    document.to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_planted_secret_never_survives(
        secret in secret(),
        steps in prop::collection::vec((0u8..4, harmless(), any::<bool>()), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let document = planted(&secret, &steps);
        let mut end = cut.index(document.len()) + 1;
        while !document.is_char_boundary(end) {
            end += 1;
        }
        for payload in [&document, &document[..end]] {
            let out = redact_json(payload, 1 << 20);
            prop_assert!(!out.contains("QXZ"), "{payload} -> {out}");
        }
    }

    #[test]
    fn a_path_that_is_not_looked_at_closely_has_no_secret(
        segments in prop::collection::vec((prop::option::of(prop::sample::select(&words::CREDENTIAL_STARTS)), "[a-z0-9._-]{0,12}"), 0..5),
    ) {
        let segment = |(start, rest): &(Option<(&str, Kind)>, String)| {
            let both = start.map_or("", |(start, _)| start).to_ascii_lowercase() + rest;
            format!("/{}", &both[..both.len().min(SIMPLE_SEGMENT_MAX_BYTES)])
        };
        let path: String = segments.iter().map(segment).collect();
        prop_assert!(is_simple(&path), "{path}");
        prop_assert_eq!(search(&path).path().redact(&path), path.as_str());
    }

    #[test]
    fn whole_json_stays_json(
        secret in secret(),
        steps in prop::collection::vec((0u8..4, harmless(), any::<bool>()), 0..5),
    ) {
        let out = redact_json(&planted(&secret, &steps), 1 << 20);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
    }

    #[test]
    fn redaction_takes_anything_and_stays_small(
        text in "([a-z0-9%&=;:/?#@\"'\\\\{}\\[\\],<> .+-]|pw|key|name|value|password|Bearer |%20|://|\\PC){0,60}",
        max_bytes in 0usize..300,
    ) {
        let most = text.len() * GROWTH_MAX;
        prop_assert!(redact_query(&text).len() <= most);
        prop_assert!(redact_path(&text).len() <= most);
        prop_assert!(redact_name(&text).len() <= most);
        prop_assert!(redact_json(&text, max_bytes).len() <= max_bytes);
    }

    #[test]
    fn redacted_text_is_clean(text in "[a-z=& :/@]{0,40}") {
        let once = redact_query(&text).into_owned();
        prop_assert_eq!(redact_query(&once), once.as_str());
    }
}
