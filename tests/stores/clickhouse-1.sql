-- The tables that the first builds made in ClickHouse (`daylight schema clickhouse`).
CREATE DATABASE IF NOT EXISTS daylight;

CREATE TABLE IF NOT EXISTS daylight.events
(
    time DateTime64(6, 'UTC') COMMENT 'when the request\'s head (or the tunnel) arrived, UTC',
    id UUID COMMENT 'UUIDv7, unique over all gateways',
    gateway LowCardinality(String) COMMENT 'the gateway\'s name',
    client_ip Nullable(String) COMMENT 'the client\'s address',
    user LowCardinality(Nullable(String)) COMMENT 'the authenticated proxy user',
    groups Array(LowCardinality(String)) COMMENT 'the user\'s groups',
    mode LowCardinality(String) COMMENT 'intercept, connect_plain, absolute or splice',
    host LowCardinality(String) COMMENT 'the origin\'s host',
    sni LowCardinality(Nullable(String)) COMMENT 'the server name of the client\'s TLS hello',
    port Nullable(UInt16) COMMENT 'the origin\'s port',
    destination_ip Nullable(String) COMMENT 'the address that was dialled',
    method LowCardinality(Nullable(String)) COMMENT 'the request method',
    scheme LowCardinality(Nullable(String)) COMMENT 'http or https',
    path Nullable(String) COMMENT 'the request path, secrets redacted',
    query Nullable(String) COMMENT 'the query, secrets redacted',
    status Nullable(UInt16) COMMENT 'the status the client got',
    bytes_up Nullable(UInt64) COMMENT 'body bytes from the client',
    bytes_down Nullable(UInt64) COMMENT 'body bytes to the client',
    request_content_type LowCardinality(Nullable(String)) COMMENT 'the request\'s media type',
    response_content_type LowCardinality(Nullable(String)) COMMENT 'the response\'s media type',
    user_agent LowCardinality(Nullable(String)) COMMENT 'the request\'s User-Agent',
    client_tls LowCardinality(Nullable(String)) COMMENT 'TLS version between client and gateway',
    client_alpn LowCardinality(Nullable(String)) COMMENT 'protocol between client and gateway',
    origin_tls LowCardinality(Nullable(String)) COMMENT 'TLS version between gateway and origin',
    origin_alpn LowCardinality(Nullable(String)) COMMENT 'protocol between gateway and origin',
    ja4 LowCardinality(Nullable(String)) COMMENT 'JA4 fingerprint of the client\'s TLS hello',
    verdict LowCardinality(String) COMMENT 'allow, log, inspect, redirect, block or bypass',
    reason Nullable(String) COMMENT 'why, in a sentence',
    rule_ids Array(LowCardinality(String)) COMMENT 'the ids of all rules that matched',
    severity LowCardinality(Nullable(String)) COMMENT 'the highest severity of the rules that matched',
    rule_set LowCardinality(String) COMMENT 'content hash of the rule set that judged',
    is_mcp LowCardinality(String) COMMENT 'none, weak, strong or definitive',
    mcp_signals Array(LowCardinality(String)) COMMENT 'the ids of the signals behind is_mcp',
    mcp_method LowCardinality(Nullable(String)) COMMENT 'the JSON-RPC method',
    mcp_tool LowCardinality(Nullable(String)) COMMENT 'the tool, prompt or resource the call names',
    mcp_protocol_version LowCardinality(Nullable(String)) COMMENT 'the MCP protocol version',
    mcp_client LowCardinality(Nullable(String)) COMMENT 'the name the client gives itself',
    mcp_server LowCardinality(Nullable(String)) COMMENT 'the name the server gives itself',
    mcp_session LowCardinality(Nullable(String)) COMMENT 'a keyed hash of the MCP session id',
    payload Nullable(String) COMMENT 'the MCP payload, redacted and capped (verdict inspect)',
    bypass_reason LowCardinality(Nullable(String)) COMMENT 'why a tunnel was not decrypted',
    dial_us Nullable(UInt64) COMMENT 'microseconds to resolve and connect; absent on a reused connection',
    tls_us Nullable(UInt64) COMMENT 'microseconds of the origin\'s TLS handshake',
    hold_us Nullable(UInt64) COMMENT 'microseconds the request body was held for a verdict',
    first_byte_us Nullable(UInt64) COMMENT 'microseconds from the request\'s head to the response\'s head',
    duration_us Nullable(UInt64) COMMENT 'microseconds from the request\'s head to the end of the response',
    error Nullable(String) COMMENT 'what went wrong, and whose fault it was'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (host, time)
TTL toDateTime(time) + INTERVAL 365 DAY
SETTINGS non_replicated_deduplication_window = 100000;

ALTER TABLE daylight.events ADD COLUMN IF NOT EXISTS time DateTime64(6, 'UTC'), ADD COLUMN IF NOT EXISTS id UUID, ADD COLUMN IF NOT EXISTS gateway LowCardinality(String), ADD COLUMN IF NOT EXISTS client_ip Nullable(String), ADD COLUMN IF NOT EXISTS user LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS groups Array(LowCardinality(String)), ADD COLUMN IF NOT EXISTS mode LowCardinality(String), ADD COLUMN IF NOT EXISTS host LowCardinality(String), ADD COLUMN IF NOT EXISTS sni LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS port Nullable(UInt16), ADD COLUMN IF NOT EXISTS destination_ip Nullable(String), ADD COLUMN IF NOT EXISTS method LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS scheme LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS path Nullable(String), ADD COLUMN IF NOT EXISTS query Nullable(String), ADD COLUMN IF NOT EXISTS status Nullable(UInt16), ADD COLUMN IF NOT EXISTS bytes_up Nullable(UInt64), ADD COLUMN IF NOT EXISTS bytes_down Nullable(UInt64), ADD COLUMN IF NOT EXISTS request_content_type LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS response_content_type LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS user_agent LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS client_tls LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS client_alpn LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS origin_tls LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS origin_alpn LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS ja4 LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS verdict LowCardinality(String), ADD COLUMN IF NOT EXISTS reason Nullable(String), ADD COLUMN IF NOT EXISTS rule_ids Array(LowCardinality(String)), ADD COLUMN IF NOT EXISTS severity LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS rule_set LowCardinality(String), ADD COLUMN IF NOT EXISTS is_mcp LowCardinality(String), ADD COLUMN IF NOT EXISTS mcp_signals Array(LowCardinality(String)), ADD COLUMN IF NOT EXISTS mcp_method LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS mcp_tool LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS mcp_protocol_version LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS mcp_client LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS mcp_server LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS mcp_session LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS payload Nullable(String), ADD COLUMN IF NOT EXISTS bypass_reason LowCardinality(Nullable(String)), ADD COLUMN IF NOT EXISTS dial_us Nullable(UInt64), ADD COLUMN IF NOT EXISTS tls_us Nullable(UInt64), ADD COLUMN IF NOT EXISTS hold_us Nullable(UInt64), ADD COLUMN IF NOT EXISTS first_byte_us Nullable(UInt64), ADD COLUMN IF NOT EXISTS duration_us Nullable(UInt64), ADD COLUMN IF NOT EXISTS error Nullable(String);

ALTER TABLE daylight.events MODIFY SETTING non_replicated_deduplication_window = 100000;

ALTER TABLE daylight.events MODIFY TTL toDateTime(time) + INTERVAL 365 DAY;

CREATE OR REPLACE VIEW daylight.detections AS SELECT * FROM daylight.events WHERE verdict IN ('log', 'inspect', 'redirect', 'block');

CREATE OR REPLACE VIEW daylight.shadow_detections AS SELECT * FROM daylight.events WHERE verdict IN ('log', 'inspect', 'redirect', 'block') AND (is_mcp <> 'none' OR arrayExists(id -> startsWith(id, 'shadow-mcp'), rule_ids));

CREATE OR REPLACE VIEW daylight.shadow_servers AS
SELECT host, min(e.time) AS first_seen, max(e.time) AS last_seen, count() AS exchanges,
  uniqExact(coalesce(user, client_ip)) AS users,
  arrayStringConcat(groupUniqArray(mcp_method), ',') AS methods, arrayStringConcat(groupUniqArray(mcp_tool), ',') AS tools,
  sum(e.bytes_up) AS bytes_up, sum(e.bytes_down) AS bytes_down,
  countIf(verdict IN ('redirect', 'block')) AS stopped, countIf(verdict IN ('log', 'inspect')) AS passed
FROM daylight.shadow_detections AS e GROUP BY host;

CREATE OR REPLACE VIEW daylight.detections_per_rule AS
SELECT arrayJoin(rule_ids) AS rule_id, count() AS detections, uniqExact(host) AS hosts,
  uniqExact(coalesce(user, client_ip)) AS users, min(time) AS first_seen, max(time) AS last_seen
FROM daylight.events WHERE verdict IN ('log', 'inspect', 'redirect', 'block') GROUP BY rule_id;

CREATE OR REPLACE VIEW daylight.users_by_shadow_server AS
SELECT host, coalesce(user, client_ip) AS who, min(e.time) AS first_seen, max(e.time) AS last_seen, count() AS exchanges,
  arrayStringConcat(groupUniqArray(mcp_client), ',') AS clients, arrayStringConcat(groupUniqArray(mcp_tool), ',') AS tools
FROM daylight.shadow_detections AS e GROUP BY host, who;

