//! Metrics and logs.

pub mod labels;
pub mod logs;
pub mod metrics;
pub mod registry;

pub use metrics::Metrics;

#[cfg(test)]
mod tests;
