//! `daylight schema`.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Subcommand;

use super::failure::Ended;
use crate::config;
use crate::config::clickhouse::{DATABASE, TTL_DAYS};
use crate::detect::rules;
use crate::store::journal;
use crate::store::sink::clickhouse;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// The tables and views of the embedded store
    Sqlite,
    /// The tables and views of ClickHouse
    Clickhouse {
        /// Cluster name: replicated and distributed tables
        #[arg(long, value_name = "NAME", value_parser = name)]
        cluster: Option<String>,
        /// Database
        #[arg(long, default_value = DATABASE, value_parser = name)]
        database: String,
        /// Days that ClickHouse keeps rows
        #[arg(long, default_value_t = TTL_DAYS.short(), value_parser = clap::value_parser!(u32).range(1..=10_000))]
        ttl_days: u32,
    },
    /// The JSON Schema of the configuration file, for editors
    Config,
    /// The JSON Schema of rule files, for editors
    Rules,
}

pub(super) fn main(verb: Verb) -> Ended {
    let mut out = io::stdout().lock();
    match verb {
        Verb::Sqlite => write!(out, "{}", journal::schema::ddl())?,
        Verb::Clickhouse { cluster, database, ttl_days } => {
            for statement in clickhouse::schema::ddl(&database, cluster.as_deref(), ttl_days) {
                writeln!(out, "{statement};\n")?;
            }
        }
        Verb::Config => writeln!(out, "{:#}", config::schema().as_value())?,
        Verb::Rules => writeln!(out, "{:#}", rules::schema().as_value())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A name that can stand in a statement.
fn name(typed: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
    clickhouse::check_name(typed)?;
    Ok(typed.to_owned())
}
