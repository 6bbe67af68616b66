//! Delivery to a real ClickHouse engine.
