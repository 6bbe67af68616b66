//! Requests that the gateway itself sends to services which its configuration names: over pooled connections, within a
//! deadline, with answers of bounded size, and counted.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy;

use super::body::BodyError;
use super::pool::{PoolConnector, PoolError, Used, pool};
use crate::wire::tasks::Tasks;

/// Limits of a client.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for a request and its whole answer; opening a connection counts, and has a deadline of its own besides.
    pub deadline: Duration,
    /// Most bytes of an answer's body.
    pub answer_max_bytes: usize,
    /// An idle connection is closed after this.
    pub idle: Duration,
}

/// Sends requests to services over pooled connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: legacy::Client<PoolConnector, Full<Bytes>>,
    connector: PoolConnector,
    limits: Limits,
}

/// Why a request has no answer. Only [`ClientError::Unreachable`] proves that the service has not seen the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// No connection could be opened.
    #[error("{0}")]
    Unreachable(#[from] PoolError),
    /// The deadline has passed.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The answer's body is larger than the limit.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// The connection or the service's HTTP failed.
    #[error("{0}")]
    Broken(String),
}

impl ClientError {
    /// A bounded word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut(_) => "timed_out",
            Self::TooLarge(_) => "too_large",
            Self::Broken(_) => "broken",
        }
    }
}

impl Client {
    /// A client with a pool of its own, whose connections `tasks` run.
    pub fn new(connector: PoolConnector, limits: Limits, tasks: &Tasks) -> Self {
        Self { http: pool(connector.clone(), limits.idle, tasks), connector, limits }
    }

    /// Sends a request with an absolute URI and gives the whole answer, whatever its status.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, ClientError> {
        let answer = tokio::time::timeout(self.limits.deadline, self.exchange(request)).await;
        let answer = answer.unwrap_or(Err(ClientError::TimedOut(self.limits.deadline)));
        let outcome = answer.as_ref().map_or_else(ClientError::kind, |_| "answered");
        self.connector.connector().count_request(outcome);
        answer
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, ClientError> {
        let response = self.http.request(request).await.map_err(|error| failed(&error))?;
        let (head, body) = response.into_parts();
        let used = head.extensions.get::<Used>().is_some_and(|used| used.0.swap(true, Ordering::Relaxed));
        if used {
            self.connector.connector().count_reuse();
        }
        let body = Limited::new(body, self.limits.answer_max_bytes).collect().await;
        let body = body.map_err(|error| self.cut_short(&error))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    fn cut_short(&self, error: &BodyError) -> ClientError {
        if error.is::<LengthLimitError>() {
            return ClientError::TooLarge(self.limits.answer_max_bytes);
        }
        ClientError::Broken(with_causes(&**error))
    }
}

fn failed(error: &legacy::Error) -> ClientError {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<PoolError>());
    match cause {
        Some(cause) => ClientError::Unreachable(cause.clone()),
        None => ClientError::Broken(with_causes(error)),
    }
}

fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests;
