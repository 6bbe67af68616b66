//! How the gateway speaks HTTP to clients: limits and timers for both versions.

use std::pin::Pin;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;

use super::timers::Timers;
use crate::wire::tasks::Tasks;

/// Limits of a client's HTTP.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of a request's head.
    pub head_bytes: usize,
    /// Most header fields of a request.
    pub head_fields: usize,
    /// Longest wait for a request's head, counted from the end of the previous exchange.
    pub idle: Duration,
    /// Most requests at once on one HTTP/2 connection.
    pub streams: u32,
}

/// Receive window of one HTTP/2 stream.
pub const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// Receive window of an HTTP/2 connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Bytes buffered for sending on one HTTP/2 stream.
pub const SEND_BUFFER_BYTES: usize = 256 * 1024;
/// Most streams that a peer may reset before they were served (CVE-2023-44487).
const RESET_STREAMS_MAX: usize = 32;

/// Settings of an HTTP/1.1 connection of a client.
pub fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(Timers::default())
        .header_read_timeout(limits.idle)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.head_fields);
    builder
}

/// Settings of an HTTP/2 connection of a client; `tasks` run its streams.
pub fn http2(limits: &Limits, tasks: Tasks) -> http2::Builder<Tasks> {
    let mut builder = http2::Builder::new(tasks);
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_local_error_reset_streams(RESET_STREAMS_MAX)
        .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(limits.idle)
        .keep_alive_timeout(limits.idle);
    builder
}

/// Resolves when no request was in progress and none arrived during the whole of `limit`. `activity` gives the number
/// of requests so far, or none while one is in progress.
pub async fn idle(limit: Duration, activity: impl Fn() -> Option<u64>) {
    let mut before = None;
    loop {
        tokio::time::sleep(limit).await;
        let now = activity();
        if now.is_some() && now == before {
            return;
        }
        before = now;
    }
}

/// Runs a connection to its end. `finish` is called when the gateway starts to close or `idle` resolves: the connection
/// then ends after the requests in progress. When the drain deadline has passed, it is dropped.
pub async fn run<C>(
    mut connection: Pin<&mut C>,
    finish: impl FnOnce(Pin<&mut C>),
    idle: impl Future<Output = ()>,
    tasks: &Tasks,
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    tokio::select! {
        result = connection.as_mut() => return result,
        () = tasks.closing() => finish(connection.as_mut()),
        () = idle => finish(connection.as_mut()),
    }
    tokio::select! {
        result = connection => result,
        () = tasks.cutting() => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_whole_span_without_requests_is_idle() {
        let (limit, started) = (Duration::from_secs(10), Instant::now());
        let looks = Cell::new(0);
        // Two requests before the first look, one under way at the second, then nothing more.
        let activity = || {
            looks.set(looks.get() + 1);
            [Some(2), None, Some(3), Some(3)].get(looks.get() - 1).copied().flatten()
        };
        idle(limit, activity).await;
        assert_eq!((looks.get(), started.elapsed()), (4, 4 * limit));
    }
}
