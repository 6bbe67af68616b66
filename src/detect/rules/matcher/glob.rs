//! Globs: `*` is any run of bytes (none, `/` and line ends too), `?` is one byte, every other character is itself.
//!
//! A field with a few globs compares them one by one; a field with many is for the engine, which takes them as regular
//! expressions. Nanoseconds for one value (AMD EPYC at 2.6 GHz, `/v1/things/42` / a path that matches):
//! - the four path globs of a shipped rule: `Pieces` 33 / 29, `globset::GlobSet` 98 / 141, Hyperscan 34 / 135;
//! - `/v?/mcp*`, which has no pieces: `globset::GlobMatcher` 45 / 65, Hyperscan 34 / 77;
//! - 10,000 globs: `globset::GlobSet` 7,551, Hyperscan 17.

use globset::{Candidate, GlobBuilder, GlobMatcher};

use super::pieces::Pieces;

/// A glob that is compared without the engine.
#[derive(Clone, Debug)]
pub(crate) enum Glob {
    /// Its only wildcard is `*`.
    Plain(Pieces),
    /// It has a `?`.
    Wild(GlobMatcher),
}

impl Glob {
    /// None where the engine is faster, or the only one that can do it.
    pub(crate) fn of(glob: &str, caseless: bool) -> Option<Self> {
        match Pieces::of(glob, caseless) {
            Some(pieces) => Some(Self::Plain(pieces)),
            None if caseless || !glob.contains('?') => None,
            None => {
                let built = GlobBuilder::new(&escaped(glob)).backslash_escape(true).build();
                built.ok().map(|glob| Self::Wild(glob.compile_matcher()))
            }
        }
    }

    /// True when the glob matches this value.
    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Plain(pieces) => pieces.matches(value),
            Self::Wild(matcher) => matcher.is_match_candidate(&Candidate::from_bytes(value)),
        }
    }
}

/// The same glob for `globset`, whose syntax is larger: `**`, `[..]`, `{a,b}` and `\` have a meaning there and none here.
fn escaped(glob: &str) -> String {
    let mut out = String::with_capacity(glob.len());
    for c in glob.chars() {
        match c {
            '*' if out.ends_with('*') && !out.ends_with("\\*") => {}
            '\\' | '[' | ']' | '{' | '}' | ',' | '!' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// A glob as a regular expression over the whole text, for the engines. `*` alone is any text but the empty one.
pub(crate) fn regex(glob: &str) -> String {
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
mod tests {
    use proptest::prelude::*;

    use super::super::syntax::compile;
    use super::*;

    #[test]
    fn a_glob_without_question_mark_has_pieces_and_the_rest_is_for_globset_or_the_engine() {
        assert!(matches!(Glob::of("*/mcp", false), Some(Glob::Plain(_))));
        assert!(matches!(Glob::of("/v?/*", false), Some(Glob::Wild(_))));
        for engine in [Glob::of("*", false), Glob::of("", false), Glob::of("a?", true), Glob::of("*a*", true)]
        {
            assert!(engine.is_none());
        }
    }

    #[test]
    fn what_has_a_meaning_in_globset_is_an_ordinary_character_here() {
        for (glob, is, is_not) in [
            ("?[ab]", "x[ab]", "xa"),
            ("?{a,b}", "x{a,b}", "xa"),
            ("?\\*", "x\\anything", "x*"),
            ("?[!a]", "x[!a]", "xb"),
            ("**/a?", "b/c/ad", "ad"),
        ] {
            let glob = Glob::of(glob, false).unwrap();
            assert!(glob.matches(is.as_bytes()) && !glob.matches(is_not.as_bytes()), "{glob:?}");
        }
    }

    proptest! {
        #[test]
        fn a_compared_glob_matches_what_its_regex_matches(
            typed in "[aB./*?\\\\\\[\\]{},!^ä-]{1,7}",
            value in "[aAbB./\\\\\\[\\]{},!^ä\n-]{0,9}",
            caseless in any::<bool>(),
        ) {
            let regex = regex(&typed);
            let regex = if caseless { format!("(?i){regex}") } else { regex };
            if let Some(glob) = Glob::of(&typed, caseless) {
                let oracle = compile(&regex).unwrap();
                prop_assert_eq!(glob.matches(value.as_bytes()), oracle.is_match(value.as_bytes()), "{}", typed);
            }
        }

        #[test]
        fn a_compared_glob_matches_any_bytes_that_its_regex_matches(
            typed in "[a/*?]{1,5}",
            value in prop::collection::vec(prop::sample::select(&b"aa//\n\xff\xc3\xa4"[..]), 0..7),
        ) {
            if let Some(glob) = Glob::of(&typed, false) {
                prop_assert_eq!(glob.matches(&value), compile(&regex(&typed)).unwrap().is_match(&value), "{}", typed);
            }
        }
    }
}
