//! Rows: the dictionary of their columns, the embedded store, and delivery to ClickHouse.

pub mod event;
pub mod journal;
pub mod sink;
