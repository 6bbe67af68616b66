use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::detect::dlp::{find_in_json, find_in_name, find_in_path, find_in_query, redact_json};

/// Kind, place and secret of each finding.
fn found(findings: &Findings, text: &str) -> Vec<(&'static str, Place, String)> {
    let list = findings.list(text).into_iter();
    list.map(|finding| (finding.kind.word(), finding.place, text[finding.bytes].to_owned())).collect()
}

fn pointer(pointer: &str) -> Place {
    Place::Pointer(pointer.to_owned())
}

#[test]
fn a_finding_says_what_was_found_and_where() {
    for (text, kind, place, secret) in [
        (r#"{"a":{"password":"hunter2"}}"#, "password", "/a/password", "hunter2"),
        (
            r#"{"a":[1,{"b/c~d":"ghp_0123456789abcdefABCDEF0123456789abcd"}]}"#,
            "github_token",
            "/a/1/b~1c~0d",
            "ghp_0123456789abcdefABCDEF0123456789abcd",
        ),
        (r#"{"pin":123456}"#, "password", "/pin", "123456"),
        (
            r#"{"headers":[{"name":"Authorization","value":"abc123"}]}"#,
            "authorization",
            "/headers/0/value",
            "abc123",
        ),
        (r#"[{"value":"abc123","name":"x-api-key"}]"#, "api_key", "/0/value", "\"abc123\""),
        (r#"{"key":"my-secret-abc123","x":1}"#, "secret", "/key", "my-secret-abc123"),
        (r#"["--token","abc123"]"#, "token", "/1", "abc123"),
        (r#"{"text":"see https://bob:hunter2@h/x"}"#, "url_credential", "/text", "bob:hunter2"),
        (
            r#"{"arguments":"{\"q\":\"a\\nb\",\"password\":\"hun\\u0074er2\"}"}"#,
            "password",
            "/arguments/password",
            r#"hun\\u0074er2"#,
        ),
        (r#"{"a":{"AKIAIOSFODNN7EXAMPLE":1}}"#, "aws_key_id", "/a", "AKIAIOSFODNN7EXAMPLE"),
        (r#"{"AKIAIOSFODNN7EXAMPLE":1,"password":"hunter2"}"#, "password", "/password", "hunter2"),
        ("Authorization: Basic Ym9iOmh1bnRlcjI=", "authorization", "", "Basic Ym9iOmh1bnRlcjI="),
        (
            "a -----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY----- b",
            "private_key",
            "",
            "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
        ),
    ] {
        let findings = find_in_json(text);
        let wanted = (kind, pointer(place), secret.to_owned());
        assert!(found(&findings, text).contains(&wanted), "{text}: {:?}", found(&findings, text));
    }
}

#[test]
fn a_finding_in_a_url_says_which_part_holds_it() {
    let query = "q=1&api%5Fkey=abc&sk-0123456789abcdef=1";
    let parameter = |name: &str| Place::Parameter(name.to_owned());
    let wanted = [
        ("api_key", parameter("api_key"), "abc".to_owned()),
        ("model_provider_key", parameter(REDACTED), "sk-0123456789abcdef=1".to_owned()),
    ];
    assert_eq!(found(&find_in_query(query), query), wanted);
    let path = "/mcp/9f86d081884c7d659a2feaa0c55ad015;v=1;token=abc/sse";
    let wanted = [
        ("random", Place::Segment(2), "9f86d081884c7d659a2feaa0c55ad015".to_owned()),
        ("token", parameter("token"), "abc".to_owned()),
    ];
    assert_eq!(found(&find_in_path(path), path), wanted);
    let name = "postgres://bob:hunter2@db.example/orders";
    let wanted = [("url_credential", Place::UserInfo, "bob:hunter2".to_owned())];
    assert_eq!(found(&find_in_name(name), name), wanted);
}

#[test]
fn a_secret_is_named_in_no_place() {
    let text = r#"{"ghp_0123456789abcdefABCDEF0123456789abcd":{"password":"hunter2"}}"#;
    let places: Vec<Place> = find_in_json(text).list(text).into_iter().map(|finding| finding.place).collect();
    assert_eq!(places, [pointer(""), pointer("/[redacted]/password")]);
}

#[test]
fn confidence_tells_a_sure_secret_from_a_likely_one() {
    let surest = |text: &str| find_in_json(text).surest();
    assert_eq!(surest(r#"{"password":"x y"}"#), Some((Kind::Password, Confidence::High)));
    assert_eq!(surest(r#"{"state":"x y"}"#), Some((Kind::Code, Confidence::Medium)));
    assert_eq!(surest("id 9f86d081884c7d659a2feaa0c55ad015"), Some((Kind::Random, Confidence::Low)));
    assert_eq!(
        surest(r#"{"state":"x","t":"a ghp_0123456789abcdefABCDEF0123456789abcd"}"#),
        Some((Kind::GithubToken, Confidence::High))
    );
    assert_eq!(surest("nothing"), None);
}

#[test]
fn a_caller_may_choose_the_placeholder() {
    let text = r#"{"password":"hunter2","n":"{\"pin\":1234}","a":"see token=hunter2"}"#;
    let mut seen: Vec<String> = Vec::new();
    let out = find_in_json(text).redact_with(text, &mut |kind, secret| {
        let known = seen.iter().position(|other| other == secret);
        let number = known.unwrap_or_else(|| {
            seen.push(secret.to_owned());
            seen.len() - 1
        });
        format!("[redacted:{}:{}]", kind.word(), number + 1).into()
    });
    assert_eq!(
        out,
        r#"{"password":"[redacted:password:1]","n":"{\"pin\":\"[redacted:password:2]\"}","a":"see token=[redacted:token:1]"}"#
    );
}

#[test]
fn what_follows_too_many_findings_is_redacted_whole() {
    let text = format!("[{}]", vec![r#"{"password":"hunter2"}"#; FINDINGS_MAX + 10].join(","));
    let list = find_in_json(&text).list(&text);
    assert_eq!(list.len(), FINDINGS_MAX + 1);
    assert_eq!(list.last().map(|last| (last.kind, last.bytes.end)), Some((Kind::NotRead, text.len())));
    assert!(!redact_json(&text, 1 << 20).contains("hunter2"));
}

#[test]
fn a_pointer_is_bounded() {
    let text = format!(r#"{}{{"password":"x y"}}"#, format!(r#"{{"{}":"#, "a".repeat(100)).repeat(40));
    let list = find_in_json(&text).list(&text);
    assert!(matches!(&list[0].place, Place::Pointer(pointer) if pointer.len() <= 256), "{list:?}");
}

#[test]
fn every_kind_has_a_word_of_its_own() {
    let all: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
    assert_eq!(all.len(), Kind::ALL.len());
    assert!(all.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')), "{all:?}");
}

proptest! {
    #[test]
    fn findings_are_inside_the_text_and_apart(
        text in "([a-z0-9%&=;:/?#@\"'\\\\{}\\[\\],<> .+-]|pw|key|name|value|password|Bearer |%20|://|\\\\\"|\\PC){0,60}",
    ) {
        for findings in [find_in_json(&text), find_in_query(&text), find_in_path(&text), find_in_name(&text)] {
            let list = findings.list(&text);
            prop_assert!(list.iter().all(|finding| text.get(finding.bytes.clone()).is_some()), "{list:?}");
            prop_assert!(list.is_sorted_by_key(|finding| (finding.bytes.start, finding.bytes.end)), "{list:?}");
            prop_assert_eq!(list.is_empty(), findings.is_empty());
            prop_assert_eq!(findings.is_empty(), findings.redact(&text) == text.as_str() && findings.surest().is_none());
        }
    }
}
