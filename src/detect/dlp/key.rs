//! Names of keys, parameters and headers whose values are secrets.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// What a name says about the value it names: it is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Secret {
    /// Nothing else is called so (`password`). What else is called so as well (`state`) is a secret where a value is
    /// assigned to it, not in prose.
    pub(super) certain: bool,
    /// The value is a header's (RFC 9110, section 11.6.2; RFC 6265) and goes on to the end of the line.
    pub(super) header: bool,
    /// A number is a count: `tokens`.
    plural: bool,
}

/// Parts of a folded name that make it certain.
const CERTAIN_PARTS: [&str; 33] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passkey",
    "secret",
    "token",
    "credential",
    "authorization",
    "bearer",
    "cookie",
    "sessionid",
    "sessid",
    "accesskey",
    "accountkey",
    "adminkey",
    "apikey",
    "appkey",
    "authkey",
    "clientkey",
    "consumerkey",
    "deploykey",
    "encryptionkey",
    "functionskey",
    "licensekey",
    "masterkey",
    "privatekey",
    "servicekey",
    "sharedkey",
    "signingkey",
    "sshkey",
    "storagekey",
    "subscriptionkey",
];
/// Parts of a folded name that make it likely.
const LIKELY_PARTS: [&str; 11] = [
    "accesscode",
    "authcode",
    "backupcode",
    "devicecode",
    "recoverycode",
    "securitycode",
    "usercode",
    "verificationcode",
    "codeverifier",
    "assertion",
    "signature",
];
/// Parts of a folded name that only look like the above: the longest part at a place counts, and the first.
const HARMLESS_PARTS: [&str; 22] = [
    "cachedtokens",
    "completiontokens",
    "cookiecutter",
    "inputtokens",
    "maxtokens",
    "mintokens",
    "newtokens",
    "numtokens",
    "outputtokens",
    "pagetoken",
    "passwordless",
    "progresstoken",
    "prompttokens",
    "reasoningtokens",
    "secretar",
    "thinkingtokens",
    "tokencount",
    "tokeni",
    "tokenlimit",
    "tokentype",
    "tokensused",
    "totaltokens",
];
/// Whole names, after the last `.` or `[`.
const WHOLE: [&str; 6] = ["code", "key", "mnemonic", "state", "ticket", "seedphrase"];
/// Words anywhere in a name.
const WORDS: [&str; 14] = [
    "auth",
    "authentication",
    "authn",
    "authorisation",
    "authz",
    "cred",
    "creds",
    "csrf",
    "jwt",
    "oauth",
    "otp",
    "session",
    "totp",
    "xsrf",
];
/// Words at the end of a name.
const LAST_WORDS: [&str; 8] = ["hmac", "pass", "pin", "psk", "pw", "pwd", "sid", "sig"];
/// Last words that say something about a secret.
const DESCRIPTIONS: [&str; 41] = [
    "alg",
    "algorithm",
    "at",
    "budget",
    "count",
    "dir",
    "enabled",
    "endpoint",
    "expiration",
    "expires",
    "expiry",
    "file",
    "format",
    "in",
    "kind",
    "length",
    "level",
    "lifetime",
    "limit",
    "max",
    "method",
    "methods",
    "min",
    "mode",
    "name",
    "path",
    "policy",
    "provider",
    "required",
    "rotation",
    "scheme",
    "server",
    "servers",
    "size",
    "strategy",
    "supported",
    "ttl",
    "type",
    "types",
    "uri",
    "url",
];
/// Values that open nothing.
const HARMLESS: [&str; 8] = ["", "0", "1", "true", "false", "null", "none", "undefined"];
/// Most digits of a count.
const COUNT_DIGITS_MAX: usize = 9;
/// A name is judged by its last bytes.
const NAME_MAX_BYTES: usize = 64;

/// A constant list of short words always compiles; without it only whole names and words would count.
static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(CERTAIN_PARTS.iter().chain(&LIKELY_PARTS).chain(&HARMLESS_PARTS))
        .ok()
});

/// What `name` says about its value. Case, digits and separators do not count (`X-Api-Key`, `apiKey2`).
pub(super) fn secret(name: &str) -> Option<Secret> {
    let folded = Folded::new(name);
    let last = folded.words().last()?;
    let secret = |certain| Secret { certain, header: is_header(folded.text()), plural: is_plural(last) };
    let is_whole = match name.rsplit_once(['.', '[']) {
        Some((_, leaf)) => WHOLE.contains(&Folded::new(leaf).text()),
        None => WHOLE.contains(&folded.text()),
    };
    if is_whole {
        return Some(secret(false));
    }
    let by_words = || LAST_WORDS.contains(&last) || folded.words().any(|word| WORDS.contains(&word));
    let certain = part(folded.text()).or_else(|| by_words().then_some(false))?;
    (!DESCRIPTIONS.contains(&last)).then(|| secret(certain))
}

impl Secret {
    /// The same for what is inside an object or array, where numbers are no counts.
    pub(super) fn of_leaves(self) -> Self {
        Self { plural: false, ..self }
    }

    /// False for a value that opens nothing: a switch, an error number, a count.
    pub(super) fn covers(self, value: &str) -> bool {
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let count = self.plural && value.len() <= COUNT_DIGITS_MAX && number(value);
        let error = value.strip_prefix('-').is_some_and(number);
        !(count || error || HARMLESS.iter().any(|word| word.eq_ignore_ascii_case(value)))
    }
}

fn is_plural(word: &str) -> bool {
    word.ends_with('s') && !word.ends_with("ss")
}

fn is_header(folded: &str) -> bool {
    folded.ends_with("authorization") || folded.ends_with("cookie")
}

/// Whether the first part that counts is certain.
fn part(folded: &str) -> Option<bool> {
    let parts = FINDER.as_ref()?.find_iter(folded).map(|found| found.pattern().as_usize());
    let secret = |&part: &usize| part < CERTAIN_PARTS.len() + LIKELY_PARTS.len();
    parts.filter(secret).map(|part| part < CERTAIN_PARTS.len()).next()
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

    fn text(&self) -> &str {
        self.slice(0, self.len)
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        let start = |&at: &usize| self.starts >> at & 1 == 1;
        (0..self.len).filter(start).map(move |from| {
            let to = (from + 1..self.len).find(start).unwrap_or(self.len);
            self.slice(from, to)
        })
    }

    fn slice(&self, from: usize, to: usize) -> &str {
        self.bytes.get(from..to).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
