//! Tables and views of the embedded store.

use std::fmt::Write as _;

use rusqlite::Connection;

use crate::store::event::fields::{FIELDS, Kind};

/// Raised with every change to the tables; kept in `user_version`.
pub const VERSION: i64 = 1;

/// The verdicts that make an event a detection.
/// Not `IN`: for that, every insert would fill a table of its own to ask whether its row belongs into the partial index.
const DETECTED: &str =
    "(verdict = 'log' OR verdict = 'inspect' OR verdict = 'redirect' OR verdict = 'block')";

/// What makes a detection one of shadow MCP: evidence in the exchange, or a rule that says so by its name. The rest are
/// uploads that could not be inspected, requests with broken framing and the like.
const SHADOW: &str = "(is_mcp <> 'none' OR instr(rule_ids, '\"shadow-mcp') > 0)";

/// The statements that make an empty store.
pub fn ddl() -> String {
    let mut sql = String::from("CREATE TABLE IF NOT EXISTS events (\n  seq INTEGER PRIMARY KEY");
    for field in FIELDS {
        let kind = if field.kind == Kind::Number { "INTEGER" } else { "TEXT" };
        // Quoted: `groups` is a keyword of newer SQL.
        if write!(sql, ",\n  \"{}\" {kind} -- {}", field.name, field.help).is_err() {
            break;
        }
    }
    let sql = comments_after_commas(&sql);
    format!(
        "{sql}\n);\n\
         CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;\n\
         CREATE INDEX IF NOT EXISTS events_by_time ON events (time);\n\
         CREATE INDEX IF NOT EXISTS detections_by_host ON events (host, time) WHERE {DETECTED};\n{}",
        views()
    )
}

/// A comment runs to the end of its line, so the comma that ends a column has to stand before it.
fn comments_after_commas(sql: &str) -> String {
    let lines: Vec<&str> = sql.lines().collect();
    let last = lines.len().saturating_sub(1);
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        let line = line.trim_end_matches(',');
        let comma = if index == 0 || index == last { "" } else { "," };
        match line.split_once(" -- ") {
            Some((column, help)) => out.push_str(&format!("{column}{comma} -- {help}\n")),
            None => out.push_str(&format!("{line}{}\n", if index == 1 { "," } else { "" })),
        }
    }
    out.trim_end().to_owned()
}

/// The analysts' views.
pub fn views() -> String {
    format!(
        "DROP VIEW IF EXISTS detections;
CREATE VIEW detections AS SELECT * FROM events WHERE {DETECTED};
DROP VIEW IF EXISTS shadow_detections;
CREATE VIEW shadow_detections AS SELECT * FROM events WHERE {DETECTED} AND {SHADOW};
DROP VIEW IF EXISTS shadow_servers;
CREATE VIEW shadow_servers AS
SELECT host, min(time) AS first_seen, max(time) AS last_seen, count(*) AS exchanges,
  count(DISTINCT coalesce(user, client_ip)) AS users,
  group_concat(DISTINCT mcp_method) AS methods, group_concat(DISTINCT mcp_tool) AS tools,
  sum(bytes_up) AS bytes_up, sum(bytes_down) AS bytes_down,
  sum(verdict IN ('redirect', 'block')) AS stopped, sum(verdict IN ('log', 'inspect')) AS passed
FROM shadow_detections GROUP BY host;
DROP VIEW IF EXISTS detections_per_rule;
CREATE VIEW detections_per_rule AS
SELECT rule.value AS rule_id, count(*) AS detections, count(DISTINCT host) AS hosts,
  count(DISTINCT coalesce(user, client_ip)) AS users, min(time) AS first_seen, max(time) AS last_seen
FROM events, json_each(events.rule_ids) AS rule WHERE {DETECTED} GROUP BY rule.value;
DROP VIEW IF EXISTS users_by_shadow_server;
CREATE VIEW users_by_shadow_server AS
SELECT host, coalesce(user, client_ip) AS who, min(time) AS first_seen, max(time) AS last_seen, count(*) AS exchanges,
  group_concat(DISTINCT mcp_client) AS clients, group_concat(DISTINCT mcp_tool) AS tools
FROM shadow_detections GROUP BY host, coalesce(user, client_ip);
"
    )
}

/// Makes or migrates the tables.
pub fn migrate(connection: &Connection) -> Result<(), String> {
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|e| format!("the event store cannot be read: {e}"))?;
    if found > VERSION {
        return Err(format!(
            "the event store was written by a newer version of this program (schema {found}, known {VERSION}): \
             upgrade, or choose another folder (`data`)"
        ));
    }
    let apply = || -> rusqlite::Result<()> {
        connection.execute_batch(&ddl())?;
        connection.pragma_update(None, "user_version", VERSION)
    };
    apply().map_err(|e| format!("the event store's tables cannot be made: {e}"))
}
