//! How a client reached the gateway.

/// How the client reached the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `CONNECT`, TLS inside, decrypted.
    #[default]
    Intercept,
    /// `CONNECT`, plain HTTP inside.
    ConnectPlain,
    /// A request in absolute form.
    Absolute,
    /// `CONNECT`, spliced without decryption.
    Splice,
}

impl Mode {
    /// The word used in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intercept => "intercept",
            Self::ConnectPlain => "connect_plain",
            Self::Absolute => "absolute",
            Self::Splice => "splice",
        }
    }
}
