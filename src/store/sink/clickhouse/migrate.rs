//! Makes or completes the schema with the rights that the user has.

use super::Settings;
use super::client::{DeliveryError, Server};
use super::schema::ddl;
use crate::store::event::COLUMNS;

/// Runs every statement of the schema. A user without the right to do so is enough where the table is complete already.
pub(super) async fn migrate(server: &Server, settings: &Settings) -> Result<(), DeliveryError> {
    let Settings { database, cluster, ttl_days, .. } = settings;
    for statement in ddl(database, cluster.as_deref(), *ttl_days) {
        match server.execute(&statement).await {
            Ok(()) => {}
            Err(error) if error.is_denied() => return expect_complete(server, database, error).await,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fails with ClickHouse's words about the missing right, after what the table lacks.
async fn expect_complete(
    server: &Server,
    database: &str,
    denied: DeliveryError,
) -> Result<(), DeliveryError> {
    let sql = format!(
        "SELECT name FROM system.columns WHERE database = '{database}' AND table = 'events' FORMAT TabSeparated"
    );
    let there = server.lines(&sql).await?;
    let missing: Vec<&str> = COLUMNS
        .iter()
        .map(|column| column.name)
        .filter(|name| !there.iter().any(|column| column == name))
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
    Err(denied.after(&what))
}
