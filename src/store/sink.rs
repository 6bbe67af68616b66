//! Delivery of events from the journal to ClickHouse.

pub mod clickhouse;
