//! Why an exchange failed, and whose fault it was.

use std::fmt::Display;

use crate::verdict::Blame;

/// Longest text of a failure.
const FAILURE_MAX_BYTES: usize = 2048;

/// Why an exchange or a tunnel failed. The columns `error` and `blame` are both made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    blame: Option<Blame>,
    text: String,
}

impl Failure {
    /// A failure that is `blame`'s fault; `what` happened goes into the event as `blame: what`, cut after 2 KiB.
    pub fn new(blame: Blame, what: impl Display) -> Self {
        Self { blame: Some(blame), ..Self::of_nobody(format_args!("{}: {what}", blame.as_str())) }
    }

    /// A failure whose text names somebody else than whose fault it is. The text of such failures is older than the column
    /// `blame`, and queries go by it.
    pub fn named_after(named: Blame, blame: Option<Blame>, what: impl Display) -> Self {
        Self { blame, ..Self::new(named, what) }
    }

    /// A failure of which the gateway cannot say whose fault it was: a connection that broke off between two peers.
    pub fn of_nobody(what: impl Display) -> Self {
        let mut text = what.to_string();
        text.truncate(text.floor_char_boundary(FAILURE_MAX_BYTES));
        Self { blame: None, text }
    }

    /// Whose fault it was, if that is known.
    pub fn blame(&self) -> Option<Blame> {
        self.blame
    }

    /// What happened, after whose fault it was.
    pub fn text(&self) -> &str {
        &self.text
    }
}
