//! What exchanges are served with.

use std::sync::Arc;
use std::time::Duration;

use super::streams::Streams;
use crate::audit::Audit;
use crate::budget::HoldBudget;
use crate::wire::tasks::Tasks;

/// Serves requests, whatever connection they come in.
#[derive(Debug)]
pub(crate) struct Exchanges {
    /// Where rows go.
    pub audit: Arc<Audit>,
    /// How much of a body is held for a verdict.
    pub hold: HoldLimits,
    /// Body bytes that wait for verdicts, over all connections.
    pub held: HoldBudget,
    /// Event streams that refused posts are answered on.
    pub streams: Arc<Streams>,
    /// The tasks that serve upgraded connections.
    pub tasks: Tasks,
    /// Time that an upgraded connection may be silent (`limits.splice_idle_ms`).
    pub upgrade_idle: Duration,
}

/// How much of one request's body is held for a verdict.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HoldLimits {
    /// Bytes (`inspect.hold_bytes`).
    pub bytes: usize,
    /// Time (`inspect.hold_ms`).
    pub time: Duration,
}
