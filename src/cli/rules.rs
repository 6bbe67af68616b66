//! `daylight rules`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;

use super::at::At;
use super::failure::{Ended, Failure};
use crate::detect::rules::{self, RuleSet};
use crate::yaml::Located;

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
    Check {
        #[command(flatten)]
        at: At,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Run the samples inside the rules
    Test {
        #[command(flatten)]
        at: At,
        /// One JSON object a line, for each sample
        #[arg(long)]
        json: bool,
    },
    /// Say what a rule was compiled to
    Explain {
        #[command(flatten)]
        at: At,
        /// The rule's id
        id: String,
    },
}

pub(super) fn main(verb: Verb) -> Ended {
    match verb {
        Verb::List { at, json } => list(&*read(&at)?, json),
        Verb::Check { at, json } => check(&at, json),
        Verb::Test { at, json } => test(&read(&at)?, json),
        Verb::Explain { at, id } => {
            let set = read(&at)?;
            let text = set.explain(&id).ok_or(Failure::NoSuchRule(id))?;
            io::stdout().write_all(text.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn read(at: &At) -> Result<Arc<RuleSet>, Failure> {
    Ok(read_rules(at)??)
}

/// The rules that the configuration names, or the mistake in them.
fn read_rules(at: &At) -> Result<Result<Arc<RuleSet>, Located>, Failure> {
    Ok(rules::load(&at.load()?.rules))
}

fn check(at: &At, as_json: bool) -> Ended {
    let set = match read_rules(at)? {
        Ok(set) => set,
        Err(mistake) => {
            if as_json {
                let Located { file, line, column, message, text } = &mistake;
                let row = json!({
                    "ok": false, "file": file, "line": line, "column": column, "message": message, "text": text,
                });
                writeln!(io::stdout(), "{row}")?;
            }
            return Err(mistake.into());
        }
    };
    if as_json {
        let row = json!({"ok": true, "rules": set.len(), "rule_set": &*set.hash, "engine": rules::ENGINE});
        writeln!(io::stdout(), "{row}")?;
    } else {
        writeln!(io::stdout(), "ok: {} rules, rule set {}, engine {}", set.len(), set.hash, rules::ENGINE)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(set: &RuleSet, as_json: bool) -> Ended {
    let mut out = io::stdout().lock();
    for rule in set.rules() {
        if as_json {
            let row = json!({
                "id": &*rule.id, "title": &*rule.title, "action": rule.action.as_str(), "severity": rule.severity.as_str(),
                "tags": rule.tags.iter().map(|tag| &**tag).collect::<Vec<&str>>(), "file": rule.file,
            });
            writeln!(out, "{row}")?;
        } else {
            writeln!(
                out,
                "{:<28} {:<9} {:<9} {}",
                rule.id,
                rule.action.as_str(),
                rule.severity.as_str(),
                rule.title
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn test(set: &Arc<RuleSet>, as_json: bool) -> Ended {
    let outcomes = rules::samples::run(set);
    let failed = outcomes.iter().filter(|outcome| outcome.problem.is_some());
    let mut out = io::stdout().lock();
    if as_json {
        for outcome in &outcomes {
            let row = json!({
                "rule": &*outcome.rule.id, "file": outcome.rule.file, "line": outcome.line, "list": outcome.list,
                "index": outcome.index, "ok": outcome.problem.is_none(), "problem": outcome.problem,
            });
            writeln!(out, "{row}")?;
        }
    } else {
        for failure in failed.clone() {
            writeln!(out, "{failure}")?;
        }
        let samples = outcomes.iter().filter(|outcome| outcome.index.is_some()).count();
        writeln!(out, "{} rules, {samples} samples, {} failed", set.len(), failed.clone().count())?;
    }
    Ok(if failed.count() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
