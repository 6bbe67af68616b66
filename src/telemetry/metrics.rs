//! The gateway's Prometheus metrics. Labels are bounded words, never hosts, URLs or users.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// One bounded word as a label.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($field:ident),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub struct $name { $(#[doc = "A bounded word."] pub $field: &'static str),+ }
    };
}

label!(/// What a connection was accepted on and what became of it.
    Accept { listener, outcome });
label!(/// A tunnel's decision.
    Decision { decision });
label!(/// A request's protocol and verdict.
    Request { protocol, action });
label!(/// A bounded reason.
    Reason { reason });
label!(/// A named limit.
    Limit { limit });
label!(/// A result: `ok` or `failed`.
    Outcome { result });
label!(/// Which side of the gateway.
    Side { side });
label!(/// A direction of body bytes.
    Direction { direction });

/// A rule id as a label: bounded by the number of rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RuleLabel {
    /// The rule's id.
    pub rule: String,
}

/// A name and a hash that identify what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Info {
    /// The program's version.
    pub version: &'static str,
    /// The matching engine.
    pub engine: &'static str,
}

/// Every metric of the gateway.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Connections open now.
    pub connections_active: Gauge,
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
    /// Time from head to end.
    pub request_duration: Histogram,
    /// Time bodies were held for a verdict.
    pub hold: Histogram,
    /// Body bytes read by inspection.
    pub inspected: Family<Direction, Counter>,
    /// Bodies that could not be inspected to the end.
    pub uninspectable: Family<Reason, Counter>,
    /// Matches by rule.
    pub rule_matches: Family<RuleLabel, Counter>,
    /// Requests refused for ambiguous framing.
    pub framing_refused: Family<Reason, Counter>,
    /// Limits that were reached.
    pub limit_hits: Family<Limit, Counter>,
    /// Exchanges that failed.
    pub faults: Family<Reason, Counter>,
    /// Failed proxy logins.
    pub auth_failures: Counter,
    /// Reloads of rules and configuration.
    pub reloads: Family<Outcome, Counter>,
    /// When the last reload succeeded.
    pub reload_success_timestamp: Gauge,
    /// Number of rules in force.
    pub rules: Gauge,
    outside: Vec<(Outside, Shown)>,
}

/// A value that another part owns and the metrics read when they are asked.
pub struct Outside {
    /// Name without the prefix; one that ends in `_total` is a counter, any other a gauge.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// Reads it.
    pub read: Box<dyn Fn() -> i64 + Send + Sync>,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// How an outside value is exposed.
#[derive(Debug)]
enum Shown {
    Counter(Counter<u64, AtomicU64>),
    Gauge(Gauge),
}

impl Shown {
    /// The encoder appends `_total` to the name of a counter itself.
    fn register(value: &Outside, registry: &mut Registry) -> Self {
        if let Some(name) = value.name.strip_suffix("_total") {
            let counter = Counter::default();
            registry.register(name, value.help, counter.clone());
            return Self::Counter(counter);
        }
        let gauge = Gauge::default();
        registry.register(value.name, value.help, gauge.clone());
        Self::Gauge(gauge)
    }

    fn set(&self, value: i64) {
        match self {
            Self::Counter(counter) => {
                counter.inner().store(u64::try_from(value).unwrap_or(0), Ordering::Relaxed);
            }
            Self::Gauge(gauge) => {
                gauge.set(value);
            }
        }
    }
}

/// Seconds, from a tenth of a millisecond to a minute.
fn seconds() -> Histogram {
    Histogram::new([0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0])
}

impl Metrics {
    /// Registers every metric; `outside` are values read from other parts.
    pub fn new(info: Info, outside: Vec<Outside>) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("daylight"),
            connections_active: Gauge::default(),
            connections: Family::default(),
            tunnels: Family::default(),
            handshake: Family::new_with_constructor(seconds),
            verify_failures: Family::default(),
            client_handshake_failures: Family::default(),
            requests: Family::default(),
            request_duration: seconds(),
            hold: seconds(),
            inspected: Family::default(),
            uninspectable: Family::default(),
            rule_matches: Family::default(),
            framing_refused: Family::default(),
            limit_hits: Family::default(),
            faults: Family::default(),
            auth_failures: Counter::default(),
            reloads: Family::default(),
            reload_success_timestamp: Gauge::default(),
            rules: Gauge::default(),
            outside: Vec::new(),
        };
        metrics.register_traffic();
        metrics.register_operation(info);
        for value in outside {
            let shown = Shown::register(&value, &mut metrics.registry);
            metrics.outside.push((value, shown));
        }
        metrics
    }

    fn register_traffic(&mut self) {
        let r = &mut self.registry;
        r.register("connections_active", "Client connections open now", self.connections_active.clone());
        r.register("connections", "Client connections by listener and outcome", self.connections.clone());
        r.register("tunnels", "CONNECT tunnels by decision: inspect, bypass or block", self.tunnels.clone());
        r.register(
            "tls_handshake_duration_seconds",
            "TLS handshakes by side: client or origin",
            self.handshake.clone(),
        );
        r.register(
            "tls_verify_failures",
            "Origins refused for their TLS, by reason",
            self.verify_failures.clone(),
        );
        r.register(
            "tls_client_failures",
            "Handshakes that clients broke off, by reason; untrusted_ca means that the CA is not installed",
            self.client_handshake_failures.clone(),
        );
        r.register("requests", "Requests by protocol and verdict", self.requests.clone());
        r.register(
            "request_duration_seconds",
            "Time from a request's head to the end of its response",
            self.request_duration.clone(),
        );
        r.register(
            "hold_duration_seconds",
            "Time that request bodies were held for a verdict",
            self.hold.clone(),
        );
        r.register("inspect_bytes", "Body bytes read by inspection, by direction", self.inspected.clone());
        r.register(
            "inspect_truncated",
            "Bodies that could not be inspected to the end, by reason",
            self.uninspectable.clone(),
        );
        r.register("rule_matches", "Matches by rule", self.rule_matches.clone());
        r.register(
            "framing_refused",
            "Requests refused for ambiguous framing, by reason",
            self.framing_refused.clone(),
        );
        r.register("limit_hits", "How often each named limit was reached", self.limit_hits.clone());
        r.register("faults", "Exchanges that failed, by reason", self.faults.clone());
    }

    fn register_operation(&mut self, info: Info) {
        let r = &mut self.registry;
        r.register("auth_failures", "Failed proxy logins", self.auth_failures.clone());
        r.register("config_reloads", "Reloads of rules and configuration by result", self.reloads.clone());
        r.register(
            "config_last_reload_success_timestamp_seconds",
            "When rules and configuration were last loaded with success, as Unix time",
            self.reload_success_timestamp.clone(),
        );
        r.register("rules", "Rules in force", self.rules.clone());
        let build: Family<Info, Gauge> = Family::default();
        build.get_or_create(&info).set(1);
        r.register("build_info", "What runs here; always 1", build);
    }

    /// Counts a named limit that was reached.
    pub fn limit(&self, limit: &'static str) {
        self.limit_hits.get_or_create(&Limit { limit }).inc();
    }

    /// The exposition in OpenMetrics text.
    pub fn render(&self) -> String {
        for (value, shown) in &self.outside {
            shown.set((value.read)());
        }
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(std::fmt::Error) => String::new(),
        }
    }
}
