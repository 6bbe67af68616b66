//! Limits with units.

use std::time::Duration;

use serde_saphyr::Spanned;

use super::raw::Raw;
use crate::proxy::Limits;
use crate::wire::http::serve;
use crate::yaml::{Located, Source};

/// Bytes of a KiB, MiB and GiB.
pub const KIB: u64 = 1024;
/// See [`KIB`].
pub const MIB: u64 = 1024 * KIB;
/// See [`KIB`].
pub const GIB: u64 = 1024 * MIB;

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

/// Reads all limits.
pub fn mean(raw: &Raw, source: &Source) -> Result<(Limits, Totals), Located> {
    let typed = &raw.limits;
    let count = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let http = serve::Limits {
        head_bytes: count(bytes(typed.head_bytes.as_ref(), source, 64 * KIB)?.max(8 * KIB)),
        head_fields: typed.head_fields.count(),
        idle: typed.idle_ms.duration(),
        streams: typed.streams.short(),
    };
    let limits = Limits {
        http,
        hello: typed.hello_ms.duration(),
        client_tls: typed.tls_ms.duration(),
        splice_idle: typed.splice_idle_ms.duration(),
        hold_bytes: count(bytes(raw.inspect.hold_bytes.as_ref(), source, MIB)?),
        hold: raw.inspect.hold_ms.duration(),
        payload_bytes: count(bytes(raw.inspect.payload_bytes.as_ref(), source, 16 * KIB)?),
    };
    let totals = Totals {
        connections: typed.connections.count(),
        connections_per_client: typed.connections_per_client.count(),
        dial: typed.dial_ms.duration(),
        origin_tls: typed.tls_ms.duration(),
        response_head: typed.response_head_ms.duration(),
        drain: typed.drain_ms.duration(),
        hold_bytes: count(bytes(raw.inspect.hold_total_bytes.as_ref(), source, 512 * MIB)?),
    };
    Ok((limits, totals))
}

/// Reads a size such as `1MiB`, `64 KiB` or a plain number of bytes.
pub fn bytes(typed: Option<&Spanned<String>>, source: &Source, default: u64) -> Result<u64, Located> {
    let Some(typed) = typed else { return Ok(default) };
    size(&typed.value)
        .ok_or_else(|| source.at(typed, format!("`{}` is not a size such as 512KiB or 1MiB", typed.value)))
}

fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = match unit.trim() {
        "" | "B" => 1,
        "KiB" | "K" => KIB,
        "MiB" | "M" => MIB,
        "GiB" | "G" => GIB,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(size("1MiB"), Some(MIB));
        assert_eq!(size("64 KiB"), Some(64 * KIB));
        assert_eq!(size("4096"), Some(4096));
        for bad in ["", "MiB", "1MB", "-1", "1.5GiB", "99999999999999999999"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }
}
