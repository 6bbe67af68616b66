//! Rows of the journal to the body of an `INSERT`.

use rusqlite::Connection;
use serde_json::{Map, Value};

use crate::store::event::COLUMNS;
use crate::store::journal::read::object;

/// Rows of one insert.
pub const ROWS_MAX: usize = 5_000;
/// A range ends when its rows have grown to this size.
pub const BODY_MAX_BYTES: i64 = 8 * 1024 * 1024;
/// About what the column names and punctuation of one row take.
const ROW_BYTES: i64 = 1024;

/// Where the next range ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The last row in it.
    pub last: i64,
    /// True when the range is as large as ranges get: more rows may wait.
    pub full: bool,
}

/// A range of rows, encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// The event id of the last row.
    pub last_id: String,
    /// How many rows.
    pub rows: usize,
    /// One JSON object a line.
    pub body: Vec<u8>,
}

/// Chooses the end of the range after `after`, at the latest `until`; none when there is no row.
pub fn end(connection: &Connection, after: i64, until: i64) -> rusqlite::Result<Option<End>> {
    let lengths: Vec<String> =
        COLUMNS.iter().map(|column| format!("ifnull(octet_length(\"{}\"), 0)", column.name)).collect();
    let sql = format!(
        "SELECT seq, {} FROM events WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT {ROWS_MAX}",
        lengths.join(" + ")
    );
    let (mut count, mut bytes, mut end) = (0, 0, None);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([after, until])?;
    while let Some(row) = rows.next()? {
        count += 1;
        bytes += ROW_BYTES + row.get::<_, i64>(1)?;
        let full = count == ROWS_MAX || bytes >= BODY_MAX_BYTES;
        end = Some(End { last: row.get(0)?, full });
        if full {
            break;
        }
    }
    Ok(end)
}

/// Encodes the rows after `after` up to `last`; the same rows give the same bytes.
pub fn range(connection: &Connection, after: i64, last: i64) -> rusqlite::Result<Range> {
    let names: Vec<String> = COLUMNS.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let sql =
        format!("SELECT seq, {} FROM events WHERE seq > ?1 AND seq <= ?2 ORDER BY seq", names.join(", "));
    let mut range = Range::default();
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([after, last])?;
    while let Some(row) = rows.next()? {
        let fields = object(row)?;
        range.last_id = fields.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        write_row(&mut range.body, fields);
        range.rows += 1;
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
