//! What was found in a text, and the text without it.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;

use super::percent;
use crate::detect::json::{escaped, raw_range};

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";
/// Most findings of one text. What follows the last one is then one finding of the kind [`Kind::NotRead`].
pub const FINDINGS_MAX: usize = 1024;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal;)+) => {
        /// What a secret is. A closed set, so that its words may label metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $kind,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The word for logs, metrics and policies.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)+
                }
            }
        }
    };
}

kinds! {
    /// The id of an AWS access key.
    AwsKeyId = "aws_key_id";
    /// A token of DigitalOcean.
    DigitalOceanToken = "digitalocean_token";
    /// A token of Figma.
    FigmaToken = "figma_token";
    /// A token of GitHub.
    GithubToken = "github_token";
    /// A token of GitLab.
    GitlabToken = "gitlab_token";
    /// An API key of Google.
    GoogleKey = "google_key";
    /// An OAuth token of Google.
    GoogleToken = "google_token";
    /// A JSON Web Token (RFC 7519).
    Jwt = "jwt";
    /// An API key of Linear.
    LinearKey = "linear_key";
    /// A key of OpenAI, Anthropic or another provider whose keys start with `sk-`.
    ModelProviderKey = "model_provider_key";
    /// A token of Notion.
    NotionToken = "notion_token";
    /// A token of npm.
    NpmToken = "npm_token";
    /// A token of PyPI.
    PypiToken = "pypi_token";
    /// A token of Shopify.
    ShopifyToken = "shopify_token";
    /// A token of Slack.
    SlackToken = "slack_token";
    /// A key or webhook secret of Stripe.
    StripeKey = "stripe_key";
    /// A token of Supabase.
    SupabaseToken = "supabase_token";
    /// An API key of Tavily.
    TavilyKey = "tavily_key";
    /// A token of HashiCorp Vault.
    VaultToken = "vault_token";
    /// A private key or certificate in PEM form (RFC 7468), or the value of something that is called a private key.
    PrivateKey = "private_key";
    /// User information in a URL (RFC 3986, section 3.2.1).
    UrlCredential = "url_credential";
    /// The value of something that is called a password.
    Password = "password";
    /// The value of something that is called an API key or an access key.
    ApiKey = "api_key";
    /// The value of something that is called a token, or what follows `Bearer`.
    Token = "token";
    /// The value of an `Authorization` header or of something called so, or what follows `Basic`.
    Authorization = "authorization";
    /// The value of something that is called a cookie or a session.
    Session = "session";
    /// The value of something that is called a code or another parameter that opens something once.
    Code = "code";
    /// The value of something that is called a signature.
    Signature = "signature";
    /// The value of something that is called secret in other words.
    Secret = "secret";
    /// A value so random that nobody would read it as a name, or a UUID where a key stands.
    Random = "random";
    /// Not looked into, because there were too many layers, levels or findings.
    NotRead = "not_read";
}

/// How likely a finding is a secret. Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// It looks like one, or was not read.
    Low,
    /// Its name or its place fits a secret and other things as well.
    Medium,
    /// Its form or its name leaves little doubt.
    High,
}

/// Where in a message a secret stands. Names that are secrets themselves are replaced by [`REDACTED`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The JSON Pointer (RFC 6901) of the value, or of the object that has the secret as a key. It goes on into documents
    /// that a string quotes. It is empty for a text that is no JSON, and may be cut to 256 bytes.
    Pointer(String),
    /// The parameter of this name, in a query, a fragment or a path segment.
    Parameter(String),
    /// The path segment of this number: the first one behind the leading slash is 1.
    Segment(usize),
    /// The user information of a URL.
    UserInfo,
}

/// A [`Place`] whose name has not been copied out of the text: most callers never ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    Pointer(String),
    /// The bytes of the parameter's name; `None` when it holds a secret itself.
    Parameter(Option<Range<usize>>),
    Segment(usize),
    UserInfo,
}

impl Spot {
    /// The text as a whole.
    pub(super) const TEXT: Self = Self::Pointer(String::new());

    fn place(&self, text: &str) -> Place {
        match self {
            Self::Pointer(pointer) => Place::Pointer(pointer.clone()),
            Self::Parameter(name) => {
                let name = name.clone().map(|name| text.get(name).unwrap_or_default());
                let decoded = name.map(|name| percent::decoded(name).unwrap_or_else(|| name.to_owned()));
                Place::Parameter(decoded.unwrap_or_else(|| REDACTED.to_owned()))
            }
            Self::Segment(number) => Place::Segment(*number),
            Self::UserInfo => Place::UserInfo,
        }
    }
}

/// One secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// How likely it is one.
    pub confidence: Confidence,
    /// Where in the message it stands.
    pub place: Place,
    /// Its bytes in the text that was searched. Of an encoded word they are those of the whole word.
    pub bytes: Range<usize>,
}

impl Finding {
    /// The finding as it is seen from around the string with this content.
    fn seen_from(self, content: &str, start: usize, around: &Spot) -> Self {
        let raw = raw_range(content, &self.bytes);
        let place = match (around, self.place) {
            (Spot::Pointer(outer), Place::Pointer(inner)) => Place::Pointer(format!("{outer}{inner}")),
            (_, place) => place,
        };
        Self { place, bytes: start + raw.start..start + raw.end, ..self }
    }
}

/// All secrets of one text, in the order of their bytes, none overlapping another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    marks: Vec<Mark>,
}

/// A part of a text that has to change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    bytes: Range<usize>,
    spot: Spot,
    found: Found,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Secret(Kind, Confidence),
    /// The same, in place of a JSON value that is no string.
    Value(Kind, Confidence),
    /// The content of a JSON string that stands for this text.
    Inside(String, Findings),
}

impl Findings {
    /// All of `text` is one finding that was not looked into.
    pub(super) fn not_read(text: &str) -> Self {
        let found = Found::Secret(Kind::NotRead, Confidence::Low);
        Self { marks: vec![Mark { bytes: 0..text.len(), spot: Spot::TEXT, found }] }
    }

    /// True when the text holds no secret.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Kind and confidence of the surest finding; of equals the first.
    pub fn surest(&self) -> Option<(Kind, Confidence)> {
        let all = self.marks.iter().filter_map(|mark| match &mark.found {
            Found::Secret(kind, confidence) | Found::Value(kind, confidence) => Some((*kind, *confidence)),
            Found::Inside(_, findings) => findings.surest(),
        });
        // Of equals, `max_by_key` gives the last.
        all.rev().max_by_key(|(_, confidence)| *confidence)
    }

    /// Every secret of `text`, which is the text that was searched.
    pub fn list(&self, text: &str) -> Vec<Finding> {
        let mut list = Vec::new();
        for Mark { bytes, spot, found } in &self.marks {
            match found {
                Found::Secret(kind, confidence) | Found::Value(kind, confidence) => list.push(Finding {
                    kind: *kind,
                    confidence: *confidence,
                    place: spot.place(text),
                    bytes: bytes.clone(),
                }),
                Found::Inside(inner, findings) => {
                    let content = text.get(bytes.clone()).unwrap_or_default();
                    let findings = findings.list(inner).into_iter();
                    list.extend(findings.map(|finding| finding.seen_from(content, bytes.start, spot)));
                }
            }
        }
        list
    }

    /// `text`, which is the text that was searched, with [`REDACTED`] in place of each secret.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.redact_with(text, &mut |_, _| Cow::Borrowed(REDACTED))
    }

    /// The same with other placeholders, made from the kind of a secret and the secret itself. A placeholder is put into
    /// JSON strings as it is: it must not hold quotes, backslashes or control characters.
    pub fn redact_with<'t>(
        &self,
        text: &'t str,
        placeholder: &mut dyn FnMut(Kind, &str) -> Cow<'static, str>,
    ) -> Cow<'t, str> {
        if self.marks.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for Mark { bytes, found, .. } in &self.marks {
            out.push_str(text.get(copied..bytes.start).unwrap_or_default());
            let secret = text.get(bytes.clone()).unwrap_or_default();
            match found {
                Found::Secret(kind, _) => out.push_str(&placeholder(*kind, secret)),
                Found::Value(kind, _) => {
                    out.push('"');
                    out.push_str(&placeholder(*kind, secret));
                    out.push('"');
                }
                Found::Inside(inner, findings) => {
                    out.push_str(&escaped(&findings.redact_with(inner, placeholder)));
                }
            }
            copied = bytes.end;
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Cow::Owned(out)
    }

    fn count(&self) -> usize {
        self.marks.iter().map(Mark::count).sum()
    }
}

impl Mark {
    fn count(&self) -> usize {
        match &self.found {
            Found::Inside(_, findings) => findings.count(),
            _ => 1,
        }
    }
}

/// Collects findings in any order.
#[derive(Default)]
pub(super) struct Collector {
    marks: Vec<Mark>,
}

impl Collector {
    /// A secret in the text.
    pub(super) fn secret(&mut self, bytes: Range<usize>, what: (Kind, Confidence), spot: Spot) {
        self.marks.push(Mark { bytes, spot, found: Found::Secret(what.0, what.1) });
    }

    /// A secret JSON value, quotes or brackets included.
    pub(super) fn value(&mut self, bytes: Range<usize>, what: (Kind, Confidence), spot: Spot) {
        self.marks.push(Mark { bytes, spot, found: Found::Value(what.0, what.1) });
    }

    /// Secrets in the text that the content of a JSON string stands for.
    pub(super) fn inside(&mut self, content: Range<usize>, text: String, findings: Findings, spot: Spot) {
        self.marks.push(Mark { bytes: content, spot, found: Found::Inside(text, findings) });
    }

    /// Everything that was found in `text`. Of overlapping findings the first and longest counts.
    pub(super) fn finish(mut self, text: &str) -> Findings {
        if self.marks.is_empty() {
            return Findings::default();
        }
        self.marks.sort_by_key(|mark| (mark.bytes.start, Reverse(mark.bytes.end)));
        let (mut end, mut count) = (0, 0);
        self.marks.retain(|mark| {
            let apart = mark.bytes.start >= end;
            if apart {
                end = mark.bytes.end;
            }
            apart
        });
        let over = self.marks.iter().position(|mark| {
            count += mark.count();
            count > FINDINGS_MAX
        });
        if let Some((at, mark)) = over.and_then(|at| Some((at, self.marks.get(at)?))) {
            let rest = mark.bytes.start..text.len();
            self.marks.truncate(at);
            self.secret(rest, (Kind::NotRead, Confidence::Low), Spot::TEXT);
        }
        Findings { marks: self.marks }
    }
}

#[cfg(test)]
mod tests;
