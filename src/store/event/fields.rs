//! The columns of an event, in order, with their meaning: every store and every output is made from this list.

use std::borrow::Cow;
use std::net::IpAddr;

use uuid::Uuid;

use super::Event;

/// How a column's values look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Microseconds since the Unix epoch; RFC 3339 text outside.
    Time,
    /// UUID text.
    Uuid,
    /// Free text.
    Text,
    /// Text of few distinct values.
    Word,
    /// An address as text.
    Address,
    /// A number that is not negative.
    Number,
    /// A list of words.
    Words,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Column name.
    pub name: &'static str,
    /// Its values.
    pub kind: Kind,
    /// What it means.
    pub help: &'static str,
}

const fn field(name: &'static str, kind: Kind, help: &'static str) -> Field {
    Field { name, kind, help }
}

/// Every column; [`row`] gives values in this order.
pub const FIELDS: [Field; 47] = [
    field("time", Kind::Time, "when the request's head (or the tunnel) arrived, UTC"),
    field("id", Kind::Uuid, "UUIDv7, unique over all gateways"),
    field("gateway", Kind::Word, "the gateway's name"),
    field("client_ip", Kind::Address, "the client's address"),
    field("user", Kind::Word, "the authenticated proxy user"),
    field("groups", Kind::Words, "the user's groups"),
    field("mode", Kind::Word, "intercept, connect_plain, absolute or splice"),
    field("host", Kind::Word, "the origin's host"),
    field("sni", Kind::Word, "the server name of the client's TLS hello"),
    field("port", Kind::Number, "the origin's port"),
    field("destination_ip", Kind::Address, "the address that was dialled"),
    field("method", Kind::Word, "the request method"),
    field("scheme", Kind::Word, "http or https"),
    field("path", Kind::Text, "the request path, secrets redacted"),
    field("query", Kind::Text, "the query, secrets redacted"),
    field("status", Kind::Number, "the status the client got"),
    field("bytes_up", Kind::Number, "body bytes from the client"),
    field("bytes_down", Kind::Number, "body bytes to the client"),
    field("request_content_type", Kind::Word, "the request's media type"),
    field("response_content_type", Kind::Word, "the response's media type"),
    field("user_agent", Kind::Word, "the request's User-Agent"),
    field("client_tls", Kind::Word, "TLS version between client and gateway"),
    field("client_alpn", Kind::Word, "protocol between client and gateway"),
    field("origin_tls", Kind::Word, "TLS version between gateway and origin"),
    field("origin_alpn", Kind::Word, "protocol between gateway and origin"),
    field("ja4", Kind::Word, "JA4 fingerprint of the client's TLS hello"),
    field("verdict", Kind::Word, "allow, log, inspect, redirect, block or bypass"),
    field("reason", Kind::Text, "why, in a sentence"),
    field("rule_ids", Kind::Words, "the ids of all rules that matched"),
    field("severity", Kind::Word, "the highest severity of the rules that matched"),
    field("rule_set", Kind::Word, "content hash of the rule set that judged"),
    field("is_mcp", Kind::Word, "none, weak, strong or definitive"),
    field("mcp_signals", Kind::Words, "the ids of the signals behind is_mcp"),
    field("mcp_method", Kind::Word, "the JSON-RPC method"),
    field("mcp_tool", Kind::Word, "the tool, prompt or resource the call names"),
    field("mcp_protocol_version", Kind::Word, "the MCP protocol version"),
    field("mcp_client", Kind::Word, "the name the client gives itself"),
    field("mcp_server", Kind::Word, "the name the server gives itself"),
    field("mcp_session", Kind::Word, "a keyed hash of the MCP session id"),
    field("payload", Kind::Text, "the MCP payload, redacted and capped (verdict inspect)"),
    field("bypass_reason", Kind::Word, "why a tunnel was not decrypted"),
    field("dial_us", Kind::Number, "microseconds to resolve and connect; absent on a reused connection"),
    field("tls_us", Kind::Number, "microseconds of the origin's TLS handshake"),
    field("hold_us", Kind::Number, "microseconds the request body was held for a verdict"),
    field("first_byte_us", Kind::Number, "microseconds from the request's head to the response's head"),
    field("duration_us", Kind::Number, "microseconds from the request's head to the end of the response"),
    field("error", Kind::Text, "what went wrong, and whose fault it was"),
];

/// One value of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Absent.
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// A number.
    Number(u64),
}

/// The values of an event's columns, in their order.
pub type Row<'a> = [Value<'a>; FIELDS.len()];

/// An event as a row.
pub fn row(event: &Event) -> Row<'_> {
    let e = event;
    [
        owned(time_text(e.time_us)),
        owned(e.id.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()).to_owned()),
        text(&e.gateway),
        e.client_ip.map_or(Value::Null, |ip| owned(address_text(ip))),
        option(e.user.as_deref()),
        words(&e.groups),
        text(e.mode.as_str()),
        text(&e.host),
        option(e.sni.as_deref()),
        Value::Number(e.port.into()),
        e.destination_ip.map_or(Value::Null, |ip| owned(address_text(ip))),
        option(e.method.as_deref()),
        option(e.scheme),
        option(e.path.as_deref()),
        option(e.query.as_deref()),
        number(e.status.map(u64::from)),
        Value::Number(e.bytes_up),
        Value::Number(e.bytes_down),
        option(e.request_content_type.as_deref()),
        option(e.response_content_type.as_deref()),
        option(e.user_agent.as_deref()),
        option(e.client_tls),
        option(e.client_alpn),
        option(e.origin_tls),
        option(e.origin_alpn),
        option(e.ja4.as_deref()),
        text(e.verdict.as_str()),
        text(&e.reason),
        words(&e.rule_ids),
        option(e.severity.map(super::Severity::as_str)),
        text(&e.rule_set),
        text(e.is_mcp),
        words(&e.mcp_signals),
        option(e.mcp_method.as_deref()),
        option(e.mcp_tool.as_deref()),
        option(e.mcp_protocol_version.as_deref()),
        option(e.mcp_client.as_deref()),
        option(e.mcp_server.as_deref()),
        option(e.mcp_session.as_deref()),
        option(e.payload.as_deref()),
        option(e.bypass_reason.as_deref()),
        number(e.dial_us),
        number(e.tls_us),
        number(e.hold_us),
        number(e.first_byte_us),
        number(e.duration_us),
        option(e.error.as_deref()),
    ]
}

fn text(value: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(value))
}

fn owned(value: String) -> Value<'static> {
    Value::Text(Cow::Owned(value))
}

fn option(value: Option<&str>) -> Value<'_> {
    value.map_or(Value::Null, text)
}

fn number(value: Option<u64>) -> Value<'static> {
    value.map_or(Value::Null, Value::Number)
}

/// A JSON list; the empty one, by far the most frequent, costs nothing.
fn words(values: &[String]) -> Value<'_> {
    if values.is_empty() {
        return text("[]");
    }
    owned(serde_json::to_string(values).unwrap_or_else(|_unreachable| "[]".into()))
}

/// An address; nearly all are IPv4, and every row has two.
fn address_text(ip: IpAddr) -> String {
    let IpAddr::V4(v4) = ip else { return ip.to_string() };
    let mut text = String::with_capacity("255.255.255.255".len());
    for (index, octet) in v4.octets().into_iter().enumerate() {
        if index > 0 {
            text.push('.');
        }
        for (place, needed) in [(100, octet >= 100), (10, octet >= 10), (1, true)] {
            if needed {
                text.push(char::from(b'0' + octet / place % 10));
            }
        }
    }
    text
}

/// RFC 3339 with microseconds, UTC (years 0 to 9999): `2026-11-23T21:04:05.000001Z`. Text of this form sorts by time.
pub fn time_text(time_us: i64) -> String {
    let (seconds, us) = (time_us.div_euclid(1_000_000), time_us.rem_euclid(1_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (number, digits) in [
        (year, 0..4),
        (month, 5..7),
        (day, 8..10),
        (hour, 11..13),
        (minute, 14..16),
        (second, 17..19),
        (us, 20..26),
    ] {
        let mut rest = number;
        for digit in text.get_mut(digits).into_iter().flatten().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
    }
    std::str::from_utf8(&text).unwrap_or_default().to_owned()
}

/// Days since 1970-01-01 to a date of the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_and_sort() {
        assert_eq!(time_text(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(time_text(1_709_210_096_000_001), "2024-02-29T12:34:56.000001Z");
        assert_eq!(time_text(-1), "1969-12-31T23:59:59.999999Z");
        let known = time::OffsetDateTime::from_unix_timestamp(1_795_467_845).unwrap();
        assert!(time_text(1_795_467_845_000_000).starts_with(&known.date().to_string()));
    }

    #[test]
    fn addresses_are_written_as_everywhere() {
        for text in ["0.0.0.0", "9.10.99.100", "255.1.200.7", "2001:db8::1", "::ffff:10.0.0.1"] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(address_text(ip), ip.to_string());
        }
    }

    #[test]
    fn every_column_has_a_name_of_its_own_and_a_meaning() {
        for (index, field) in FIELDS.iter().enumerate() {
            assert!(!field.help.is_empty());
            assert!(FIELDS.iter().skip(index + 1).all(|other| other.name != field.name), "{}", field.name);
        }
    }
}
