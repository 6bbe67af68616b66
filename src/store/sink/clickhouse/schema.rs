//! The tables and views in ClickHouse.

use crate::store::event::{COLUMNS, Column};

/// Inserts whose tokens a table remembers, of all gateways together. A gateway sends one small insert a second or full ones
/// of 5,000 rows, so ten gateways that are never idle have two and a half hours to send a range again.
const DEDUPLICATION_WINDOW: u32 = 100_000;
/// How long a replicated table remembers them (the default is an hour): a gateway may be away for a week.
const DEDUPLICATION_WINDOW_SECONDS: u32 = 7 * 24 * 60 * 60;
/// The verdicts that make an event a detection.
const DETECTED: &str = "verdict IN ('log', 'inspect', 'redirect', 'block')";

/// What makes a detection one of shadow MCP, as in the embedded store.
const SHADOW: &str = "(is_mcp <> 'none' OR has(rule_tags, 'shadow'))";
/// What columns that came later hold in rows from before, and in those of gateways that are not upgraded yet: the steps of
/// the embedded store as expressions, which ClickHouse evaluates when such a row is read.
const DEFAULTS: [(&str, &str); 2] = [
    ("rule_tags", "if(arrayExists(id -> startsWith(id, 'shadow-mcp'), rule_ids), ['shadow'], [])"),
    (
        "blame",
        "if(ifNull(status, 0) = 403 AND match(ifNull(error, ''), \
         '^client: CONNECT to port |[(]destinations[.]deny[)]$|: the gateway itself listens there$'), 'policy', \
         nullIf(extract(ifNull(error, ''), '^(client|gateway|origin|policy): '), ''))",
    ),
];

/// The statements that make (or complete) the schema; each can be run again.
pub(crate) fn ddl(database: &str, cluster: Option<&str>, ttl_days: u32) -> Vec<String> {
    let on = cluster.map(|name| format!(" ON CLUSTER {name}")).unwrap_or_default();
    let table = format!("{database}.{}{on}", if cluster.is_some() { "events_local" } else { "events" });
    let ttl = format!("toDateTime(time) + INTERVAL {ttl_days} DAY");
    let window = window(cluster.is_some());
    let mut statements = vec![format!("CREATE DATABASE IF NOT EXISTS {database}{on}")];
    statements.push(format!(
        "CREATE TABLE IF NOT EXISTS {table}\n(\n{}\n)\nENGINE = {}\nPARTITION BY toYYYYMM(time)\n\
         ORDER BY (host, time)\nTTL {ttl}\nSETTINGS {window}",
        columns(),
        engine(cluster.is_some())
    ));
    if let Some(name) = cluster {
        statements.push(format!(
            "CREATE TABLE IF NOT EXISTS {database}.events{on} AS {database}.events_local \
             ENGINE = Distributed({name}, {database}, events_local, cityHash64(id))"
        ));
    }
    statements.extend(columns_added_later(database, cluster));
    // These have no effect when nothing changes.
    statements.push(format!("ALTER TABLE {table} MODIFY SETTING {window}"));
    statements.push(format!("ALTER TABLE {table} MODIFY TTL {ttl}"));
    statements.extend(views(database, &on));
    statements
}

fn engine(replicated: bool) -> &'static str {
    if replicated {
        "ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')"
    } else {
        "MergeTree"
    }
}

fn window(replicated: bool) -> String {
    if replicated {
        format!(
            "replicated_deduplication_window = {DEDUPLICATION_WINDOW}, \
             replicated_deduplication_window_seconds = {DEDUPLICATION_WINDOW_SECONDS}"
        )
    } else {
        format!("non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}")
    }
}

fn columns() -> String {
    let column =
        |column: &Column| format!("    {} COMMENT '{}'", typed(column), column.help.replace('\'', "\\'"));
    COLUMNS.iter().map(column).collect::<Vec<String>>().join(",\n")
}

/// A column's name, type and default.
fn typed(column: &Column) -> String {
    let Column { name, clickhouse, .. } = column;
    let default = DEFAULTS.iter().find(|(of, _)| of == name);
    let default = default.map(|(_, value)| format!(" DEFAULT {value}")).unwrap_or_default();
    format!("{name} {clickhouse}{default}")
}

/// Adds the columns that a table of an earlier build lacks. A column that exists stays as it is.
fn columns_added_later(database: &str, cluster: Option<&str>) -> Vec<String> {
    let tables: &[&str] = if cluster.is_some() { &["events_local", "events"] } else { &["events"] };
    let on = cluster.map(|name| format!(" ON CLUSTER {name}")).unwrap_or_default();
    tables
        .iter()
        .map(|table| {
            let columns: Vec<String> =
                COLUMNS.iter().map(|column| format!("ADD COLUMN IF NOT EXISTS {}", typed(column))).collect();
            format!("ALTER TABLE {database}.{table}{on} {}", columns.join(", "))
        })
        .collect()
}

/// The same views as in the embedded store.
fn views(database: &str, on: &str) -> Vec<String> {
    let d = database;
    vec![
        format!("CREATE OR REPLACE VIEW {d}.detections{on} AS SELECT * FROM {d}.events WHERE {DETECTED}"),
        format!(
            "CREATE OR REPLACE VIEW {d}.shadow_detections{on} AS \
             SELECT * FROM {d}.events WHERE {DETECTED} AND {SHADOW}"
        ),
        format!(
            "CREATE OR REPLACE VIEW {d}.shadow_servers{on} AS
SELECT host, min(e.time) AS first_seen, max(e.time) AS last_seen, count() AS exchanges,
  uniqExact(coalesce(user, client_ip)) AS users,
  arrayStringConcat(groupUniqArray(mcp_method), ',') AS methods, arrayStringConcat(groupUniqArray(mcp_tool), ',') AS tools,
  sum(e.bytes_up) AS bytes_up, sum(e.bytes_down) AS bytes_down,
  countIf(verdict IN ('redirect', 'block')) AS stopped, countIf(verdict IN ('log', 'inspect')) AS passed
FROM {d}.shadow_detections AS e GROUP BY host"
        ),
        format!(
            "CREATE OR REPLACE VIEW {d}.detections_per_rule{on} AS
SELECT arrayJoin(rule_ids) AS rule_id, count() AS detections, uniqExact(host) AS hosts,
  uniqExact(coalesce(user, client_ip)) AS users, min(time) AS first_seen, max(time) AS last_seen
FROM {d}.events WHERE {DETECTED} GROUP BY rule_id"
        ),
        format!(
            "CREATE OR REPLACE VIEW {d}.users_by_shadow_server{on} AS
SELECT host, coalesce(user, client_ip) AS who, min(e.time) AS first_seen, max(e.time) AS last_seen, count() AS exchanges,
  arrayStringConcat(groupUniqArray(mcp_client), ',') AS clients, arrayStringConcat(groupUniqArray(mcp_tool), ',') AS tools
FROM {d}.shadow_detections AS e GROUP BY host, who"
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_columns() {
        for (name, _) in DEFAULTS {
            assert!(COLUMNS.iter().any(|column| column.name == name), "{name}");
        }
    }

    #[test]
    fn a_cluster_gets_replicated_and_distributed_tables_on_every_node() {
        let one = ddl("daylight", None, 365).join(";\n");
        assert!(
            one.contains("ENGINE = MergeTree")
                && one.contains("non_replicated_deduplication_window = 100000")
        );
        assert!(!one.contains("ON CLUSTER"));
        let many = ddl("daylight", Some("main"), 30);
        assert!(many.iter().all(|statement| statement.contains(" ON CLUSTER main")));
        let many = many.join(";\n");
        assert!(many.contains("Distributed(main, daylight, events_local, cityHash64(id))"));
        assert!(many.contains("INTERVAL 30 DAY"));
        assert!(many.contains("replicated_deduplication_window_seconds = 604800"));
    }
}
