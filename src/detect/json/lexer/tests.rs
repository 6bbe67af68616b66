use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::detect::json::DEPTH_MAX;

/// Every token as text, or why lexing stopped.
fn lex(text: &[u8], chunk: usize) -> Result<Vec<String>, Stop> {
    let (mut lexer, mut tokens) = (Lexer::default(), Vec::new());
    for piece in text.chunks(chunk) {
        lexer.feed(piece, &mut |token| tokens.push(format!("{token:?}")))?;
    }
    lexer.finish(&mut |token| tokens.push(format!("{token:?}")));
    Ok(tokens)
}

#[test]
fn a_string_is_given_with_its_escapes_undone_and_as_it_was_written() {
    for chunk in [1, 2, 100] {
        let text = br#"["plain", "a\b\u0041\ud83d\ude00", "\ud800"]"#;
        let (mut lexer, mut strings) = (Lexer::default(), Vec::new());
        for piece in text.chunks(chunk) {
            let mut keep = |token: Token<'_>| {
                if let Token::Text(text) = token {
                    strings.push((text.text().into_owned(), text.raw().into_owned()));
                }
            };
            lexer.feed(piece, &mut keep).unwrap();
        }
        let want = [("plain", "plain"), ("a\u{8}A😀", "a\\b\\u0041\\ud83d\\ude00"), ("", "\\ud800")];
        assert_eq!(strings, want.map(|(text, raw)| (text.to_owned(), raw.to_owned())));
    }
}

#[test]
fn values_that_only_python_accepts_are_taken() {
    let tokens = lex(br#"{"a":NaN,"b":Infinity,"c":[-Infinity]}"#, 1).unwrap();
    for value in ["NaN", "Infinity", "-Infinity"] {
        assert!(tokens.contains(&format!("Plain({value:?})")), "{value}: {tokens:?}");
    }
    assert_eq!(lex(b"[Nan]", 1), Err(Stop::Syntax));
}

#[test]
fn what_is_kept_of_a_token_is_bounded() {
    let long = format!("[\"{}\\n\",{},\"{}\"]", "x".repeat(9000), "7".repeat(9000), "\\u0041".repeat(9000));
    for chunk in [1, 1000, usize::MAX] {
        let (mut lexer, mut longest) = (Lexer::default(), (0, 0));
        let mut measure = |token: Token<'_>| match token {
            Token::Text(text) => {
                longest = (longest.0.max(text.text().len()), longest.1.max(text.raw().len()));
            }
            Token::Plain(text) => longest.0 = longest.0.max(text.len()),
            _ => {}
        };
        long.as_bytes().chunks(chunk).for_each(|piece| lexer.feed(piece, &mut measure).unwrap());
        assert_eq!(longest, (TOKEN_MAX_BYTES, RAW_MAX_BYTES));
    }
}

#[test]
fn nesting_is_followed_to_its_limit() {
    assert_eq!(lex("[".repeat(DEPTH_MAX).as_bytes(), 7).map(|tokens| tokens.len()), Ok(DEPTH_MAX));
    assert_eq!(lex("{\"a\":".repeat(DEPTH_MAX + 1).as_bytes(), 7), Err(Stop::TooDeep));
}

/// The tokens that a parsed value was written with.
fn tokens(value: &Value, out: &mut Vec<String>) {
    let text = |text: &str| crate::detect::json::escaped(text);
    match value {
        Value::Object(members) => {
            out.push("BeginObject".into());
            for (key, value) in members {
                out.push(format!("Key({:?} for {key:?})", text(key)));
                tokens(value, out);
            }
            out.push("End".into());
        }
        Value::Array(items) => {
            out.push("BeginArray".into());
            items.iter().for_each(|item| tokens(item, out));
            out.push("End".into());
        }
        Value::String(string) => out.push(format!("Text({:?} for {string:?})", text(string))),
        plain => out.push(format!("Plain(\"{plain}\")")),
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,9}[\"\\\\\n\u{1}]{0,3}[a-z]{0,40}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(("\\PC{0,4}[\"\\\\]{0,2}", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn the_tokens_are_those_of_another_parser(value in value(), pretty: bool, chunk in 1_usize..40) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        let mut expected = Vec::new();
        tokens(&value, &mut expected);
        prop_assert_eq!(lex(text.as_bytes(), chunk), Ok(expected));
    }

    #[test]
    fn any_text_reads_the_same_however_it_is_cut(
        text in "([\\[\\]{}:, \"\\\\]|\\\\u00|true|NaN|-1.5e3|[a-f0-9]{1,3}|é){0,24}", chunk in 1_usize..9,
    ) {
        prop_assert_eq!(lex(text.as_bytes(), chunk), lex(text.as_bytes(), usize::MAX));
    }

    #[test]
    fn any_bytes_in_any_pieces_are_survived(bytes: Vec<u8>, chunk in 1_usize..9) {
        let _either = lex(&bytes, chunk);
    }
}
