//! Globs that are plain text with `*` at their ends at most. Comparing a few of them costs less than starting an engine.

use memchr::memmem::Finder;

/// A plain text and where it has to be.
#[derive(Clone, Debug)]
pub struct Text {
    place: Place,
    bytes: Box<[u8]>,
    caseless: bool,
}

#[derive(Clone, Debug)]
enum Place {
    Whole,
    Start,
    End,
    Within(Box<Finder<'static>>),
}

impl Text {
    /// The text of a glob that is one; `caseless` letters have no case.
    pub fn of(glob: &str, caseless: bool) -> Option<Self> {
        let text = glob.trim_matches('*');
        if text.is_empty() || text.contains(['*', '?']) || caseless && !text.is_ascii() {
            return None;
        }
        let place = match (glob.starts_with('*'), glob.ends_with('*')) {
            (false, false) => Place::Whole,
            (false, true) => Place::Start,
            (true, false) => Place::End,
            (true, true) if caseless => return None,
            (true, true) => Place::Within(Box::new(Finder::new(text).into_owned())),
        };
        Some(Self { place, bytes: text.as_bytes().into(), caseless })
    }

    /// True when the glob matches this value.
    pub fn matches(&self, value: &[u8]) -> bool {
        let length = self.bytes.len();
        let part = match &self.place {
            Place::Whole => Some(value),
            Place::Start => value.get(..length),
            Place::End => value.len().checked_sub(length).and_then(|at| value.get(at..)),
            Place::Within(finder) => return finder.find(value).is_some(),
        };
        part.is_some_and(|part| {
            if self.caseless { part.eq_ignore_ascii_case(&self.bytes) } else { *part == *self.bytes }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{glob, pure};
    use super::*;

    #[test]
    fn only_stars_at_the_ends_are_plain() {
        for plain in ["a", "a*", "*a", "*/mcp/*", "**a"] {
            assert!(Text::of(plain, false).is_some(), "{plain}");
        }
        for other in ["*", "**", "", "a*b", "a?", "*a*b*"] {
            assert!(Text::of(other, false).is_none(), "{other}");
        }
        assert!(Text::of("*a*", true).is_none() && Text::of("ä", true).is_none());
    }

    proptest! {
        #[test]
        fn a_text_matches_what_its_glob_matches(
            stars in any::<(bool, bool)>(), text in "[aB./]{1,3}", caseless in any::<bool>(), value in "[aAbB./\n]{0,6}",
        ) {
            let star = |is: bool| if is { "*" } else { "" };
            let typed = format!("{}{text}{}", star(stars.0), star(stars.1));
            let regex = glob(&typed);
            let regex = if caseless { format!("(?i){regex}") } else { regex };
            if let Some(plain) = Text::of(&typed, caseless) {
                let oracle = pure::compile(&regex).unwrap();
                prop_assert_eq!(plain.matches(value.as_bytes()), oracle.is_match(value.as_bytes()), "{}", typed);
            }
        }
    }
}
