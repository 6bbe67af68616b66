//! One request to its answer: open a record, guard, inspect, judge, then forward or answer.
//!
//! Each step takes the type that the step before it makes:
//! `Recorded` -> `Judged` -> `Answered`.

mod answer;
mod download;
mod forward;
mod hold;
mod judge;
mod parts;
mod passing;
mod steps;
mod streams;
mod upgrade;

use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;

pub(crate) use parts::{Exchanges, HoldLimits};
pub(crate) use streams::Streams;

use tracing::Instrument as _;

use super::tunnel::Tunnel;
use crate::audit::Record;
use crate::telemetry::labels::Reason;
use crate::wire::http::{Body, guard};
use judge::Judged;
use steps::Recorded;

impl Exchanges {
    /// Serves one request.
    ///
    /// Steps that few requests take are boxed: the future of all the others does not reserve space for them.
    pub(super) async fn serve(&self, tunnel: &Arc<Tunnel>, request: Request<Incoming>) -> Response<Body> {
        let recorded = match self.admit(tunnel, request) {
            Ok(recorded) => recorded,
            Err(answer) => return *answer,
        };
        let span = recorded.record.span.clone();
        let serving = async {
            match self.judge(recorded).await {
                Judged::Passed(passed) if passed.is_upgrade() => {
                    Box::pin(self.forward_upgrade(tunnel, passed)).await
                }
                Judged::Passed(passed) => self.forward(tunnel, passed).await,
                Judged::Refused(refused) => Box::pin(self.answer_refused(refused)).await,
                Judged::Broken(broken) => Box::pin(self.answer_broken(broken)).await,
            }
        };
        serving.instrument(span).await
    }

    /// Opens a record, and refuses a request that two parsers could read differently or that could not be recorded.
    fn admit(
        &self,
        tunnel: &Tunnel,
        mut request: Request<Incoming>,
    ) -> Result<Recorded, Box<Response<Body>>> {
        let (audit, connection) = (Arc::clone(&self.audit), Arc::clone(&tunnel.connection));
        let record = Record::open(audit, connection, tunnel.judgement(), &request);
        let upgrade = upgrade::take(&mut request);
        let request = match guard::check(request, &tunnel.connection.destination) {
            Ok(request) => request,
            Err(refused) => {
                let (request, ambiguous) = *refused;
                let reason = Reason { reason: ambiguous.as_str() };
                self.audit.metrics.framing_refused.get_or_create(&reason).inc();
                let why = ambiguous.as_str();
                record.span.in_scope(|| tracing::debug!(why, "refused before it was read"));
                return Err(Box::new(answer::ambiguous(record, &request, ambiguous)));
            }
        };
        if !self.audit.accepts() {
            return Err(Box::new(self.answer_unrecorded(record, &request.parts().headers)));
        }
        Ok(Recorded { request, record, upgrade })
    }
}
