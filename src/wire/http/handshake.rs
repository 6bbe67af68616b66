//! How the gateway starts HTTP with another host, and the limits of both versions: for the single connection of an
//! origin and for pools alike.

use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::Outgoing;
use super::serve::{CONNECTION_WINDOW_BYTES, SEND_BUFFER_BYTES, STREAM_WINDOW_BYTES};
use crate::wire::connect::Stream;
use crate::wire::tasks::Tasks;

/// Most header fields of a response.
const RESPONSE_FIELDS_MAX: usize = 256;
/// Most bytes of a response's head in HTTP/2. hyper's own default would refuse long policies and many cookies.
const RESPONSE_HEAD_MAX_BYTES: u32 = 256 * 1024;
/// An HTTP/2 host that is silent for this long is sent a PING, and has as long to answer it.
const PING: Duration = Duration::from_secs(30);

/// Starts HTTP/1.1; a task of its own runs the connection.
pub(super) async fn http1(stream: Stream, tasks: &Tasks) -> hyper::Result<http1::SendRequest<Outgoing>> {
    let mut builder = http1::Builder::new();
    builder.max_headers(RESPONSE_FIELDS_MAX);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let connection = Box::pin(connection.with_upgrades());
    tasks.spawn(run(connection));
    Ok(sender)
}

/// Starts HTTP/2; a task of its own runs the connection.
pub(super) async fn http2(stream: Stream, tasks: &Tasks) -> hyper::Result<http2::SendRequest<Outgoing>> {
    let mut builder = http2::Builder::new(tasks.clone());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_header_list_size(RESPONSE_HEAD_MAX_BYTES)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    tasks.spawn(run(connection));
    Ok(sender)
}

/// A pool whose connections have the same limits.
pub(super) fn pool(tasks: &Tasks) -> legacy::Builder {
    let mut builder = legacy::Builder::new(tasks.clone());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .http1_max_headers(RESPONSE_FIELDS_MAX)
        .http2_initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_send_buf_size(SEND_BUFFER_BYTES)
        .http2_max_header_list_size(RESPONSE_HEAD_MAX_BYTES)
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING);
    builder
}

async fn run(connection: impl Future<Output = hyper::Result<()>>) {
    if let Err(error) = connection.await {
        tracing::debug!(%error, "the connection to an origin ended");
    }
}
