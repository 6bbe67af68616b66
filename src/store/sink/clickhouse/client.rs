//! One request at a time to ClickHouse's HTTP interface.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::Settings;
use crate::host::Destination;
use crate::wire::tls::UpstreamTls;
use crate::wire::tls::upstream::{self, Offer};

/// Time for a whole request.
const DEADLINE: Duration = Duration::from_secs(60);
/// Time to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
const EXCEPTION: &str = "x-clickhouse-exception-code";

/// Why a statement did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Not reached, broke off, too slow: nothing is known about the statement.
    #[error("{0}")]
    Transport(String),
    /// The server said no.
    #[error("the server said {code}: {message}")]
    Refused {
        /// ClickHouse's error code, or the HTTP status.
        code: i64,
        /// The start of its message.
        message: String,
    },
}

impl SendError {
    /// True when the schema may be missing or old: unknown database (81), table (60), column (16), type trouble.
    pub fn blames_the_schema(&self) -> bool {
        matches!(self, Self::Refused { code: 16 | 36 | 47 | 60 | 81 | 117, .. })
    }

    /// True when the user lacks a right (497).
    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Self::Refused { code: 497, .. })
    }

    /// The same refusal, with what follows from it said first.
    pub(super) fn because(self, what: &str) -> Self {
        match self {
            Self::Refused { code, message } => Self::Refused { code, message: format!("{what}{message}") },
            transport @ Self::Transport(_) => transport,
        }
    }

    /// A bounded word for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Transport(_) => "transport",
            Self::Refused { .. } => "refused",
        }
    }
}

/// Sends statements.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    destination: Destination,
    tls: Option<UpstreamTls>,
}

impl Client {
    /// Prepares; the password file is read before every request, so that it can be changed.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let https = settings.url.scheme_str() == Some("https");
        let authority = settings.url.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let port = if https { 8443 } else { 8123 };
        let destination =
            Destination::parse(authority, Some(port)).map_err(|e| format!("clickhouse.url: {e}"))?;
        let tls = if https {
            let roots = upstream::roots(&settings.extra_roots).map_err(|e| e.to_string())?;
            Some(UpstreamTls::new(roots, CONNECT).map_err(|e| e.to_string())?)
        } else {
            None
        };
        Ok(Self { settings, destination, tls })
    }

    /// Runs a statement and gives the answer; `parameters` are settings of the request.
    pub async fn send(
        &self,
        statement: &str,
        parameters: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Bytes, SendError> {
        let transport = |e: String| SendError::Transport(e);
        let work = async {
            let address = (self.destination.host.as_ref(), self.destination.port);
            let stream = tokio::time::timeout(CONNECT, TcpStream::connect(address))
                .await
                .map_err(|_elapsed| transport(format!("{} did not answer in time", self.destination)))?
                .map_err(|e| transport(format!("{}: {e}", self.destination)))?;
            stream.set_nodelay(true).map_err(|e| transport(e.to_string()))?;
            match &self.tls {
                None => self.over(stream, statement, parameters, body).await,
                Some(tls) => {
                    let offer = Offer { http2: false, http1: true };
                    let upstream = tls.connect(stream, &self.destination.host, offer).await;
                    let stream = upstream.map_err(|e| transport(e.to_string()))?.stream;
                    self.over(stream, statement, parameters, body).await
                }
            }
        };
        let late = |_elapsed| transport(format!("no answer within {} seconds", DEADLINE.as_secs()));
        tokio::time::timeout(DEADLINE, work).await.map_err(late)?
    }

    async fn over<S>(
        &self,
        stream: S,
        statement: &str,
        parameters: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Bytes, SendError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin,
    {
        let transport = |e: hyper::Error| SendError::Transport(e.to_string());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(transport)?;
        let request = self.request(statement, parameters, body)?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(transport)?;
            let (head, answer) = response.into_parts();
            let answer = Limited::new(answer, ANSWER_MAX_BYTES).collect().await;
            let answer = answer.map_err(|e| SendError::Transport(e.to_string()))?.to_bytes();
            let exception = head.headers.get(EXCEPTION).and_then(|code| code.to_str().ok()?.parse().ok());
            // An exception after the head was sent arrives in the body of a 200.
            let buried = answer.windows(6).any(|window| window == b"Code: ");
            if head.status.is_success() && exception.is_none() && !buried {
                return Ok(answer);
            }
            let message: String = String::from_utf8_lossy(&answer).chars().take(300).collect();
            let code = exception.unwrap_or_else(|| head.status.as_u16().into());
            Err(SendError::Refused { code, message: message.trim().to_owned() })
        };
        tokio::select! {
            result = exchange => result,
            ended = connection => Err(SendError::Transport(match ended {
                Ok(()) => "the server closed the connection before it answered".to_owned(),
                Err(error) => error.to_string(),
            })),
        }
    }

    fn request(
        &self,
        statement: &str,
        parameters: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, SendError> {
        let wrong = |e: String| SendError::Transport(e);
        let mut query = format!("/?query={}", percent(statement));
        for (name, value) in parameters {
            query.push_str(&format!("&{name}={}", percent(value)));
        }
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(query)
            .header(HOST, self.destination.authority(80))
            .header(CONTENT_TYPE, "application/x-ndjson")
            .header("x-clickhouse-user", &self.settings.user);
        if let Some(file) = &self.settings.password_file {
            let password =
                std::fs::read_to_string(file).map_err(|e| wrong(format!("{}: {e}", file.display())))?;
            request = request.header("x-clickhouse-key", password.trim_end());
        }
        request.body(Full::new(body)).map_err(|e| wrong(e.to_string()))
    }
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
