use std::collections::BTreeSet;

use proptest::prelude::*;

use super::glob::regex;
use super::pure::Set as Oracle;
use super::syntax::PATTERN_MAX_BYTES;
use super::*;

/// Runs a scan with a callback for hits.
type Scanning<'a> = &'a dyn Fn(&mut dyn FnMut(usize));

fn hits(patterns: &[String], text: &[u8]) -> (Vec<usize>, Vec<usize>) {
    let collect = |scan: Scanning<'_>| {
        let mut found = Vec::new();
        scan(&mut |id| found.push(id));
        found.sort_unstable();
        found.dedup();
        found
    };
    let (ours, oracle) = (Set::new(patterns).unwrap(), Oracle::new(patterns).unwrap());
    (collect(&|hit| ours.scan(text, hit)), collect(&|hit| oracle.scan(text, hit)))
}

#[test]
fn globs_cover_the_whole_text() {
    let patterns: Vec<String> = ["mcp.*", "*/mcp", "/a?c", "a+b", "<b>"].iter().map(|g| regex(g)).collect();
    assert_eq!(hits(&patterns, b"mcp.vendor.example").0, [0]);
    assert_eq!(hits(&patterns, b"notmcp.vendor.example").0, [0_usize; 0]);
    assert_eq!(hits(&patterns, b"/v1/mcp").0, [1]);
    assert_eq!(hits(&patterns, b"/abc").0, [2]);
    assert_eq!(hits(&patterns, b"a+b").0, [3]);
    assert_eq!(hits(&patterns, b"<b>"), (vec![4], vec![4]));
}

#[test]
fn patterns_that_cannot_be_used_are_refused_with_a_reason() {
    for bad in ["a*", "(", "(?=a)b", "a{1,99999}", r"\<b\>", &"a".repeat(PATTERN_MAX_BYTES + 1)] {
        assert!(check(bad).is_err(), "{bad}");
    }
    for good in ["tools/(call|list)", r"\\<b>"] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
}

#[test]
fn a_pattern_is_found_across_pieces_by_both_engines() {
    let patterns = ["secret-[0-9]{4}".into(), "end$".into()];
    let pieces = [b"a secr".as_slice(), b"et-12", b"34 the end"];
    let (ours, oracle) = (Set::new(&patterns).unwrap(), Oracle::new(&patterns).unwrap());
    let (mut found, mut scan) = (BTreeSet::new(), ours.start());
    pieces.iter().for_each(|piece| ours.feed(&mut scan, piece, &mut |id| _ = found.insert(id)));
    ours.finish(&mut scan, &mut |id| _ = found.insert(id));
    assert_eq!(found, BTreeSet::from([0, 1]));
    let (mut found, mut scan) = (BTreeSet::new(), oracle.start());
    pieces.iter().for_each(|piece| oracle.feed(&mut scan, piece, &mut |id| _ = found.insert(id)));
    oracle.finish(&mut scan, &mut |id| _ = found.insert(id));
    assert_eq!(found, BTreeSet::from([0, 1]));
}

/// A glob and a text that is likely to be close to it: each `*` and `?` filled in.
fn glob_and_text() -> impl Strategy<Value = (String, String)> {
    let piece = prop_oneof![Just("*".to_owned()), Just("?".to_owned()), "[ -~\n\té]"];
    let filled = prop::collection::vec((piece, "[ -~\n]{0,3}"), 1..8);
    filled.prop_map(|pieces| {
        let fill = |(piece, filling): &(String, String)| match piece.as_str() {
            "*" => filling.clone(),
            "?" => filling.chars().next().unwrap_or('x').to_string(),
            literal => literal.to_owned(),
        };
        (pieces.iter().map(|(piece, _)| piece.as_str()).collect(), pieces.iter().map(fill).collect())
    })
}

proptest! {
    #[test]
    fn both_engines_agree(text in "[a-c/.]{0,24}", globs in prop::collection::vec("[a-c/.*?]{1,8}", 1..5)) {
        let patterns: Vec<String> = globs.iter().map(|g| regex(g)).filter(|p| check(p).is_ok()).collect();
        prop_assume!(!patterns.is_empty());
        let (ours, oracle) = hits(&patterns, text.as_bytes());
        prop_assert_eq!(ours, oracle);
    }

    #[test]
    fn a_glob_of_any_characters_matches_what_it_stands_for_in_both_engines((glob, text) in glob_and_text()) {
        let pattern = regex(&glob);
        prop_assume!(check(&pattern).is_ok() && !text.is_empty());
        prop_assert_eq!(hits(&[pattern], text.as_bytes()), (vec![0], vec![0]));
    }

    #[test]
    fn both_engines_agree_on_globs_and_texts_of_any_characters(
        (one, close) in glob_and_text(),
        (other, far) in glob_and_text(),
    ) {
        let patterns: Vec<String> = [one, other].iter().map(|g| regex(g)).filter(|p| check(p).is_ok()).collect();
        prop_assume!(!patterns.is_empty());
        for text in [close.clone(), format!("{close}\n"), far] {
            let (ours, oracle) = hits(&patterns, text.as_bytes());
            prop_assert_eq!(ours, oracle, "{:?}", text);
        }
    }
}
