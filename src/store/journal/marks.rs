//! How far delivery has come; kept in the store itself.

use rusqlite::{Connection, OptionalExtension};

/// Key of the row number up to which everything was delivered.
const DELIVERED: &str = "delivered_seq";
/// Key of the row number up to which rows are sealed.
const SEALED: &str = "sealed_seq";
/// Key of the store's own id.
const INSTANCE: &str = "instance";
/// Key of the highest row number that was ever deleted.
pub(super) const RETIRED: &str = "retired_seq";

/// A step of delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Rows up to this one do not change before they are delivered.
    Sealed(i64),
    /// Rows up to this one were delivered.
    Delivered(i64),
}

/// Where delivery stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The store's own id; part of every deduplication token.
    pub(crate) instance: String,
    /// Everything up to this row was delivered.
    pub(crate) delivered: i64,
    /// Everything up to this row is sealed. Rows between `delivered` and this one are being delivered.
    pub(crate) sealed: i64,
}

/// Reads the position.
pub(crate) fn position(connection: &Connection) -> rusqlite::Result<Position> {
    Ok(Position {
        instance: text(connection, INSTANCE)?.unwrap_or_default(),
        delivered: number(connection, DELIVERED)?,
        sealed: number(connection, SEALED)?,
    })
}

/// Gives the store an id when it has none.
pub(super) fn ensure_instance(connection: &Connection) -> rusqlite::Result<()> {
    if text(connection, INSTANCE)?.is_none() {
        put(connection, INSTANCE, &uuid::Uuid::now_v7().to_string())?;
    }
    Ok(())
}

pub(super) fn apply(connection: &Connection, mark: Mark) -> rusqlite::Result<()> {
    match mark {
        Mark::Sealed(seq) => put(connection, SEALED, &seq.to_string()),
        Mark::Delivered(seq) => put(connection, DELIVERED, &seq.to_string()),
    }
}

pub(super) fn put(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute((key, value)).map(|_rows| ())
}

pub(super) fn number(connection: &Connection, key: &str) -> rusqlite::Result<i64> {
    Ok(text(connection, key)?.and_then(|value| value.parse().ok()).unwrap_or(0))
}

fn text(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
}
