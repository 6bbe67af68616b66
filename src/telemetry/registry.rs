//! Where metrics get their names and descriptions. It remembers what it holds, because a family without samples is not
//! exposed, and `docs/metrics.md` must list that one too.

use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{self, Metric};

/// What every name starts with.
const PREFIX: &str = "daylight";

/// Names and describes metrics.
#[derive(Debug)]
pub struct Registry {
    exposed: registry::Registry,
    described: Vec<Described>,
}

/// A metric, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name that a query uses.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

/// The names of a label set.
pub trait Labels {
    /// In the order of the exposition.
    const NAMES: &'static [&'static str];
}

/// A metric that knows its labels.
pub trait Labelled {
    /// Names of the labels.
    const LABELS: &'static [&'static str];
}

impl Labelled for Counter {
    const LABELS: &'static [&'static str] = &[];
}

impl Labelled for Gauge {
    const LABELS: &'static [&'static str] = &[];
}

impl Labelled for Histogram {
    const LABELS: &'static [&'static str] = &[];
}

impl<L: Labels, M, C> Labelled for Family<L, M, C> {
    const LABELS: &'static [&'static str] = L::NAMES;
}

impl Registry {
    pub(super) fn new() -> Self {
        Self { exposed: registry::Registry::with_prefix(PREFIX), described: Vec::new() }
    }

    /// Adds a metric; `name` has neither the prefix nor a counter's `_total`.
    pub fn register<M>(&mut self, name: &'static str, help: &'static str, metric: M)
    where
        M: Metric + TypedMetric + Labelled,
    {
        let kind = kind::<M>();
        let total = if kind == "counter" { "_total" } else { "" };
        let name_in_queries = format!("{PREFIX}_{name}{total}");
        self.described.push(Described { name: name_in_queries, kind, labels: M::LABELS, help });
        self.exposed.register(name, help, metric);
    }

    /// Everything that was added, exposed or not.
    pub fn described(&self) -> &[Described] {
        &self.described
    }

    pub(super) fn exposed(&self) -> &registry::Registry {
        &self.exposed
    }
}

fn kind<M: TypedMetric>() -> &'static str {
    use prometheus_client::metrics::MetricType;
    match M::TYPE {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Histogram => "histogram",
        MetricType::Info | MetricType::Unknown => "unknown",
    }
}
