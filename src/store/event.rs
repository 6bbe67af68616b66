//! The one flat record of an exchange: every face writes it, every sink reads it.
//!
//! [`Event`] is the dictionary. Its table below is the only place that lists the columns: the struct, the tables in SQLite
//! and ClickHouse, the rows, the JSON form and the comments in both databases are made from it. A store that exists
//! already gets a new column by a step in `journal/schema.rs`.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use crate::verdict::{Severity, Verdict};

mod columns;
mod failure;
mod mode;
mod text;

use columns::{Cell, columns, kinds};
pub use columns::{Column, Kind, Value};
pub use failure::Failure;
pub use mode::Mode;
pub use text::time_text;

/// The values of an event's columns, in the order of [`COLUMNS`].
pub type Row<'a> = [Value<'a>; COLUMNS.len()];

columns! {
    /// One exchange (a request and its response), or one tunnel that never became an exchange.
    ///
    /// Strings that come from the network are bounded by the limits of the part that read them; secrets in `path`, `query`
    /// and `payload` are redacted before they get here.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Event {
        /// When the request's head (or the tunnel) arrived, UTC.
        time_us as time: i64 => Time fixed,
        /// UUIDv7, unique over all gateways.
        id: Uuid => Id fixed,
        /// The gateway's name.
        gateway: Arc<str> => Word,
        /// The client's address.
        client_ip: Option<IpAddr> => Address,
        /// The authenticated proxy user.
        user: Option<Arc<str>> => Word,
        /// The user's groups.
        groups: Arc<[String]> => Words,
        /// How the client reached the gateway: intercept, connect_plain, absolute or splice.
        mode: Mode => Word,
        /// The origin's host: the request's authority, or the CONNECT target.
        host: Arc<str> => Word,
        /// The server name of the client's TLS hello.
        sni: Option<Arc<str>> => Word,
        /// The origin's port.
        port: u16 => Number,
        /// The address that was dialled.
        destination_ip: Option<IpAddr> => Address,
        /// The request method.
        method: Option<String> => Word,
        /// http or https.
        scheme: Option<&'static str> => Word,
        /// The request path, secrets redacted.
        path: Option<String> => Text,
        /// The query, secrets redacted.
        query: Option<String> => Text,
        /// The status the client got.
        status: Option<u16> => Number,
        /// Body bytes from the client (of a tunnel that is not decrypted: all bytes).
        bytes_up: u64 => Number,
        /// Body bytes to the client (of a tunnel that is not decrypted: all bytes).
        bytes_down: u64 => Number,
        /// The request's media type.
        request_content_type: Option<String> => Word,
        /// The response's media type.
        response_content_type: Option<String> => Word,
        /// The request's User-Agent.
        user_agent: Option<String> => Word,
        /// TLS version between client and gateway.
        client_tls: Option<&'static str> => Word,
        /// ALPN protocol between client and gateway.
        client_alpn: Option<&'static str> => Word,
        /// TLS version between gateway and origin.
        origin_tls: Option<&'static str> => Word,
        /// ALPN protocol between gateway and origin.
        origin_alpn: Option<&'static str> => Word,
        /// JA4 fingerprint of the client's TLS hello.
        ja4: Option<Arc<str>> => Word,
        /// What was done: allow, log, inspect, redirect, block or bypass.
        verdict: Verdict => Word,
        /// Why the verdict is what it is, in a sentence.
        reason: Cow<'static, str> => Text,
        /// The ids of all rules that matched.
        rule_ids: Vec<String> => Words,
        /// The tags of all rules that matched; `shadow` makes a detection one of shadow MCP.
        rule_tags: Vec<String> => Words,
        /// The highest severity of the rules that matched.
        severity: Option<Severity> => Word,
        /// Content hash of the rule set that judged.
        rule_set: Arc<str> => Word,
        /// How sure the gateway is that this is MCP: none, weak, strong or definitive.
        is_mcp: &'static str => Word,
        /// The ids of the signals behind is_mcp.
        mcp_signals: Vec<String> => Words,
        /// The JSON-RPC method (the most telling one of a batch).
        mcp_method: Option<String> => Word,
        /// The tool, prompt or resource the call names.
        mcp_tool: Option<String> => Word,
        /// The MCP protocol version.
        mcp_protocol_version: Option<String> => Word,
        /// The name the client gives itself.
        mcp_client: Option<String> => Word,
        /// The name the server gives itself.
        mcp_server: Option<String> => Word,
        /// A keyed hash of the MCP session id; the id itself is a credential.
        mcp_session: Option<String> => Word,
        /// The MCP payload, redacted and capped (verdict inspect).
        payload: Option<String> => Text,
        /// Why a tunnel was not decrypted.
        bypass_reason: Option<String> => Word,
        /// Microseconds to resolve and connect; absent on a reused connection.
        dial_us: Option<u64> => Number,
        /// Microseconds of the origin's TLS handshake.
        tls_us: Option<u64> => Number,
        /// Microseconds the request body was held for a verdict.
        hold_us: Option<u64> => Number,
        /// Microseconds from the request's head to the response's head.
        first_byte_us: Option<u64> => Number,
        /// Microseconds from the request's head to the end of the response.
        duration_us: Option<u64> => Number,
        /// What went wrong, in a sentence that begins with whose fault it was.
        failure as error: Option<Failure> => Text,
    }
    derived {
        /// Whose fault the error was: client, gateway, origin or policy; absent where nobody can say.
        blame from failure: Option<Failure> => FaultOf,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Blame;

    #[test]
    fn every_column_has_a_name_of_its_own_and_a_meaning() {
        for (index, column) in COLUMNS.iter().enumerate() {
            assert!(!column.help.is_empty() && !column.help.contains('\n'), "{}", column.name);
            assert!(COLUMNS.iter().skip(index + 1).all(|other| other.name != column.name), "{}", column.name);
        }
    }

    #[test]
    fn a_failures_text_and_its_blame_say_the_same() {
        let failure = Failure::new(Blame::Origin, "it broke off");
        let event = Event { failure: Some(failure), ..Event::default() };
        let column = |name: &str| {
            let at = COLUMNS.iter().position(|column| column.name == name).unwrap();
            event.row()[at].clone()
        };
        assert_eq!(column("error"), Value::Text("origin: it broke off".into()));
        assert_eq!(column("blame"), Value::Text("origin".into()));
        assert_eq!(Failure::of_nobody("it broke off").blame(), None);
        assert_eq!(Failure::new(Blame::Client, "\u{e9}".repeat(2000)).text().len(), 2048);
    }
}
