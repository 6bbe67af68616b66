//! What can stand in the way of reading a body.

/// Why a body could not be inspected to its end.
#[derive(Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// A bounded word, for metrics; a limit's own name where it is one.
    pub word: &'static str,
    /// Goes on with "the body could not be inspected: ".
    pub sentence: &'static str,
}

macro_rules! obstacles {
    ($($name:ident = $word:literal, $sentence:literal;)+) => {
        $(#[doc = $sentence] pub static $name: Obstacle = Obstacle { word: $word, sentence: $sentence };)+
    };
}

obstacles! {
    HOLD_TIME = "hold_ms", "it did not arrive in time (inspect.hold_ms)";
    HOLD_BYTES = "hold_bytes", "it is larger than what is held (inspect.hold_bytes)";
    HOLD_TOTAL = "hold_total_bytes", "too much is held at once already (inspect.hold_total_bytes)";
    TOO_DEEP = "json_depth", "it is nested too deep";
    TOO_MANY_CALLS = "batch_calls", "it holds more calls than are looked at";
    TOO_MANY_LAYERS = "encoding_layers", "it is encoded too many times over";
    TOO_LARGE = "expanded_bytes", "it expands to too many bytes";
    UNKNOWN_ENCODING = "encoding_unknown", "its content encoding is unknown";
    BROKEN_ENCODING = "encoding_broken", "its content encoding is broken";
    UNKNOWN_CHARSET = "charset_unknown", "its charset is not one that JSON is written in";
}
