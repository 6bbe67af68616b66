//! What metrics are broken down by. Labels are bounded words, never hosts, URLs or users.

use prometheus_client::encoding::EncodeLabelSet;

use super::registry::Labels;

/// Bounded words as labels.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($field:ident),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub struct $name { $(#[doc = "A bounded word."] pub $field: &'static str),+ }

        impl Labels for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),+];
        }
    };
}

label!(/// What a connection was accepted on and what became of it.
    Accept { listener, outcome });
label!(/// What a connection was accepted on.
    Listening { listener });
label!(/// A client of the gateway's own, and what became of a connection or a request of it.
    Outward { client, outcome });
label!(/// A tunnel's decision.
    Decision { decision });
label!(/// A request's protocol and verdict.
    Request { protocol, action });
label!(/// A method of the protocol, and whether the server is approved: `yes` or `no`.
    McpCall { method, approved });
label!(/// A bounded reason.
    Reason { reason });
label!(/// A bounded kind.
    Kind { kind });
label!(/// A named limit.
    Limit { limit });
label!(/// A result: `ok` or `failed`.
    Outcome { result });
label!(/// Which side of the gateway.
    Side { side });
label!(/// A direction of body bytes.
    Direction { direction });
label!(/// What identifies a build: the program's version and the matching engine.
    Info { version, engine });

/// A rule id as a label: bounded by the number of rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RuleLabel {
    /// The rule's id.
    pub rule: String,
}

impl Labels for RuleLabel {
    const NAMES: &'static [&'static str] = &["rule"];
}

/// The content hash of what is in force: one at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Hash {
    /// The hash.
    pub hash: String,
}

impl Labels for Hash {
    const NAMES: &'static [&'static str] = &["hash"];
}
