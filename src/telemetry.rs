//! Metrics and logs.

pub mod labels;
pub mod logs;
pub mod metrics;

pub use metrics::Metrics;
