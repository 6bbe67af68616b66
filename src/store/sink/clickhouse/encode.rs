//! Rows of the journal to the body of an `INSERT`.

use rusqlite::Connection;
use serde_json::{Map, Value};

use crate::store::event::COLUMNS;
use crate::store::journal::read::object;

/// Rows of one insert.
pub(crate) const ROWS_MAX: usize = 5_000;
/// A range ends when its rows have grown to this size.
pub(crate) const BODY_MAX_BYTES: i64 = 8 * 1024 * 1024;
/// Bytes that the column names and the punctuation of one row take, about.
const ROW_BYTES: i64 = 1024;

/// Where the next range ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The last row in it.
    pub(crate) last: i64,
    /// True when the range is as large as ranges get: more rows may wait.
    pub(crate) full: bool,
}

/// A range of rows, encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    /// The event id of the last row.
    pub(crate) last_id: String,
    /// How many rows.
    pub(crate) rows: usize,
    /// One JSON object a line.
    pub(crate) body: Vec<u8>,
}

/// Where the range ends that begins after row `after` and goes to row `until` at most; none when it has no row.
pub(crate) fn end(connection: &Connection, after: i64, until: i64) -> rusqlite::Result<Option<End>> {
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
pub(crate) fn range(connection: &Connection, after: i64, last: i64) -> rusqlite::Result<Range> {
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

/// Writes a row as JSON, with its time as ClickHouse reads it: `2026-11-23 21:04:05.000001`.
fn write_row(body: &mut Vec<u8>, mut fields: Map<String, Value>) {
    if let Some(Value::String(time)) = fields.get_mut("time") {
        *time = time.replace('T', " ").trim_end_matches('Z').to_owned();
    }
    body.extend_from_slice(Value::Object(fields).to_string().as_bytes());
    body.push(b'\n');
}
