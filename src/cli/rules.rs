//! `daylight rules`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::{At, Failure, Outcome, load};
use crate::rules::{self, RuleSet};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List the rules
    List {
        #[command(flatten)]
        at: At,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Compile the rules
    Check(At),
    /// Run the samples inside the rules
    Test(At),
    /// Say what a rule was compiled to
    Explain {
        #[command(flatten)]
        at: At,
        /// The rule's id
        id: String,
    },
}

pub(super) fn main(verb: Verb) -> Outcome {
    match verb {
        Verb::List { at, json } => list(&read(&at)?, json),
        Verb::Check(at) => {
            let set = read(&at)?;
            writeln!(
                io::stdout(),
                "ok: {} rules, rule set {}, engine {}",
                set.len(),
                set.hash,
                rules::ENGINE
            )?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Test(at) => test(&read(&at)?),
        Verb::Explain { at, id } => {
            let set = read(&at)?;
            let text = set.explain(&id).ok_or_else(|| {
                Failure::Other(format!("there is no rule `{id}`; `daylight rules list` names them"))
            })?;
            io::stdout().write_all(text.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn read(at: &At) -> Result<RuleSet, Failure> {
    let config = load(at.config.as_deref())?;
    rules::load(&config.rules).map_err(|e| Failure::Configuration(e.to_string()))
}

fn list(set: &RuleSet, as_json: bool) -> Outcome {
    let mut out = io::stdout().lock();
    for rule in set.rules() {
        if as_json {
            let row = json!({
                "id": &*rule.id, "title": &*rule.title, "action": rule.ask.as_str(), "severity": rule.severity.as_str(),
                "tags": rule.tags, "file": rule.file,
            });
            writeln!(out, "{row}")?;
        } else {
            writeln!(
                out,
                "{:<28} {:<9} {:<9} {}",
                rule.id,
                rule.ask.as_str(),
                rule.severity.as_str(),
                rule.title
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn test(set: &RuleSet) -> Outcome {
    let report = rules::samples::run(set);
    let mut out = io::stdout().lock();
    for failure in &report.failures {
        writeln!(out, "{failure}")?;
    }
    writeln!(out, "{} rules, {} samples, {} failed", set.len(), report.samples, report.failures.len())?;
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
