//! The one flat record of an exchange: every face writes it, every sink reads it.
//!
//! [`Event`] is the dictionary; [`FIELDS`](fields::FIELDS) gives each column its name, type and meaning, and the
//! SQLite table, the ClickHouse table and the JSON form are all derived from it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use crate::verdict::{Severity, Verdict};

pub mod fields;

/// How the client reached the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `CONNECT`, TLS inside, decrypted.
    #[default]
    Intercept,
    /// `CONNECT`, plain HTTP inside.
    ConnectPlain,
    /// A request in absolute form.
    Absolute,
    /// `CONNECT`, spliced without decryption.
    Splice,
}

impl Mode {
    /// The word used in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intercept => "intercept",
            Self::ConnectPlain => "connect_plain",
            Self::Absolute => "absolute",
            Self::Splice => "splice",
        }
    }
}

/// One exchange (a request and its response), or one tunnel that never became an exchange.
///
/// Strings that come from the network are bounded by the limits of the part that read them; secrets in `query`
/// and `payload` are redacted before they get here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// When the request's head (or the tunnel) arrived: microseconds since the Unix epoch.
    pub time_us: i64,
    /// UUIDv7, unique over all gateways.
    pub id: Uuid,
    /// The gateway's name.
    pub gateway: Arc<str>,
    /// The client's address.
    pub client_ip: Option<IpAddr>,
    /// The authenticated proxy user.
    pub user: Option<Arc<str>>,
    /// The user's groups.
    pub groups: Arc<[String]>,
    /// How the client reached the gateway.
    pub mode: Mode,
    /// The origin's host: the request's authority, or the CONNECT target.
    pub host: Arc<str>,
    /// The server name of the client's TLS hello.
    pub sni: Option<Arc<str>>,
    /// The origin's port.
    pub port: u16,
    /// The address that was dialled.
    pub destination_ip: Option<IpAddr>,
    /// The request method.
    pub method: Option<String>,
    /// `http` or `https`.
    pub scheme: Option<&'static str>,
    /// The request path.
    pub path: Option<String>,
    /// The query, secrets redacted.
    pub query: Option<String>,
    /// The status the client got.
    pub status: Option<u16>,
    /// Body bytes (spliced: stream bytes) from the client.
    pub bytes_up: u64,
    /// Body bytes (spliced: stream bytes) to the client.
    pub bytes_down: u64,
    /// The request's media type.
    pub request_content_type: Option<String>,
    /// The response's media type.
    pub response_content_type: Option<String>,
    /// The request's `User-Agent`.
    pub user_agent: Option<String>,
    /// TLS version between client and gateway.
    pub client_tls: Option<&'static str>,
    /// ALPN protocol between client and gateway.
    pub client_alpn: Option<&'static str>,
    /// TLS version between gateway and origin.
    pub origin_tls: Option<&'static str>,
    /// ALPN protocol between gateway and origin.
    pub origin_alpn: Option<&'static str>,
    /// JA4 fingerprint of the client's TLS hello.
    pub ja4: Option<Arc<str>>,
    /// What was done.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub reason: Cow<'static, str>,
    /// The ids of all rules that matched.
    pub rule_ids: Vec<String>,
    /// The highest severity of the rules that matched.
    pub severity: Option<Severity>,
    /// Content hash of the rule set that judged.
    pub rule_set: Arc<str>,
    /// How sure we are that this is MCP: `none`, `weak`, `strong` or `definitive`.
    pub is_mcp: &'static str,
    /// The ids of the signals behind `is_mcp`.
    pub mcp_signals: Vec<String>,
    /// The JSON-RPC method (the most telling one of a batch).
    pub mcp_method: Option<String>,
    /// The tool, prompt or resource the call names.
    pub mcp_tool: Option<String>,
    /// The MCP protocol version.
    pub mcp_protocol_version: Option<String>,
    /// The name the client gives itself.
    pub mcp_client: Option<String>,
    /// The name the server gives itself.
    pub mcp_server: Option<String>,
    /// A keyed hash of the MCP session id; the id itself is a credential.
    pub mcp_session: Option<String>,
    /// The MCP payload, redacted and capped (verdict `inspect`).
    pub payload: Option<String>,
    /// Why a tunnel was not decrypted.
    pub bypass_reason: Option<String>,
    /// Time to resolve and connect to the origin, in microseconds; absent on a reused connection.
    pub dial_us: Option<u64>,
    /// Time for the origin's TLS handshake, in microseconds.
    pub tls_us: Option<u64>,
    /// Time the request body was held for a verdict, in microseconds.
    pub hold_us: Option<u64>,
    /// Time from the request's head to the response's head, in microseconds.
    pub first_byte_us: Option<u64>,
    /// Time from the request's head to the end of the response, in microseconds.
    pub duration_us: Option<u64>,
    /// What went wrong, and whose fault it was.
    pub error: Option<String>,
}
