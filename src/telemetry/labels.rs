//! What metrics are broken down by. Labels are bounded words, never hosts, URLs or users.

use prometheus_client::encoding::EncodeLabelSet;

/// Bounded words as labels.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($field:ident),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub struct $name { $(#[doc = "A bounded word."] pub $field: &'static str),+ }
    };
}

label!(/// What a connection was accepted on and what became of it.
    Accept { listener, outcome });
label!(/// What a connection was accepted on.
    Listening { listener });
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

/// A rule id as a label: bounded by the number of rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RuleLabel {
    /// The rule's id.
    pub rule: String,
}

/// The content hash of what is in force: one at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Hash {
    /// The hash.
    pub hash: String,
}

/// A name and a hash that identify what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Info {
    /// The program's version.
    pub version: &'static str,
    /// The matching engine.
    pub engine: &'static str,
}
