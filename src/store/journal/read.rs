//! Reads the store: filtered events, free SQL, ranges for delivery. Read-only connections beside the writer.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row, ToSql};
use serde_json::{Map, Value};

use super::files::FILE;
use crate::store::event::{COLUMNS, Column, Kind};

/// Most rows that one free query returns.
pub(crate) const SQL_ROWS_MAX: usize = 100_000;
/// Longest time of one free query.
pub(crate) const SQL_TIME_MAX: Duration = Duration::from_secs(60);
/// Instructions of SQLite's virtual machine between two looks at the clock.
const PROGRESS_OPS: i32 = 10_000;

/// A read-only view of a store.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    /// What is selected of `events`, in the order of the dictionary.
    columns: String,
}

/// Which events to read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Not before this RFC 3339 time.
    pub(crate) since: Option<String>,
    /// Before this RFC 3339 time.
    pub(crate) until: Option<String>,
    /// This host, or `*.suffix`.
    pub(crate) host: Option<String>,
    /// This user.
    pub(crate) user: Option<String>,
    /// This verdict.
    pub(crate) verdict: Option<String>,
    /// This rule among those that matched.
    pub(crate) rule: Option<String>,
    /// Only detections.
    pub(crate) detections: bool,
    /// Only exchanges with evidence of MCP.
    pub(crate) mcp: bool,
    /// Only rows after this one.
    pub(crate) after: Option<i64>,
    /// At most this many: the newest, or after a row the ones that follow it.
    pub(crate) limit: usize,
}

/// A row of events: its number and its columns as JSON, in the order of the dictionary.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    /// Its row number.
    pub(crate) seq: i64,
    /// Its columns, absent ones as null.
    pub(crate) fields: Map<String, Value>,
}

/// The result of free SQL.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    /// Names of the columns.
    pub(crate) columns: Vec<String>,
    /// Values of the rows, in the order of the columns.
    pub(crate) rows: Vec<Vec<Value>>,
    /// True when [`SQL_ROWS_MAX`] cut the result.
    pub(crate) cut: bool,
}

impl Reader {
    /// Opens the store of a data folder.
    pub(crate) fn open(dir: &Path) -> Result<Self, String> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Err(format!(
                "there is no event store in {}: start the gateway once, or name its folder with --config",
                dir.display()
            ));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(&path, flags)?;
            connection.execute_batch("PRAGMA query_only = ON; PRAGMA busy_timeout = 5000;")?;
            Ok(connection)
        };
        let read = || -> rusqlite::Result<Self> {
            let connection = open()?;
            let columns = columns(&connection)?;
            Ok(Self { connection, columns })
        };
        read().map_err(|e| format!("cannot open {}: {e}", path.display()))
    }

    /// The connection, for other readers of the store.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The number of the last row; 0 when there is none.
    pub(crate) fn last(&self) -> rusqlite::Result<i64> {
        let last: Option<i64> =
            self.connection.query_row("SELECT max(seq) FROM events", [], |row| row.get(0))?;
        Ok(last.unwrap_or(0))
    }

    /// The events that pass the filter, oldest first.
    pub(crate) fn events(&self, filter: &Filter) -> Result<Vec<Found>, String> {
        let (sql, parameters) = filter.sql(&self.columns);
        let read = || -> rusqlite::Result<Vec<Found>> {
            let mut statement = self.connection.prepare(&sql)?;
            let parameters: Vec<&dyn ToSql> = parameters.iter().map(|p| p as &dyn ToSql).collect();
            let rows = statement
                .query_map(&*parameters, |row| Ok(Found { seq: row.get(0)?, fields: object(row)? }))?;
            rows.collect()
        };
        let mut found = read().map_err(|e| format!("the event store cannot be read: {e}"))?;
        found.sort_by_key(|found| found.seq);
        Ok(found)
    }

    /// Runs one read-only statement.
    pub(crate) fn sql(&mut self, sql: &str) -> Result<Table, String> {
        let started = Instant::now();
        let over = move || started.elapsed() > SQL_TIME_MAX;
        let said = |e: rusqlite::Error| match e {
            rusqlite::Error::SqliteFailure(inner, _)
                if inner.code == rusqlite::ErrorCode::OperationInterrupted =>
            {
                format!("the query took longer than {} seconds and was stopped", SQL_TIME_MAX.as_secs())
            }
            other => other.to_string(),
        };
        self.connection.progress_handler(PROGRESS_OPS, Some(over)).map_err(said)?;
        let read = || -> rusqlite::Result<Table> {
            let mut statement = self.connection.prepare(sql)?;
            let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut table = Table { columns, ..Table::default() };
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if table.rows.len() == SQL_ROWS_MAX {
                    table.cut = true;
                    break;
                }
                let values: rusqlite::Result<Vec<Value>> =
                    (0..table.columns.len()).map(|index| Ok(plain(row.get_ref(index)?))).collect();
                table.rows.push(values?);
            }
            Ok(table)
        };
        read().map_err(said)
    }
}

impl Filter {
    /// The statement and its parameters.
    fn sql(&self, columns: &str) -> (String, Vec<String>) {
        // With a limit of time, the newest by time: the index on times then ends the search early.
        let order = match self {
            Self { after: Some(_), .. } => "seq",
            Self { since: None, until: None, .. } => "seq DESC",
            Self { .. } => "time DESC, seq DESC",
        };
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let (conditions, parameters) = self.conditions();
        let sql = format!(
            "SELECT seq, {columns} FROM events WHERE {} ORDER BY {order} LIMIT {limit}",
            conditions.join(" AND ")
        );
        (sql, parameters)
    }

    fn conditions(&self) -> (Vec<String>, Vec<String>) {
        let mut conditions = vec!["TRUE".to_owned()];
        conditions.extend(self.after.map(|after| format!("seq > {after}")));
        let mut parameters = Vec::new();
        let mut equal = |condition: &str, value: &Option<String>| {
            if let Some(value) = value {
                parameters.push(value.clone());
                conditions.push(condition.replace('?', &format!("?{}", parameters.len())));
            }
        };
        equal("time >= ?", &self.since);
        equal("time < ?", &self.until);
        equal("user = ?", &self.user);
        equal("verdict = ?", &self.verdict);
        equal("EXISTS (SELECT 1 FROM json_each(rule_ids) WHERE value = ?)", &self.rule);
        match self.host.as_deref().map(|host| (host, host.strip_prefix('*'))) {
            Some((_, Some(suffix))) => equal("substr(host, -length(?)) = ?", &Some(suffix.to_owned())),
            Some((host, None)) => equal("host = ?", &Some(host.to_owned())),
            None => {}
        }
        if self.detections {
            conditions.push("verdict IN ('log', 'inspect', 'redirect', 'block')".into());
        }
        if self.mcp {
            conditions.push("is_mcp <> 'none'".into());
        }
        (conditions, parameters)
    }
}

/// The columns that a store has, and absent ones for those that it lacks: a build may read the store of an older one, which
/// may still be running and writing it.
fn columns(connection: &Connection) -> rusqlite::Result<String> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info('events')")?;
    let there: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let select = |column: &Column| {
        let is_there = there.iter().any(|name| name == column.name);
        if is_there { format!("\"{}\"", column.name) } else { "NULL".to_owned() }
    };
    Ok(COLUMNS.iter().map(select).collect::<Vec<String>>().join(", "))
}

/// The columns of a row whose first column is the row number.
pub(crate) fn object(row: &Row<'_>) -> rusqlite::Result<Map<String, Value>> {
    let mut map = Map::new();
    for (index, column) in COLUMNS.iter().enumerate() {
        let value = plain(row.get_ref(index + 1)?);
        let value = match (column.kind, value) {
            (Kind::Words, list) => {
                let list = list.as_str().and_then(|list| serde_json::from_str(list).ok());
                list.unwrap_or(Value::Array(Vec::new()))
            }
            (_, value) => value,
        };
        map.insert(column.name.to_owned(), value);
    }
    Ok(map)
}

fn plain(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
        ValueRef::Blob(blob) => format!("{} bytes", blob.len()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::journal::schema;

    #[test]
    fn a_question_about_a_time_reads_only_that_time() {
        let connection = Connection::open_in_memory().unwrap();
        schema::migrate(&connection).unwrap();
        let plan = |filter: Filter| -> String {
            let (sql, parameters) = filter.sql("*");
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let lines =
                statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get(3)).unwrap();
            lines.collect::<rusqlite::Result<Vec<String>>>().unwrap().join("; ")
        };
        let (since, until) = (Some("2026-11-23".to_owned()), Some("2026-11-24".to_owned()));
        let search = "SEARCH events USING INDEX events_by_time (time>? AND time<?)";
        assert_eq!(plan(Filter { since: since.clone(), until, mcp: true, ..Filter::default() }), search);
        let search = "SEARCH events USING INTEGER PRIMARY KEY (rowid>?)";
        assert_eq!(plan(Filter { since, after: Some(7), ..Filter::default() }), search);
    }
}
