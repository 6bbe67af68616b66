-- A store as the first builds wrote it (schema 1): nine events, the first four delivered, the others sealed for delivery.
-- Made with `.dump`; every new build has to bring it up to date.
BEGIN TRANSACTION;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  "time" TEXT, -- when the request's head (or the tunnel) arrived, UTC
  "id" TEXT, -- UUIDv7, unique over all gateways
  "gateway" TEXT, -- the gateway's name
  "client_ip" TEXT, -- the client's address
  "user" TEXT, -- the authenticated proxy user
  "groups" TEXT, -- the user's groups
  "mode" TEXT, -- intercept, connect_plain, absolute or splice
  "host" TEXT, -- the origin's host
  "sni" TEXT, -- the server name of the client's TLS hello
  "port" INTEGER, -- the origin's port
  "destination_ip" TEXT, -- the address that was dialled
  "method" TEXT, -- the request method
  "scheme" TEXT, -- http or https
  "path" TEXT, -- the request path, secrets redacted
  "query" TEXT, -- the query, secrets redacted
  "status" INTEGER, -- the status the client got
  "bytes_up" INTEGER, -- body bytes from the client
  "bytes_down" INTEGER, -- body bytes to the client
  "request_content_type" TEXT, -- the request's media type
  "response_content_type" TEXT, -- the response's media type
  "user_agent" TEXT, -- the request's User-Agent
  "client_tls" TEXT, -- TLS version between client and gateway
  "client_alpn" TEXT, -- protocol between client and gateway
  "origin_tls" TEXT, -- TLS version between gateway and origin
  "origin_alpn" TEXT, -- protocol between gateway and origin
  "ja4" TEXT, -- JA4 fingerprint of the client's TLS hello
  "verdict" TEXT, -- allow, log, inspect, redirect, block or bypass
  "reason" TEXT, -- why, in a sentence
  "rule_ids" TEXT, -- the ids of all rules that matched
  "severity" TEXT, -- the highest severity of the rules that matched
  "rule_set" TEXT, -- content hash of the rule set that judged
  "is_mcp" TEXT, -- none, weak, strong or definitive
  "mcp_signals" TEXT, -- the ids of the signals behind is_mcp
  "mcp_method" TEXT, -- the JSON-RPC method
  "mcp_tool" TEXT, -- the tool, prompt or resource the call names
  "mcp_protocol_version" TEXT, -- the MCP protocol version
  "mcp_client" TEXT, -- the name the client gives itself
  "mcp_server" TEXT, -- the name the server gives itself
  "mcp_session" TEXT, -- a keyed hash of the MCP session id
  "payload" TEXT, -- the MCP payload, redacted and capped (verdict inspect)
  "bypass_reason" TEXT, -- why a tunnel was not decrypted
  "dial_us" INTEGER, -- microseconds to resolve and connect; absent on a reused connection
  "tls_us" INTEGER, -- microseconds of the origin's TLS handshake
  "hold_us" INTEGER, -- microseconds the request body was held for a verdict
  "first_byte_us" INTEGER, -- microseconds from the request's head to the response's head
  "duration_us" INTEGER, -- microseconds from the request's head to the end of the response
  "error" TEXT -- what went wrong, and whose fault it was
);
INSERT INTO events VALUES(1,'2026-11-26T06:31:15.336369Z','01a2168d-188c-7725-9fe4-a1c156581227','gw-1','127.0.0.1',NULL,'[]','absolute','www.vendor.example',NULL,18761,'127.0.0.1','GET','http','/page',NULL,200,0,6,NULL,'text/plain','curl/7.88.1',NULL,NULL,NULL,NULL,NULL,'allow','no rule matched','[]',NULL,'20b5b51058275338','none','[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,63,NULL,NULL,4257,4342,NULL);
INSERT INTO events VALUES(2,'2026-11-26T06:31:15.348029Z','01a2168d-1894-776b-8fcf-128b044f5a17','gw-1','127.0.0.1',NULL,'[]','absolute','mcp.vendor.example',NULL,18761,'127.0.0.1','POST','http','/mcp',NULL,200,97,48,'application/x-www-form-urlencoded','application/json','curl/7.88.1',NULL,NULL,NULL,NULL,NULL,'log','rule shadow-mcp-call: MCP call to a server that is not approved','["shadow-mcp-call"]','high','20b5b51058275338','definitive','["RH8","RH9","RB2"]','tools/call','echo',NULL,NULL,NULL,NULL,NULL,NULL,276,NULL,14,824,12146,NULL);
INSERT INTO events VALUES(3,'2026-11-26T06:31:15.371036Z','01a2168d-18ab-738c-bfa1-fdd6d2b96c25','gw-1','127.0.0.1',NULL,'[]','absolute','mcp.stripe.com',NULL,18761,'127.0.0.1','GET','http','/',NULL,200,0,6,NULL,'text/plain','curl/7.88.1',NULL,NULL,NULL,NULL,NULL,'log','rule shadow-mcp-known-host: request to a known MCP server that is not approved','["shadow-mcp-known-host"]','medium','20b5b51058275338','weak','["RH9"]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,291,NULL,NULL,694,1290,NULL);
INSERT INTO events VALUES(4,'2026-11-26T06:31:15.386158Z','01a2168d-18ba-70b5-82e0-d7e467837527','gw-1','127.0.0.1',NULL,'[]','absolute','www.vendor.example',NULL,18761,NULL,'POST','http','/upload',NULL,403,1,182,'application/x-www-form-urlencoded','text/plain; charset=utf-8','curl/7.88.1',NULL,NULL,NULL,NULL,NULL,'block','rule no-uploads: an upload','["no-uploads"]','low','20b5b51058275338','none','[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,7,50,51,NULL);
INSERT INTO events VALUES(5,'2026-11-26T06:31:18.436498Z','01a2168d-24a5-7674-a5f1-535dc9a80f1e','gw-1','127.0.0.1',NULL,'[]','absolute','www.vendor.example',NULL,18761,'127.0.0.1','GET','http','/own',NULL,200,0,6,NULL,'text/plain','curl/7.88.1',NULL,NULL,NULL,NULL,NULL,'log','rule shadow-mcp-own: our own list','["shadow-mcp-own"]','low','20b5b51058275338','none','[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,264,NULL,NULL,679,5169,NULL);
INSERT INTO events VALUES(6,'2026-11-26T06:31:18.450296Z','01a2168d-24b4-7024-9f04-9e5d2643f86a','gw-1','127.0.0.1',NULL,'[]','absolute','www.vendor.example',NULL,18761,'127.0.0.1','GET','http','/break',NULL,200,0,10,NULL,NULL,'curl/7.88.1',NULL,NULL,NULL,NULL,NULL,'allow','no rule matched','[]',NULL,'20b5b51058275338','none','[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,57,NULL,NULL,2244,2423,'origin: the response''s body broke off: error reading a body from connection');
INSERT INTO events VALUES(7,'2026-11-26T06:31:18.463960Z','01a2168d-24c0-73be-b15f-2e32eed1f0ed','gw-1','127.0.0.1',NULL,'[]','absolute','www.vendor.example',NULL,1,NULL,'GET','http','/nobody',NULL,502,0,140,NULL,'text/plain; charset=utf-8','curl/7.88.1',NULL,NULL,NULL,NULL,NULL,'allow','no rule matched','[]',NULL,'20b5b51058275338','none','[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,120,120,'origin: the connection was refused');
INSERT INTO events VALUES(8,'2026-11-26T06:31:18.471752Z','01a2168d-24c7-70d3-8fa0-1079bc8c2678','gw-1','127.0.0.1',NULL,'[]','connect_plain','www.vendor.example',NULL,18761,NULL,'GET','http','/x',NULL,421,0,168,NULL,'text/plain; charset=utf-8','curl/7.88.1',NULL,NULL,NULL,NULL,NULL,'block','refused: the request is for another host than this connection','[]',NULL,'20b5b51058275338','none','[]',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,17,17,'client: the request is for another host than this connection');
INSERT INTO events VALUES(9,'2026-11-26T06:31:18.480688Z','01a2168d-24d1-73e9-8d05-fc548fb5658d','gw-1','127.0.0.1',NULL,'[]','absolute','mcp.vendor.example',NULL,18761,'127.0.0.1','POST','http','/mcp',NULL,200,97,48,'application/x-www-form-urlencoded','application/json','curl/7.88.1',NULL,NULL,NULL,NULL,NULL,'log','rule shadow-mcp-call: MCP call to a server that is not approved','["shadow-mcp-call"]','high','20b5b51058275338','definitive','["RH8","RH9","RB2"]','tools/call','echo',NULL,NULL,NULL,NULL,NULL,NULL,318,NULL,14,862,2474,NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES('delivered_seq','4');
INSERT INTO meta VALUES('instance','01a2168d-115c-74ff-af53-82377de37ad1');
INSERT INTO meta VALUES('sealed_seq','9');
CREATE INDEX events_by_time ON events (time);
CREATE INDEX detections_by_host ON events (host, time) WHERE (verdict = 'log' OR verdict = 'inspect' OR verdict = 'redirect' OR verdict = 'block');
CREATE VIEW detections AS SELECT * FROM events WHERE (verdict = 'log' OR verdict = 'inspect' OR verdict = 'redirect' OR verdict = 'block');
CREATE VIEW shadow_detections AS SELECT * FROM events WHERE (verdict = 'log' OR verdict = 'inspect' OR verdict = 'redirect' OR verdict = 'block') AND (is_mcp <> 'none' OR instr(rule_ids, '"shadow-mcp') > 0);
CREATE VIEW shadow_servers AS
SELECT host, min(time) AS first_seen, max(time) AS last_seen, count(*) AS exchanges,
  count(DISTINCT coalesce(user, client_ip)) AS users,
  group_concat(DISTINCT mcp_method) AS methods, group_concat(DISTINCT mcp_tool) AS tools,
  sum(bytes_up) AS bytes_up, sum(bytes_down) AS bytes_down,
  sum(verdict IN ('redirect', 'block')) AS stopped, sum(verdict IN ('log', 'inspect')) AS passed
FROM shadow_detections GROUP BY host;
CREATE VIEW detections_per_rule AS
SELECT rule.value AS rule_id, count(*) AS detections, count(DISTINCT host) AS hosts,
  count(DISTINCT coalesce(user, client_ip)) AS users, min(time) AS first_seen, max(time) AS last_seen
FROM events, json_each(events.rule_ids) AS rule WHERE (verdict = 'log' OR verdict = 'inspect' OR verdict = 'redirect' OR verdict = 'block') GROUP BY rule.value;
CREATE VIEW users_by_shadow_server AS
SELECT host, coalesce(user, client_ip) AS who, min(time) AS first_seen, max(time) AS last_seen, count(*) AS exchanges,
  group_concat(DISTINCT mcp_client) AS clients, group_concat(DISTINCT mcp_tool) AS tools
FROM shadow_detections GROUP BY host, coalesce(user, client_ip);
COMMIT;
PRAGMA user_version = 1;
