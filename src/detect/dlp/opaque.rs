//! Random tokens told from names. A name is made of pairs of letters that languages use; a random token is not.

use super::words::SECOND_LETTERS;

/// Shortest part that is judged by its letters.
const OPAQUE_MIN_BYTES: usize = 20;
/// Shortest part without separators that is judged when it mixes lower case, upper case and digits.
const MIXED_MIN_BYTES: usize = 16;
/// Fewest unlikely pairs of an opaque part.
const UNLIKELY_MIN: usize = 8;
/// Percentage of unlikely pairs from which a part in one case is opaque. Random base32 has about 70, names below 20.
const ONE_CASE_PERCENT: usize = 40;
/// The same for a part in mixed case: random base62 has about 75, camel case below 35.
const MIXED_CASE_PERCENT: usize = 45;
/// The same for a part shorter than [`OPAQUE_MIN_BYTES`], and for base64 that contains `/`.
const DOUBTFUL_PERCENT: usize = 50;
/// Bytes of a UUID as `8-4-4-4-12`.
const UUID_BYTES: usize = 36;

/// Bit n of entry m: letter n often follows letter m.
static LIKELY: [u32; 26] = likely();

/// True when nobody would read `part`, a text without `.` and `/`, as a name. Hyphenated UUIDs name things more often than
/// they open them and are not opaque.
pub(super) fn is_opaque(part: &str) -> bool {
    if part.len() < MIXED_MIN_BYTES {
        return false;
    }
    let part = without_uuid(part);
    let (lower, upper) = (has(part, u8::is_ascii_lowercase), has(part, u8::is_ascii_uppercase));
    if !(lower && upper) {
        // No separators in one-case alphabets: what they part are words.
        return runs(part).any(|run| is_long_hex(run) || is_unlikely_in_one_case(run));
    }
    let pairs = runs(part).fold(Pairs::default(), Pairs::count);
    let long = part.len() >= OPAQUE_MIN_BYTES && pairs.unlikely_from(MIXED_CASE_PERCENT);
    let short = part.len() >= MIXED_MIN_BYTES
        && part.bytes().all(|b| b.is_ascii_alphanumeric())
        && has(part, u8::is_ascii_digit)
        && pairs.unlikely_from(DOUBTFUL_PERCENT);
    long || short || runs(part).any(is_long_hex)
}

/// True for base64 of the standard alphabet that contains `/`, which would pass for a path.
pub(super) fn is_opaque_base64(word: &str) -> bool {
    word.len() >= OPAQUE_MIN_BYTES
        && word.contains('/')
        && !word.starts_with('/')
        && !word.contains("//")
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
        && [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit]
            .into_iter()
            .all(|class| has(word, class))
        && word.split(['+', '/', '=']).fold(Pairs::default(), Pairs::count).unlikely_from(DOUBTFUL_PERCENT)
}

/// True for a UUID in its hyphenated form (RFC 9562, section 4).
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == UUID_BYTES
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// What a UUID at an end of `part` is attached to.
fn without_uuid(part: &str) -> &str {
    let Some(rest) = part.len().checked_sub(UUID_BYTES) else { return part };
    let uuid = |text: Option<&str>| text.is_some_and(is_uuid);
    if uuid(part.get(rest..)) {
        part.get(..rest).unwrap_or_default()
    } else if uuid(part.get(..UUID_BYTES)) {
        part.get(UUID_BYTES..).unwrap_or_default()
    } else {
        part
    }
}

fn runs(part: &str) -> impl Iterator<Item = &str> {
    part.split(['-', '_', '~', '+', '='])
}

fn has(text: &str, class: fn(&u8) -> bool) -> bool {
    text.bytes().any(|b| class(&b))
}

fn is_long_hex(run: &str) -> bool {
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    run.len() >= OPAQUE_MIN_BYTES
        && run.bytes().all(|b| b.is_ascii_hexdigit())
        && digits >= 2
        && digits < run.len()
}

fn is_unlikely_in_one_case(run: &str) -> bool {
    run.len() >= OPAQUE_MIN_BYTES && Pairs::default().count(run).unlikely_from(ONE_CASE_PERCENT)
}

/// Neighbouring characters of a run.
#[derive(Default)]
struct Pairs {
    all: usize,
    unlikely: usize,
}

impl Pairs {
    fn count(mut self, run: &str) -> Self {
        for (first, second) in run.bytes().zip(run.bytes().skip(1)) {
            self.all += 1;
            self.unlikely += usize::from(!is_likely(first, second));
        }
        self
    }

    fn unlikely_from(&self, percent: usize) -> bool {
        self.unlikely >= UNLIKELY_MIN && self.unlikely * 100 >= self.all * percent
    }
}

/// Names repeat a character, go on with a digit after a digit, and start words with a capital.
fn is_likely(first: u8, second: u8) -> bool {
    if first == second || (first.is_ascii_digit() && second.is_ascii_digit()) {
        return true;
    }
    let hump = first.is_ascii_lowercase() && second.is_ascii_uppercase();
    !hump
        && letter(first)
            .and_then(|first| LIKELY.get(first))
            .zip(letter(second))
            .is_some_and(|(seconds, second)| seconds >> second & 1 == 1)
}

fn letter(b: u8) -> Option<usize> {
    b.is_ascii_alphabetic().then(|| usize::from(b.to_ascii_lowercase() - b'a'))
}

const fn likely() -> [u32; 26] {
    let mut likely = [0; 26];
    let mut first = 0;
    while first < 26 {
        let seconds = SECOND_LETTERS[first].as_bytes();
        let mut at = 0;
        while at < seconds.len() {
            likely[first] |= 1 << (seconds[at] - b'a');
            at += 1;
        }
        first += 1;
    }
    likely
}

#[cfg(test)]
mod tests;
