use crate::detect::dlp::{REDACTED, redact_json};

fn clean(payload: &str) -> String {
    redact_json(payload, 1 << 20)
}

/// What stays of a payload is JSON again.
fn parsed(payload: &str) -> serde_json::Value {
    serde_json::from_str(&clean(payload)).unwrap()
}

#[test]
fn a_container_under_a_secret_key_loses_its_leaves() {
    let out = clean(r#"{"credentials":{"user":"bob","parts":["abc",12,{"x":"y"}],"on":true},"a":["b",1]}"#);
    let want = r#"{"credentials":{"user":"[redacted]","parts":["[redacted]","[redacted]",{"x":"[redacted]"}],"on":true},"a":["b",1]}"#;
    assert_eq!(out, want);
}

#[test]
fn a_name_beside_a_value_counts_in_either_order() {
    for payload in [
        r#"{"name":"Authorization","value":"abc123"}"#,
        r#"{"value":"abc123","name":"x-api-key"}"#,
        r#"{"key":"password","value":"abc123"}"#,
        r#"{"header":"Cookie","values":["abc123"]}"#,
        r#"{"values":[{"x":"abc123"}],"name":"token"}"#,
        r#"{"value":"abc123","key":"token"}"#,
        r#"{"headers":[{"name":"a","value":"b"},{"name":"Authorization","value":"abc123"}]}"#,
        r#"{"key":"my-secret-abc123"}"#,
        r#"{"key":"my-secret-abc123"#,
    ] {
        let out = clean(payload);
        assert!(!out.contains("abc123") && out.contains(REDACTED), "{out}");
    }
    for payload in [r#"{"name":"region","value":"eu"}"#, r#"{"value":{"a":[1]},"name":"area"}"#] {
        assert_eq!(clean(payload), payload);
    }
    assert_eq!(clean(r#"{"key":"password","value":"x"}"#), r#"{"key":"password","value":"[redacted]"}"#);
}

#[test]
fn json_inside_strings_is_read() {
    let once = r#"{"arguments":"{\"password\":\"hunter2\",\"q\":\"a\\nb\"}"}"#;
    assert_eq!(parsed(once)["arguments"], r#"{"password":"[redacted]","q":"a\nb"}"#);
    let mut nested = r#"{"password":"hunter2"}"#.to_owned();
    for layer in 0..9 {
        let out = clean(&nested);
        assert!(!out.contains("hunter2"), "layer {layer}: {out}");
        nested = serde_json::json!({ "arguments": nested }).to_string();
    }
}

#[test]
fn secrets_inside_text_go_and_the_text_stays() {
    for (text, want) in [
        ("postgres://bob:hunter2@db/app", "postgres://[redacted]@db/app"),
        ("postgres://bob:hun/ter2@db/app", "postgres://[redacted]@db/app"),
        ("redis://:hunter2@cache:6379/0", "redis://[redacted]@cache:6379/0"),
        ("use password=hunter2 and go", "use password=[redacted] and go"),
        ("Password: hunter2, user: bob", "Password: [redacted] user: bob"),
        ("bearer abc.def", "bearer [redacted]"),
        ("BEARER abcdef", "BEARER [redacted]"),
        ("Basic Ym9iOmh1bnRlcjI=", "Basic [redacted]"),
        ("curl -H 'Authorization: Token a b c' h", "curl -H 'Authorization: [redacted]' h"),
        ("Cookie: a=b; sid=c\nAccept: d", "Cookie: [redacted]\nAccept: d"),
        ("x-api-key: Bearer hunter2", "x-api-key: [redacted]"),
        ("const apiKey: string = \"a b\";", "const apiKey: [redacted]\";"),
        ("my API key: hunter2", "my API key: [redacted]"),
        ("mysql --password hunter2 -u bob", "mysql --password [redacted] -u bob"),
        ("deploy --token 'a b' now", "deploy --token '[redacted]' now"),
        ("see https://h.example/x?api_key=abc&y=1", "see https://h.example/x?api_key=[redacted]&y=1"),
        ("{'password': 'it is \"me\"', 'a': 1}", "{'password': '[redacted]', 'a': 1}"),
        ("5\" pipe, {\"password\": \"hunter2 x\"}", "5\" pipe, {\"password\": \"[redacted]\"}"),
        ("h[\"token\"] = \"a b\";", "h[\"token\"] = \"[redacted]\";"),
        ("<password>hunter2</password>", "<password>[redacted]</password>"),
        ("q=1&password%3Dhunter2", "q=1&[redacted]"),
        ("config {secret: [1, \"]\"], a: 1}", "config {secret: [redacted], a: 1}"),
        ("key sk-0123456789abcdef, ok", "key [redacted], ok"),
    ] {
        let payload = serde_json::json!({ "text": text }).to_string();
        assert_eq!(parsed(&payload)["text"], want);
        assert_eq!(clean(text), want);
    }
}

#[test]
fn ordinary_payloads_stay_as_they_are() {
    for payload in [
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hi"}}}"#,
        r#"{ "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {"sampling": {}}} }"#,
        r#"{"error":{"code":-32601,"message":"Method not found"},"id":null}"#,
        r#"{"params":{"maxTokens":4096,"_meta":{"progressToken":1}},"usage":{"total_tokens":12}}"#,
        r#"{"uri":"file:///home/bob/notes/2026-11-24.md","next":"https://h.example:8080/@scope/pkg"}"#,
        r#"{"text":"The bearer of this note, Basic usage: 10:30, C:\\temp, a=b, f(x) -> y"}"#,
        r#"{"text":"Author: Bob. Session: Rust 101. State: open; code: 200. The token is on the table."}"#,
        r#"{"text":"Password::hash(input) and auth::Token::new"}"#,
        r#"{"tokens":512,"auth":null,"session":true,"pin":""}"#,
        "[1,-2.5e3,true,null,[],{},\"\"]",
        "{}\n{}\n",
        "data: {\"jsonrpc\":\"2.0\",\"method\":\"ping\"}\n\n",
        "grant_type=client_credentials&scope=read",
        "",
    ] {
        assert_eq!(clean(payload), payload);
    }
}

#[test]
fn a_cut_payload_loses_its_secrets_up_to_the_end() {
    for (cut, want) in [
        (r#"{"password":"correct horse battery staple"#, r#"{"password":"[redacted]"#),
        (r#"{"password":"correct horse","a":"b"#, r#"{"password":"[redacted]","a":"b"#),
        (r#"{"token":"abc:def;ghi","n":tru"#, r#"{"token":"[redacted]","n":tru"#),
        (r#"{"token":"a\"bcd","n":1"#, r#"{"token":"[redacted]","n":1"#),
        (r#"{"token":"a\"bcd\"#, r#"{"token":"[redacted]"#),
        (r#"{"token":["abc","def"#, r#"{"token":["[redacted]","[redacted]"#),
        (r#"{"a":"{\"password\":\"hun ter2\",\"b\":\"c"#, r#"{"a":"{\"password\":\"[redacted]\",\"b\":\"c"#),
        (r#"{"a":"{\"password\":\"hun\"#, r#"{"a":"{\"password\":\"[redacted]"#),
        (r#"[{"name":"Authorization","value":"abc"#, r#"[{"name":"Authorization","value":"[redacted]"#),
        (r#"{"pass\u0077ord":"hunter2"#, r#"{"pass\u0077ord":"[redacted]"#),
    ] {
        assert_eq!(clean(cut), want);
    }
}

#[test]
fn what_is_almost_json_is_read_as_text() {
    for payload in [
        "{\"a\":1, /* note */ \"password\": \"hunter2\"}",
        "{\"a\":1,}{\"password\":\"hunter2\"}",
        "{password: hunter2}",
        "{\"password\" = \"hunter2\"}",
        "{\"password\": hunter2}",
        "{\"a\":NaN,\"password\":\"hunter2\"}",
        "{\"a\":1]\"password\":\"hunter2\"}",
        "\u{feff}{\"password\":\"hunter2\"}",
        "\"password=hunter2\"",
        "event: message\ndata: {\"password\":\"hunter2\"}\n\n",
        "[\"--password\",\"hunter2\"]",
        "{\"Key\":{\"password\":{\"hunter2\":\"hunter2\"",
    ] {
        let out = clean(payload);
        assert!(!out.replace("{\"hunter2\":", "").contains("hunter2"), "{out}");
    }
}

#[test]
fn depth_is_bounded() {
    let deep = |levels: usize| format!("{}\"x\"{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(clean(&deep(64)), deep(64));
    assert_eq!(clean(&deep(65)), deep(64).replace("\"x\"", "\"[redacted]\""));
    assert!(clean(&"[{\"a\":".repeat(100_000)).len() < 1000);
}

#[test]
fn a_secret_may_be_a_key() {
    let out = clean(r#"{"ghp_0123456789abcdefABCDEF0123456789abcd":1,"AKIAIOSFODNN7EXAMPLE":2}"#);
    assert_eq!(out, r#"{"[redacted]":1,"[redacted]":2}"#);
}
