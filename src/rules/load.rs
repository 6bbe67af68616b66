//! Reads rule files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;

use super::compile::Compiler;
use super::file::File;
use super::{Rule, RuleSet};
use crate::yaml::{Located, Source};

/// Rules in one set.
pub const RULES_MAX: usize = 10_000;
/// Longest id.
const ID_MAX_BYTES: usize = 64;

/// Why a rule set cannot be used; the message starts with `file:line:column:`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(pub String);

impl From<Located> for LoadError {
    fn from(located: Located) -> Self {
        Self(located.to_string())
    }
}

/// Reads and compiles every `*.yaml` under the given files and folders.
pub fn load(paths: &[PathBuf]) -> Result<RuleSet, LoadError> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files)?;
    }
    files.sort();
    files.dedup();
    let sources: Result<Vec<Source>, Located> = files.iter().map(|file| Source::read(file)).collect();
    from_sources(&sources?)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), LoadError> {
    let fail = |e: std::io::Error| {
        LoadError(format!("{}: {e}: name rule files or folders that exist (`rules`)", path.display()))
    };
    if !std::fs::metadata(path).map_err(fail)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(fail)? {
        let entry = entry.map_err(fail)?.path();
        if entry.is_dir() {
            collect(&entry, files)?;
        } else if entry.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(entry);
        }
    }
    Ok(())
}

/// Compiles files that were read.
pub fn from_sources(sources: &[Source]) -> Result<RuleSet, LoadError> {
    let mut compiler = Compiler::default();
    let mut set = RuleSet::default();
    let mut hash = digest::Context::new(&digest::SHA256);
    for source in sources {
        hash.update(&source.text.len().to_be_bytes());
        hash.update(source.text.as_bytes());
        let file: File = source.parse()?;
        for entry in file.rules {
            check_id(&entry.id.value).map_err(|e| source.at(&entry.id, e))?;
            if let Some(other) = set.rules().find(|rule| *rule.id == *entry.id.value) {
                let message =
                    format!("`{}` is also the id of a rule in {}", entry.id.value, other.file.display());
                return Err(source.at(&entry.id, message).into());
            }
            if set.rules.len() == RULES_MAX {
                return Err(source
                    .at(&entry.id, format!("a rule set holds at most {RULES_MAX} rules"))
                    .into());
            }
            let expression = compiler.condition(&entry.condition, source, 0)?;
            let rule = Rule {
                id: Arc::from(entry.id.value.as_str()),
                title: Arc::from(entry.title.as_str()),
                ask: entry.action,
                severity: entry.severity,
                tags: entry.tags.clone(),
                file: source.file.clone(),
            };
            set.rules.push((rule, expression));
            set.entries.push(entry);
        }
    }
    set.facts = compiler.finish().map_err(LoadError)?;
    set.hash = hash.finish().as_ref().iter().take(8).map(|b| format!("{b:02x}")).collect();
    Ok(set)
}

fn check_id(id: &str) -> Result<(), String> {
    let letters = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if id.is_empty() || id.len() > ID_MAX_BYTES || !letters {
        return Err(format!(
            "`{id}` is not an id: up to {ID_MAX_BYTES} lower-case letters, digits and dashes"
        ));
    }
    Ok(())
}
