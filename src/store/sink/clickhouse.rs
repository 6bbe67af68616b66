//! ClickHouse over its HTTP interface: every row of the journal, once.
//!
//! A range of rows is sealed in the journal, sent as one `INSERT` with a deduplication token made of the journal's id and
//! the range, sent again byte for byte until the server says yes, then marked as delivered. A crash between the server's
//! yes and the mark leads to one more send, which the server recognises by the token. The data path never waits for it.

mod client;
pub(crate) mod deliver;
pub(crate) mod encode;
mod migrate;
pub(crate) mod schema;

use std::path::PathBuf;

pub use deliver::Delivery;

/// What is configured about delivery to ClickHouse.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of its HTTP interface.
    pub url: http::Uri,
    /// Database of the tables and views.
    pub database: String,
    /// Name of the user that creates tables and inserts rows.
    pub user: String,
    /// File that holds the user's password.
    pub password_file: Option<PathBuf>,
    /// Name of the cluster; with one, tables are replicated and distributed.
    pub cluster: Option<String>,
    /// PEM files trusted beside the platform's.
    pub extra_roots: Vec<PathBuf>,
    /// Rows older than this are dropped by ClickHouse.
    pub ttl_days: u32,
}

/// Names go into statements unquoted, so they are plain identifiers.
pub fn check_name(name: &str) -> Result<(), String> {
    let good =
        !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if good {
        Ok(())
    } else {
        Err(format!("`{name}` is not a plain name of letters, digits and underscores"))
    }
}
