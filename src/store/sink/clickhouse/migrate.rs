//! Makes or completes the schema with the rights that the user has.

use bytes::Bytes;

use super::Settings;
use super::client::{Client, SendError};
use super::schema::ddl;
use crate::store::event::COLUMNS;

/// Runs every statement of the schema. A user who may not is enough where the table has all columns already.
pub(super) async fn migrate(client: &Client, settings: &Settings) -> Result<(), SendError> {
    let Settings { database, cluster, ttl_days, .. } = settings;
    for statement in ddl(database, cluster.as_deref(), *ttl_days) {
        match client.send(&statement, &[], Bytes::new()).await {
            Ok(_) => {}
            Err(error) if error.is_denied() => return complete(client, database, error).await,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The server's own words name the right that is missing.
async fn complete(client: &Client, database: &str, denied: SendError) -> Result<(), SendError> {
    let sql = format!(
        "SELECT name FROM system.columns WHERE database = '{database}' AND table = 'events' FORMAT TabSeparated"
    );
    let answer = client.send(&sql, &[], Bytes::new()).await?;
    let answer = String::from_utf8_lossy(&answer);
    let missing: Vec<&str> = COLUMNS
        .iter()
        .map(|column| column.name)
        .filter(|name| !answer.lines().any(|line| line.trim() == *name))
        .collect();
    if missing.is_empty() {
        tracing::warn!(%denied, "the user may not change ClickHouse's schema; it is complete, and rows are delivered");
        return Ok(());
    }
    let what = if missing.len() == COLUMNS.len() {
        format!("{database}.events does not exist; ")
    } else {
        format!("{database}.events lacks {}; ", missing.join(", "))
    };
    Err(denied.because(&what))
}
