//! `limits`: how much and how long, for one connection and for the gateway as a whole.

use std::time::Duration;

use crate::config::inspect::InspectSection;
use crate::config::section::section;
use crate::config::size::{KIB, Size};
use crate::config::within::{Count, Fields, Millis};
use crate::wire::http::serve;

/// The HTTP/1.1 parser works with no smaller buffer.
const HEAD_BYTES_LEAST: u64 = 8 * KIB;

section! {
    LimitsSection {
        /// Client connections at once.
        connections: Count = const { Count::of(20_000) },
        /// Client connections at once from one address.
        connections_per_client: Count = const { Count::of(2_000) },
        /// Size of a request's head, at least `8KiB`.
        head_bytes: Size<HEAD_BYTES_LEAST> = const { Size::of(64 * KIB) },
        /// Header fields of a request.
        head_fields: Fields = const { Fields::of(128) },
        /// Requests at once on an HTTP/2 connection.
        streams: Count = const { Count::of(256) },
        /// Time for a client's first bytes after CONNECT.
        hello_ms: Millis = const { Millis::of(10_000) },
        /// Time to resolve a name and to connect.
        dial_ms: Millis = const { Millis::of(10_000) },
        /// Time for a TLS handshake, with clients and with origins.
        tls_ms: Millis = const { Millis::of(10_000) },
        /// Time for an origin's response head.
        response_head_ms: Millis = const { Millis::of(300_000) },
        /// How long an HTTP connection may be idle, or a request's head may take.
        idle_ms: Millis = const { Millis::of(120_000) },
        /// How long a spliced or upgraded connection may be silent.
        splice_idle_ms: Millis = const { Millis::of(600_000) },
        /// How long shutting down waits for open connections.
        drain_ms: Millis = const { Millis::of(10_000) },
    }
}

/// Limits on one client's connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// HTTP limits.
    pub http: serve::Limits,
    /// Time for the client's first bytes after CONNECT and for its TLS hello.
    pub hello: Duration,
    /// Time for the client's TLS handshake.
    pub client_tls: Duration,
    /// Time a spliced or upgraded connection may be silent.
    pub splice_idle: Duration,
    /// Body bytes held for a verdict.
    pub hold_bytes: usize,
    /// Time a body is held for a verdict.
    pub hold: Duration,
    /// Bytes of an MCP payload kept with a row.
    pub payload_bytes: usize,
}

/// Limits on the gateway as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    /// Client connections at once.
    pub connections: usize,
    /// Client connections from one address at once.
    pub connections_per_client: usize,
    /// Time to resolve and connect.
    pub dial: Duration,
    /// Time for an origin's TLS handshake.
    pub origin_tls: Duration,
    /// Time for an origin's response head.
    pub response_head: Duration,
    /// Time that shutting down may take.
    pub drain: Duration,
    /// Body bytes held at once, over all connections.
    pub hold_bytes: usize,
}

impl LimitsSection {
    /// The limits on one connection and on the whole gateway.
    pub(crate) fn resolve(&self, inspect: &InspectSection) -> (Limits, Totals) {
        let http = serve::Limits {
            head_bytes: self.head_bytes.length(),
            head_fields: self.head_fields.count(),
            idle: self.idle_ms.duration(),
            streams: self.streams.short(),
        };
        let limits = Limits {
            http,
            hello: self.hello_ms.duration(),
            client_tls: self.tls_ms.duration(),
            splice_idle: self.splice_idle_ms.duration(),
            hold_bytes: inspect.hold_bytes.length(),
            hold: inspect.hold_ms.duration(),
            payload_bytes: inspect.payload_bytes.length(),
        };
        let totals = Totals {
            connections: self.connections.count(),
            connections_per_client: self.connections_per_client.count(),
            dial: self.dial_ms.duration(),
            origin_tls: self.tls_ms.duration(),
            response_head: self.response_head_ms.duration(),
            drain: self.drain_ms.duration(),
            hold_bytes: inspect.hold_total_bytes.length(),
        };
        (limits, totals)
    }
}
