//! `daylight events` and `daylight sql`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::at::At;
use super::failure::{Ended, Failure};
use crate::store::event::time_text;
use crate::store::journal::read::{Filter, Found, Reader, Table};

/// How often `--follow` looks for new rows.
const FOLLOW: Duration = Duration::from_millis(250);
/// Rows read at once while following.
const FOLLOW_ROWS: usize = 10_000;

#[derive(Debug, clap::Args)]
pub(super) struct Events {
    #[command(flatten)]
    at: At,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Go on with new events
    #[arg(long, short)]
    follow: bool,
    /// Not before this time: 2026-11-23, 2026-11-23T08:00:00Z, or how long ago: 15m, 2h, 7d
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<String>,
    /// This host, or *.suffix
    #[arg(long)]
    host: Option<String>,
    /// This user
    #[arg(long)]
    user: Option<String>,
    /// This verdict
    #[arg(long, value_parser = ["allow", "log", "inspect", "redirect", "block", "bypass"])]
    verdict: Option<String>,
    /// This rule among those that matched
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// Only detections
    #[arg(long)]
    detections: bool,
    /// Only exchanges with evidence of MCP
    #[arg(long)]
    mcp: bool,
    /// At most this many, the newest
    #[arg(long, short = 'n', default_value_t = 1000)]
    limit: usize,
}

#[derive(Debug, clap::Args)]
pub(super) struct Sql {
    #[command(flatten)]
    at: At,
    /// One JSON object a line; a column name that comes again gets a number: host, host_2
    #[arg(long)]
    json: bool,
    /// The statement
    statement: String,
}

/// A text that is no time.
#[derive(Debug, thiserror::Error)]
#[error("not a time such as 2026-11-23, 2026-11-23T08:00:00Z, or 15m, 2h, 7d for so long ago")]
struct NotATime;

/// Reads a time and gives it as the store writes it.
fn moment(text: &str) -> Result<String, NotATime> {
    let read = if let Some(ago) = ago(text) {
        OffsetDateTime::now_utc().checked_sub(ago)
    } else {
        let day = format!("{text}T00:00:00Z");
        OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(&day, &Rfc3339)).ok()
    };
    let us = read.and_then(|time| i64::try_from(time.unix_timestamp_nanos() / 1000).ok());
    us.map(time_text).ok_or(NotATime)
}

/// `15m`, `2h`, `7d`.
fn ago(text: &str) -> Option<time::Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some(time::Duration::seconds(number.parse::<u32>().ok().map(i64::from)?.checked_mul(seconds)?))
}

impl Events {
    pub(super) fn main(self) -> Ended {
        let reader = open(&self.at)?;
        let mut filter = Filter {
            since: self.since,
            until: self.until,
            host: self.host,
            user: self.user,
            verdict: self.verdict,
            rule: self.rule,
            detections: self.detections,
            mcp: self.mcp,
            after: None,
            limit: self.limit,
        };
        let mut out = io::stdout().lock();
        loop {
            let (found, last) = next(&reader, &filter)?;
            filter.after = Some(last);
            found.iter().try_for_each(|found| print(&mut out, found, self.json))?;
            out.flush()?;
            if !self.follow {
                return Ok(ExitCode::SUCCESS);
            }
            filter.limit = FOLLOW_ROWS;
            std::thread::park_timeout(FOLLOW);
        }
    }
}

impl Sql {
    pub(super) fn main(self) -> Ended {
        let mut reader = open(&self.at)?;
        let table = reader.sql(&self.statement).map_err(Failure::store)?;
        let mut out = io::stdout().lock();
        if self.json {
            let names = distinct(&table.columns);
            for row in table.rows {
                let object: Map<String, Value> = names.iter().cloned().zip(row).collect();
                writeln!(out, "{}", Value::Object(object))?;
            }
        } else {
            aligned(&mut out, &table)?;
        }
        if table.cut {
            writeln!(io::stderr(), "daylight: the result was cut; add a LIMIT")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The names in order, each once: an object has one value for a name.
fn distinct(columns: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(columns.len());
    for column in columns {
        let numbered = (2..).map(|number| format!("{column}_{number}"));
        let mut candidates = std::iter::once(column.clone()).chain(numbered);
        names.extend(candidates.find(|name| !names.contains(name)));
    }
    names
}

fn open(at: &At) -> Result<Reader, Failure> {
    let config = at.load()?;
    Reader::open(&config.journal.dir).map_err(Failure::store)
}

/// The events that pass, and the row to go on after: the last one that was looked at, whether it passed or not.
fn next(reader: &Reader, filter: &Filter) -> Result<(Vec<Found>, i64), Failure> {
    let looked_at =
        reader.last().map_err(|e| Failure::store(format!("the event store cannot be read: {e}")))?;
    let found = reader.events(filter).map_err(Failure::store)?;
    let last = found.last().map_or(0, |found| found.seq);
    let cut = filter.after.is_some() && found.len() == filter.limit;
    Ok((found, if cut { last } else { last.max(looked_at) }))
}

fn print(out: &mut impl Write, found: &Found, json: bool) -> io::Result<()> {
    if json {
        return writeln!(out, "{}", Value::Object(found.fields.clone()));
    }
    let of = |name: &str| match found.fields.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(value) => text(value),
    };
    writeln!(
        out,
        "{} {:<8} {:<3} {} {}{} {} {} {}",
        of("time"),
        of("verdict"),
        of("status"),
        of("method"),
        of("host"),
        of("path"),
        of("mcp_method"),
        of("mcp_tool"),
        if found.fields.get("error").is_some_and(|error| !error.is_null()) {
            of("error")
        } else {
            of("reason")
        },
    )
}

fn aligned(out: &mut impl Write, table: &Table) -> io::Result<()> {
    let rows: Vec<Vec<String>> = table.rows.iter().map(|row| row.iter().map(text).collect()).collect();
    let width = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index)).chain(table.columns.get(index));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    for row in std::iter::once(&table.columns).chain(&rows) {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        // Control characters from the network must not reach a terminal.
        Value::String(text) => text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::event::Event;
    use crate::store::journal::{Journal, Settings, WhenFull};
    use crate::verdict::Verdict;

    #[test]
    fn columns_keep_their_order_and_equal_names_their_values() {
        let columns = ["host", "count", "host", "host_2", "host"].map(str::to_owned);
        let names = distinct(&columns);
        assert_eq!(names, ["host", "count", "host_2", "host_2_2", "host_3"]);
        let object: Map<String, Value> = names.into_iter().zip((1..=5).map(Value::from)).collect();
        let line = r#"{"host":1,"count":2,"host_2":3,"host_2_2":4,"host_3":5}"#;
        assert_eq!(Value::Object(object).to_string(), line);
    }

    #[tokio::test]
    async fn a_follower_goes_on_after_what_it_has_looked_at_and_skips_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (max_age_days, max_bytes, when_full) = (10_000, 1 << 30, WhenFull::Block);
        let settings =
            Settings { dir: dir.path().into(), max_age_days, max_bytes, when_full, deliver: false };
        let journal = Journal::open(settings).unwrap();
        for verdict in [Verdict::Block, Verdict::Block, Verdict::Block, Verdict::Allow] {
            journal.append(Event { time_us: 1_795_467_845_000_000, verdict, ..Event::default() });
        }
        journal.close().await;
        let reader = Reader::open(dir.path()).unwrap();
        let step = |after, limit, verdict: &str| {
            let filter = Filter { after, limit, verdict: Some(verdict.into()), ..Filter::default() };
            let (found, last) = next(&reader, &filter).unwrap();
            (found.len(), last)
        };
        assert_eq!(step(None, 10, "log"), (0, 4), "nothing passes, all was looked at");
        assert_eq!(step(None, 2, "block"), (2, 4), "the newest two; the oldest is not wanted");
        assert_eq!(step(Some(0), 2, "block"), (2, 2), "more may follow");
        assert_eq!(step(Some(2), 2, "block"), (1, 4));
    }
}
