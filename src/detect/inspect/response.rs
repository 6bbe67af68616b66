//! Evidence in a response, read while it streams to the client.

use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::body::{BodyVerdict, MessageReader};
use super::decode::Decoder;
use super::evidence as e;
use super::head::{is_json, stream_session};
use super::message::Side;
use super::signals::Signals;
use crate::detect::mcp;
use crate::detect::mcp::sse::{Parser, Piece};

/// Bytes of a response that are read, before decoding.
pub const READ_MAX_BYTES: usize = 64 * 1024;

/// Longest URI of a message endpoint that is kept.
const ENDPOINT_MAX_BYTES: usize = 2048;

/// A streaming reader of one response.
#[derive(Debug)]
pub struct ResponseScan {
    decoder: Decoder,
    format: Format,
    read: usize,
}

#[derive(Debug)]
enum Format {
    Json(Box<MessageReader>),
    Events(Box<Events>),
}

#[derive(Debug)]
struct Events {
    parser: Parser,
    reader: MessageReader,
    /// The data of an event that names the message endpoint.
    endpoint: Option<Vec<u8>>,
}

impl ResponseScan {
    /// Reads the response head; `None` when its body is not worth reading.
    pub fn new(status: StatusCode, headers: &HeaderMap, signals: &mut Signals) -> Option<Self> {
        let mut media = None;
        for (name, value) in headers {
            match name.as_str() {
                "content-type" => media = media.or(Some(value)),
                "access-control-allow-headers" | "access-control-expose-headers" => {
                    cors(name, value, signals);
                }
                mcp::HEADER_SESSION => session(value, signals),
                "www-authenticate"
                    if status == StatusCode::UNAUTHORIZED && mentions(value, "resource_metadata=") =>
                {
                    signals.note(&e::RESOURCE_METADATA);
                }
                _ => {}
            }
        }
        let start = media.and_then(|value| value.as_bytes().get(..17));
        let stream = start.is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"));
        let format = if stream {
            let reader = MessageReader::of(Side::Response);
            Format::Events(Box::new(Events { parser: Parser::default(), reader, endpoint: None }))
        } else if is_json(media) {
            Format::Json(Box::new(MessageReader::of(Side::Response)))
        } else {
            return None;
        };
        Some(Self { decoder: Decoder::new(headers).ok()?, format, read: 0 })
    }

    /// Reads the next body bytes; false when nothing more can be learned.
    pub fn feed(&mut self, bytes: &[u8], signals: &mut Signals) -> bool {
        self.read += bytes.len();
        let open = if self.decoder.is_plain() {
            self.format.feed(bytes, signals)
        } else {
            match self.decoder.feed(bytes) {
                Ok(decoded) => self.format.feed(&decoded, signals),
                Err(_unreadable) => {
                    self.format.feed(&self.decoder.salvage(), signals);
                    false
                }
            }
        };
        let more = open && self.read < READ_MAX_BYTES;
        if !more {
            self.format.so_far(signals);
        }
        more
    }
}

fn session(value: &HeaderValue, signals: &mut Signals) {
    if let Ok(session) = value.to_str() {
        signals.note(&e::SESSION_RESPONSE);
        signals.session.get_or_insert_with(|| session.to_owned());
    }
}

/// A server of OAuth metadata lets browsers send the version because MCP clients do, not because it is one.
fn cors(name: &HeaderName, value: &HeaderValue, signals: &mut Signals) {
    let word = if *name == ACCESS_CONTROL_EXPOSE_HEADERS { mcp::HEADER_SESSION } else { mcp::HEADER_VERSION };
    let metadata = signals.evidence.iter().any(|signal| signal.id == e::OAUTH_METADATA.id);
    if !metadata && mentions(value, word) {
        signals.note(&e::CORS_HEADERS);
    }
}

fn mentions(value: &HeaderValue, word: &str) -> bool {
    value.to_str().is_ok_and(|value| value.to_ascii_lowercase().contains(word))
}

impl Format {
    fn feed(&mut self, text: &[u8], signals: &mut Signals) -> bool {
        match self {
            Self::Json(reader) => {
                reader.feed(text, signals);
                reader.verdict() == BodyVerdict::Undecided
            }
            Self::Events(events) => {
                events.feed(text, signals);
                true
            }
        }
    }

    fn so_far(&mut self, signals: &mut Signals) {
        match self {
            Self::Json(reader) => reader.so_far(signals),
            Self::Events(events) => events.reader.so_far(signals),
        }
    }
}

impl Events {
    fn feed(&mut self, text: &[u8], signals: &mut Signals) {
        let Self { parser, reader, endpoint } = self;
        parser.feed(text, &mut |piece| match piece {
            Piece::Event(name) => *endpoint = (name == b"endpoint").then(Vec::new),
            Piece::Data(data) => match endpoint {
                Some(uri) => {
                    let room = ENDPOINT_MAX_BYTES.saturating_sub(uri.len()).min(data.len());
                    uri.extend_from_slice(data.get(..room).unwrap_or_default());
                }
                None => reader.feed(data, signals),
            },
            Piece::DataLineEnd => reader.feed(b"\n", signals),
            Piece::Dispatch => {
                *reader = MessageReader::of(Side::Response);
                endpoint.take().iter().for_each(|uri| read_endpoint(uri, signals));
            }
        });
    }
}

/// The endpoint of the HTTP+SSE transport carries its session (2024-11-05).
fn read_endpoint(uri: &[u8], signals: &mut Signals) {
    let uri = String::from_utf8_lossy(uri);
    let query = uri.split_once('?').map(|(_, query)| query);
    if let Some(session) = stream_session(query) {
        signals.note(&e::ENDPOINT_EVENT);
        signals.session = Some(session.to_owned());
    }
}
