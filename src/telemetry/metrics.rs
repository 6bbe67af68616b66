//! The gateway's Prometheus metrics; `docs/metrics.md` lists them.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::labels::{
    Accept, Decision, Direction, Hash, Info, Kind, Limit, Listening, McpCall, Outcome, Reason, Request,
    RuleLabel, Side,
};
pub use super::registry::{Described, Registry};

/// A part that counts for itself.
pub trait Measured {
    /// Names and describes what it counts.
    fn register(&self, registry: &mut Registry);
}

/// Every metric of the gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Connections open now.
    pub connections_active: Family<Listening, Gauge>,
    /// Connections accepted or refused.
    pub connections: Family<Accept, Counter>,
    /// Tunnels by decision.
    pub tunnels: Family<Decision, Counter>,
    /// Handshake durations by side.
    pub handshake: Family<Side, Histogram, fn() -> Histogram>,
    /// Origins whose TLS was refused.
    pub verify_failures: Family<Reason, Counter>,
    /// Handshakes that clients broke off, by reason.
    pub client_handshake_failures: Family<Reason, Counter>,
    /// Requests by protocol and verdict.
    pub requests: Family<Request, Counter>,
    /// Exchanges that carry a method of MCP.
    pub mcp_calls: Family<McpCall, Counter>,
    /// Time from head to end.
    pub request_duration: Histogram,
    /// Time from a request's head to the decision about it.
    pub overhead: Histogram,
    /// Time that rules took for one request.
    pub rule_evaluation: Histogram,
    /// Time bodies were held for a verdict.
    pub hold: Histogram,
    /// Body bytes of requests read by inspection.
    pub inspected_up: Counter,
    /// Body bytes of responses read by inspection.
    pub inspected_down: Counter,
    /// Bodies that could not be inspected to the end.
    pub truncated: Family<Limit, Counter>,
    /// Matches by rule.
    pub rule_matches: Family<RuleLabel, Counter>,
    /// Requests refused for ambiguous framing.
    pub framing_refused: Family<Reason, Counter>,
    /// Limits that were reached.
    pub limit_hits: Family<Limit, Counter>,
    /// Exchanges that failed.
    pub faults: Family<Kind, Counter>,
    /// Failed proxy logins.
    pub auth_failures: Counter,
    /// Reloads of rules and configuration.
    pub reloads: Family<Outcome, Counter>,
    /// When the last reload succeeded.
    pub reload_success_timestamp: Gauge,
    /// The rule set in force.
    pub config: Family<Hash, Gauge>,
    /// Number of rules in force.
    pub rules: Gauge,
}

/// Seconds, from ten microseconds to a minute.
pub fn seconds() -> Histogram {
    Histogram::new([
        0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0,
    ])
}

impl Metrics {
    /// Registers every metric, and those of parts that count for themselves.
    pub fn new(info: Info, parts: &[&dyn Measured]) -> Self {
        let mut metrics = Self {
            registry: Registry::new(),
            connections_active: Family::default(),
            connections: Family::default(),
            tunnels: Family::default(),
            handshake: Family::new_with_constructor(seconds),
            verify_failures: Family::default(),
            client_handshake_failures: Family::default(),
            requests: Family::default(),
            mcp_calls: Family::default(),
            request_duration: seconds(),
            overhead: seconds(),
            rule_evaluation: seconds(),
            hold: seconds(),
            inspected_up: Counter::default(),
            inspected_down: Counter::default(),
            truncated: Family::default(),
            rule_matches: Family::default(),
            framing_refused: Family::default(),
            limit_hits: Family::default(),
            faults: Family::default(),
            auth_failures: Counter::default(),
            reloads: Family::default(),
            reload_success_timestamp: Gauge::default(),
            config: Family::default(),
            rules: Gauge::default(),
        };
        metrics.register_connections();
        metrics.register_requests();
        metrics.register_operation(info);
        for part in parts {
            part.register(&mut metrics.registry);
        }
        metrics
    }

    fn register_connections(&mut self) {
        let r = &mut self.registry;
        let help = "Client connections open now, by listener";
        r.register("connections_active", help, self.connections_active.clone());
        r.register("connections", "Client connections by listener and outcome", self.connections.clone());
        r.register(
            "tunnels",
            "CONNECT tunnels by decision: inspect, bypass, redirect or block",
            self.tunnels.clone(),
        );
        let help = "TLS handshakes by side: client or origin";
        r.register("tls_handshake_duration_seconds", help, self.handshake.clone());
        let help = "Origins refused for their TLS, by reason";
        r.register("tls_verify_failures", help, self.verify_failures.clone());
        let help = "Handshakes that clients broke off, by reason; untrusted_ca: the CA is not installed";
        r.register("tls_client_failures", help, self.client_handshake_failures.clone());
    }

    fn register_requests(&mut self) {
        let r = &mut self.registry;
        r.register("requests", "Requests by protocol and verdict", self.requests.clone());
        let help = "Exchanges that carry a method of MCP, by method and whether the server is approved";
        r.register("mcp_calls", help, self.mcp_calls.clone());
        let help = "Time from a request's head to the end of its response";
        r.register("request_duration_seconds", help, self.request_duration.clone());
        let help = "Time from a request's head to the decision about it, its body's hold included";
        r.register("gateway_overhead_seconds", help, self.overhead.clone());
        let help = "Time that inspection and rules took for a request, without the time its body was held";
        r.register("rule_eval_duration_seconds", help, self.rule_evaluation.clone());
        let help = "Time that request bodies were held for a verdict";
        r.register("hold_duration_seconds", help, self.hold.clone());
        let inspected: Family<Direction, Counter> = Family::default();
        self.inspected_up = inspected.get_or_create_owned(&Direction { direction: "request" });
        self.inspected_down = inspected.get_or_create_owned(&Direction { direction: "response" });
        r.register("inspect_bytes", "Body bytes read by inspection, by direction", inspected);
        let help = "Request bodies that could not be inspected to the end, by what was in the way";
        r.register("inspect_truncated", help, self.truncated.clone());
        r.register("rule_matches", "Matches by rule", self.rule_matches.clone());
        let help = "Requests refused before they were read, by reason: malformed, timeout, too_large, host, target or misdirected";
        r.register("framing_refused", help, self.framing_refused.clone());
        r.register("limit_hits", "How often each named limit was reached", self.limit_hits.clone());
        r.register("faults", "Exchanges that failed, by kind (RFC 9209)", self.faults.clone());
    }

    fn register_operation(&mut self, info: Info) {
        let r = &mut self.registry;
        r.register("auth_failures", "Failed proxy logins", self.auth_failures.clone());
        r.register("config_reloads", "Reloads of rules and configuration by result", self.reloads.clone());
        let help = "When rules and configuration were last loaded with success, as Unix time";
        let name = "config_last_reload_success_timestamp_seconds";
        r.register(name, help, self.reload_success_timestamp.clone());
        r.register("config_info", "The rule set in force by its hash; always 1", self.config.clone());
        r.register("rules", "Rules in force", self.rules.clone());
        let build: Family<Info, Gauge> = Family::default();
        build.get_or_create(&info).set(1);
        r.register("build_info", "What runs here; always 1", build);
    }

    /// Counts a named limit that was reached.
    pub fn limit(&self, limit: &'static str) {
        self.limit_hits.get_or_create(&Limit { limit }).inc();
    }

    /// Notes that a rule set came into force at `unix_now` seconds.
    pub fn in_force(&self, hash: &str, rules: usize, unix_now: i64) {
        self.config.clear();
        self.config.get_or_create(&Hash { hash: hash.to_owned() }).set(1);
        self.rules.set(i64::try_from(rules).unwrap_or(i64::MAX));
        self.reload_success_timestamp.set(unix_now);
    }

    /// Every metric there is, for `docs/metrics.md`.
    pub fn described(&self) -> &[Described] {
        self.registry.described()
    }

    /// The exposition in OpenMetrics text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, self.registry.exposed()) {
            Ok(()) => text,
            Err(std::fmt::Error) => String::new(),
        }
    }
}
