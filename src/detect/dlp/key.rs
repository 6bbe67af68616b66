//! Names of keys, parameters and headers whose values are secrets.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::finding::{Confidence, Kind};
use super::words::{
    CERTAIN_PARTS, DESCRIPTIONS, HARMLESS_PARTS, HARMLESS_VALUES, LAST_WORDS, LIKELY_PARTS, WHOLE_NAMES,
    WORDS,
};

/// What a name says about the value it names: it is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Secret {
    /// What the value is.
    pub(super) kind: Kind,
    /// True for a name that only secrets have (`password`). Other things are called `state`, too: the value of such a name
    /// is a secret where it is assigned to the name, not in prose.
    pub(super) certain: bool,
    /// The value is a header's (RFC 9110, section 11.6.2; RFC 6265) and goes on to the end of the line.
    pub(super) header: bool,
    /// The name is a plural (`tokens`), so that a number is a count.
    plural: bool,
}

/// Most digits of a count.
const COUNT_DIGITS_MAX: usize = 9;
/// A name is judged by its last bytes.
const NAME_MAX_BYTES: usize = 64;

/// A constant list of short words always compiles; without it only whole names and words would count.
static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(CERTAIN_PARTS.iter().chain(&LIKELY_PARTS).map(|(part, _)| *part).chain(HARMLESS_PARTS))
        .ok()
});

/// What `name` says about its value. Case, digits and separators do not count (`X-Api-Key`, `apiKey2`).
pub(super) fn secret(name: &str) -> Option<Secret> {
    let folded = Folded::new(name);
    let last = folded.words().last()?;
    let secret =
        |(kind, certain)| Secret { kind, certain, header: is_header(folded.text()), plural: is_plural(last) };
    let whole = match name.rsplit_once(['.', '[']) {
        Some((_, leaf)) => kind_of(Folded::new(leaf).text(), &WHOLE_NAMES),
        None => kind_of(folded.text(), &WHOLE_NAMES),
    };
    if let Some(kind) = whole {
        return Some(secret((kind, false)));
    }
    let by_words =
        || kind_of(last, &LAST_WORDS).or_else(|| folded.words().find_map(|word| kind_of(word, &WORDS)));
    let found = part(folded.text()).or_else(|| by_words().map(|kind| (kind, false)))?;
    (!DESCRIPTIONS.iter().any(|known| known.as_bytes() == last)).then(|| secret(found))
}

fn kind_of(word: &[u8], table: &[(&str, Kind)]) -> Option<Kind> {
    table.iter().find(|(known, _)| known.as_bytes() == word).map(|(_, kind)| *kind)
}

impl Secret {
    /// The same for what is inside an object or array, where numbers are no counts.
    pub(super) fn of_leaves(self) -> Self {
        Self { plural: false, ..self }
    }

    /// What the value is, and how sure that is by the name alone.
    pub(super) fn what(self) -> (Kind, Confidence) {
        (self.kind, if self.certain { Confidence::High } else { Confidence::Medium })
    }

    /// False for a value that opens nothing: a switch, an error number, a count.
    pub(super) fn is_opened_by(self, value: &str) -> bool {
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let count = self.plural && value.len() <= COUNT_DIGITS_MAX && number(value);
        let error = value.strip_prefix('-').is_some_and(number);
        !(count || error || HARMLESS_VALUES.iter().any(|word| word.eq_ignore_ascii_case(value)))
    }
}

fn is_plural(word: &[u8]) -> bool {
    word.ends_with(b"s") && !word.ends_with(b"ss")
}

fn is_header(folded: &[u8]) -> bool {
    folded.ends_with(b"authorization") || folded.ends_with(b"cookie")
}

/// What the first part that counts means, and whether it is certain.
fn part(folded: &[u8]) -> Option<(Kind, bool)> {
    let parts = FINDER.as_ref()?.find_iter(folded).map(|found| found.pattern().as_usize());
    let certain = |part: usize| CERTAIN_PARTS.get(part).map(|(_, kind)| (*kind, true));
    let likely = |part: usize| Some((LIKELY_PARTS.get(part.checked_sub(CERTAIN_PARTS.len())?)?.1, false));
    parts.filter_map(|part| certain(part).or_else(|| likely(part))).next()
}

/// A name in lower case without digits and separators, and where its words start.
struct Folded {
    bytes: [u8; NAME_MAX_BYTES],
    len: usize,
    /// Bit n: a word starts at byte n.
    starts: u64,
}

impl Folded {
    fn new(name: &str) -> Self {
        let name = name.as_bytes();
        let name = name.get(name.len().saturating_sub(NAME_MAX_BYTES)..).unwrap_or_default();
        let mut folded = Self { bytes: [0; NAME_MAX_BYTES], len: 0, starts: 0 };
        let mut before = b' ';
        for (at, &b) in name.iter().enumerate() {
            let Some(slot) = folded.bytes.get_mut(folded.len).filter(|_| b.is_ascii_alphabetic()) else {
                before = b;
                continue;
            };
            *slot = b.to_ascii_lowercase();
            // `apiKey`, and `APIKey` before its last capital.
            let hump = b.is_ascii_uppercase()
                && (before.is_ascii_lowercase() || name.get(at + 1).is_some_and(u8::is_ascii_lowercase));
            folded.starts |= u64::from(hump || !before.is_ascii_alphabetic()) << folded.len;
            folded.len += 1;
            before = b;
        }
        folded
    }

    fn text(&self) -> &[u8] {
        self.slice(0, self.len)
    }

    fn words(&self) -> impl Iterator<Item = &[u8]> {
        let start = |&at: &usize| self.starts >> at & 1 == 1;
        (0..self.len).filter(start).map(move |from| {
            let to = (from + 1..self.len).find(start).unwrap_or(self.len);
            self.slice(from, to)
        })
    }

    fn slice(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
