//! Statements and inserts over ClickHouse's HTTP interface, with the user and the password of the moment.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clickhouse::error::Error;

use super::Settings;
use crate::host::Destination;

/// Time for a whole request.
const DEADLINE: Duration = Duration::from_secs(60);
/// Characters of ClickHouse's message that are kept.
const MESSAGE_MAX_CHARS: usize = 300;

/// Why a step of delivery failed. The rows are kept in every case.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// The embedded store was not read or not written.
    #[error("{0}")]
    Store(String),
    /// The password file was not read.
    #[error("cannot read the password file {}: {error}", file.display())]
    Secret {
        /// `clickhouse.password_file`.
        file: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// ClickHouse was not reached, or the connection broke off or was too slow: whether the statement took effect is not
    /// known.
    #[error("{0}")]
    Transport(String),
    /// ClickHouse refused the statement.
    #[error("{message}")]
    Refused {
        /// ClickHouse's error code; absent when something else answered, such as a proxy.
        code: Option<i64>,
        /// The start of the message, which begins with the code.
        message: String,
    },
}

impl DeliveryError {
    /// True when a table may be missing or old: unknown column (16, 47), table (60) or database (81), or trouble with types
    /// (36, 117).
    pub(super) fn blames_the_schema(&self) -> bool {
        matches!(self, Self::Refused { code: Some(16 | 36 | 47 | 60 | 81 | 117), .. })
    }

    /// True when the user lacks a right (497).
    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Self::Refused { code: Some(497), .. })
    }

    /// The same refusal after a sentence of our own.
    pub(super) fn after(self, sentence: &str) -> Self {
        match self {
            Self::Refused { code, message } => {
                Self::Refused { code, message: format!("{sentence}{message}") }
            }
            other => other,
        }
    }

    /// The word in metrics.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::Secret { .. } => "secret",
            Self::Transport(_) => "transport",
            Self::Refused { .. } => "refused",
        }
    }

    /// What happened, for the log.
    pub(super) fn headline(&self) -> &'static str {
        match self {
            Self::Store(_) => {
                "the event store could not be read for delivery to ClickHouse; the rows are kept"
            }
            Self::Secret { .. } => "the password for ClickHouse could not be read; the rows are kept",
            Self::Transport(_) => "ClickHouse was not reached or did not answer; the rows are kept",
            Self::Refused { .. } => "ClickHouse did not take the rows; they are kept",
        }
    }
}

impl From<Error> for DeliveryError {
    fn from(error: Error) -> Self {
        match error {
            Error::BadResponse(message) => {
                let message: String = message.trim().chars().take(MESSAGE_MAX_CHARS).collect();
                Self::Refused { code: code(&message), message }
            }
            Error::TimedOut => too_late(),
            other => Self::Transport(with_causes(&other)),
        }
    }
}

/// Every message of ClickHouse begins with `Code: N.`.
fn code(message: &str) -> Option<i64> {
    let digits = message.strip_prefix("Code: ")?;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn too_late() -> DeliveryError {
    DeliveryError::Transport(format!("no answer within {} seconds", DEADLINE.as_secs()))
}

/// An error names only its own layer; the cause that an administrator can do something about is the last one.
fn with_causes(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let mut sentences: Vec<String> = Vec::new();
    for cause in causes.map(ToString::to_string) {
        if sentences.last() != Some(&cause) {
            sentences.push(cause);
        }
    }
    if sentences.is_empty() { error.to_string() } else { sentences.join(": ") }
}

/// A ClickHouse server, or a cluster behind one address.
#[derive(Debug)]
pub(super) struct Server {
    http: clickhouse::Client,
    settings: Settings,
}

impl Server {
    /// Prepares; nothing is connected. The error is about `clickhouse.url`.
    pub(super) fn new(http: clickhouse::Client, settings: Settings) -> Result<Self, String> {
        let scheme = settings.url.scheme_str().unwrap_or("http");
        let authority = settings.url.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let port = if scheme == "https" { 8443 } else { 8123 };
        let server = Destination::parse(authority, Some(port)).map_err(|e| format!("clickhouse.url: {e}"))?;
        let url = format!("{scheme}://{}/", server.authority(0));
        Ok(Self { http: http.with_url(url).with_user(&settings.user), settings })
    }

    /// Runs a statement that answers nothing.
    pub(super) async fn execute(&self, statement: &str) -> Result<(), DeliveryError> {
        let query = self.authenticated().await?.query_raw(statement);
        tokio::time::timeout(DEADLINE, query.execute()).await.map_err(|_elapsed| too_late())??;
        Ok(())
    }

    /// Runs a query whose answer is text, one value a line.
    pub(super) async fn lines(&self, query: &str) -> Result<Vec<String>, DeliveryError> {
        let mut answer = self.authenticated().await?.query_raw(query).fetch_bytes("TabSeparated")?;
        let collected = tokio::time::timeout(DEADLINE, answer.collect()).await;
        let answer = collected.map_err(|_elapsed| too_late())??;
        Ok(String::from_utf8_lossy(&answer).lines().map(str::to_owned).collect())
    }

    /// Sends rows that are encoded already, under these settings; returns when ClickHouse has taken them.
    pub(super) async fn insert(
        &self,
        statement: &str,
        settings: &[(&str, &str)],
        rows: Bytes,
    ) -> Result<(), DeliveryError> {
        let insert = self.authenticated().await?.insert_formatted_with(statement);
        let insert = settings.iter().fold(insert, |insert, (name, value)| insert.with_setting(*name, *value));
        let mut insert = insert.with_timeouts(Some(DEADLINE), Some(DEADLINE));
        insert.send(rows).await?;
        Ok(insert.end().await?)
    }

    /// The password is read for every request, so that changing it needs no restart.
    async fn authenticated(&self) -> Result<clickhouse::Client, DeliveryError> {
        let http = self.http.clone();
        let Some(file) = &self.settings.password_file else { return Ok(http) };
        let secret = |error| DeliveryError::Secret { file: file.clone(), error };
        let password = tokio::fs::read_to_string(file).await.map_err(secret)?;
        Ok(http.with_password(password.trim_end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_code_and_the_start_of_its_message() {
        let refused = |text: &str| DeliveryError::from(Error::BadResponse(text.to_owned()));
        let error =
            refused("Code: 60. DB::Exception: Table daylight.events does not exist. (UNKNOWN_TABLE)\n");
        assert!(error.blames_the_schema() && !error.is_denied());
        assert_eq!(error.kind(), "refused");
        assert!(refused("Code: 497. DB::Exception: Not enough privileges").is_denied());
        assert!(matches!(refused("502 Bad Gateway"), DeliveryError::Refused { code: None, .. }));
        assert_eq!(refused(&"x".repeat(5000)).to_string().len(), MESSAGE_MAX_CHARS);
    }
}
