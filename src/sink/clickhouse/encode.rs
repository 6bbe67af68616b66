//! Rows of the journal to the body of an `INSERT`.

use rusqlite::Connection;
use serde_json::{Map, Value};

use crate::event::fields::FIELDS;
use crate::journal::read::object;

/// Rows of one insert.
pub const ROWS_MAX: usize = 5_000;
/// A range ends when its body has grown to this size.
pub const BODY_MAX_BYTES: usize = 8 * 1024 * 1024;

/// A range of rows, encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The last row in it; 0 when there is none.
    pub last: i64,
    /// The event id of the last row.
    pub last_id: String,
    /// How many rows.
    pub rows: usize,
    /// One JSON object a line.
    pub body: Vec<u8>,
}

/// Encodes the rows after `after` up to `until`; the same rows give the same bytes.
pub fn range(connection: &Connection, after: i64, until: i64) -> rusqlite::Result<Range> {
    let names: Vec<String> = FIELDS.iter().map(|field| format!("\"{}\"", field.name)).collect();
    let sql = format!(
        "SELECT seq, {} FROM events WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT {ROWS_MAX}",
        names.join(", ")
    );
    let mut range = Range::default();
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([after, until])?;
    while let Some(row) = rows.next()? {
        let fields = object(row)?;
        range.last_id = fields.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        write_row(&mut range.body, fields);
        range.last = row.get(0)?;
        range.rows += 1;
        if range.body.len() >= BODY_MAX_BYTES {
            break;
        }
    }
    Ok(range)
}

/// ClickHouse reads `2026-11-23 21:04:05.000001`; lists and absent values are plain JSON.
fn write_row(body: &mut Vec<u8>, mut fields: Map<String, Value>) {
    if let Some(Value::String(time)) = fields.get_mut("time") {
        *time = time.replace('T', " ").trim_end_matches('Z').to_owned();
    }
    body.extend_from_slice(Value::Object(fields).to_string().as_bytes());
    body.push(b'\n');
}
