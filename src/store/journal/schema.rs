//! Tables and views of the embedded store.

use rusqlite::Connection;

use crate::store::event::COLUMNS;

/// The version of the tables, kept in `user_version`: that of the last of the [`STEPS`].
pub(crate) const VERSION: i64 = STEPS[STEPS.len() - 1].0;

/// The verdicts that make an event a detection.
/// `IN` would cost every insert a temporary table to find out whether its row belongs into the partial index.
const DETECTED: &str =
    "(verdict = 'log' OR verdict = 'inspect' OR verdict = 'redirect' OR verdict = 'block')";

/// What makes a detection one of shadow MCP: evidence in the exchange, or the tag of a rule that matched. The others are
/// uploads that could not be inspected, requests with broken framing and the like.
const SHADOW: &str = "(is_mcp <> 'none' OR instr(rule_tags, '\"shadow\"') > 0)";

/// The statements that make an empty store.
pub(crate) fn ddl() -> String {
    let last = COLUMNS.len() - 1;
    let mut sql = String::from("CREATE TABLE IF NOT EXISTS events (\n  seq INTEGER PRIMARY KEY,\n");
    for (index, column) in COLUMNS.iter().enumerate() {
        // A comment runs to the end of its line, so the comma stands before it. Quoted: `groups` is a keyword.
        let comma = if index == last { "" } else { "," };
        sql.push_str(&format!("  \"{}\" {}{comma} -- {}\n", column.name, column.sqlite(), column.help));
    }
    format!(
        "{sql});\n\
         CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;\n\
         CREATE INDEX IF NOT EXISTS events_by_time ON events (time);\n\
         CREATE INDEX IF NOT EXISTS detections_by_host ON events (host, time) WHERE {DETECTED};\n{}",
        views()
    )
}

/// The statements that make the views for analysts.
pub(crate) fn views() -> String {
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

/// How the tables of an older build are brought up to date: the version that a step leads to, and its statements. Released
/// steps stay as they are, because stores that took them do not take them again.
///
/// Views and indexes are made anew after the steps. `rusqlite_migration` needs an older rusqlite, and with it a second
/// SQLite.
const STEPS: [(i64, &str); 1] = [(
    2,
    "ALTER TABLE events ADD COLUMN blame TEXT;
     UPDATE events SET blame = substr(error, 1, instr(error, ': ') - 1)
     WHERE substr(error, 1, instr(error, ': ')) IN ('client:', 'gateway:', 'origin:', 'policy:');
     UPDATE events SET blame = 'policy' WHERE status = 403 AND (error LIKE 'client: CONNECT to port %'
       OR error LIKE '%(destinations.deny)' OR error LIKE '%: the gateway itself listens there');
     ALTER TABLE events ADD COLUMN rule_tags TEXT DEFAULT '[]';
     UPDATE events SET rule_tags = '[\"shadow\"]' WHERE instr(rule_ids, '\"shadow-mcp') > 0;",
)];

/// Makes the tables of an empty store, or brings those of an older build up to date: all or nothing.
pub(crate) fn migrate(connection: &Connection) -> Result<(), String> {
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
        let transaction = connection.unchecked_transaction()?;
        // A store of version 0 is empty.
        for (_, step) in STEPS.iter().filter(|(version, _)| (1..*version).contains(&found)) {
            transaction.execute_batch(step)?;
        }
        transaction.execute_batch(&ddl())?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()
    };
    apply().map_err(|e| format!("the event store's tables cannot be made: {e}"))
}

#[cfg(test)]
mod tests;
