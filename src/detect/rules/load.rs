//! Reads rule files and compiles them to a rule set.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;

use super::compile::Compiler;
use super::file::File;
use super::index::Index;
use super::rule::Rule;
use super::set::RuleSet;
use crate::yaml::{Located, Source};

/// The most rules in one set.
pub(super) const RULES_MAX: usize = 10_000;
/// Longest id of a rule, in bytes.
const ID_MAX_BYTES: usize = 64;

/// Reads and compiles the given files, and every `*.yaml` and `*.yml` in the given folders and below.
///
/// The error is the first mistake, with its file, line and column.
pub fn load(paths: &[PathBuf]) -> Result<Arc<RuleSet>, Located> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files)?;
    }
    files.sort();
    files.dedup();
    let sources: Result<Vec<Source>, Located> = files.iter().map(|file| Source::read(file)).collect();
    from_sources(sources?)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Located> {
    let fail = |e: std::io::Error| {
        let message = format!("{e}: name rule files or folders that exist (`rules`)");
        Located { file: path.into(), message, ..Located::default() }
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

/// Compiles the texts of rule files, in this order.
pub(super) fn from_sources(sources: Vec<Source>) -> Result<Arc<RuleSet>, Located> {
    let mut compiler = Compiler::default();
    let mut set = RuleSet::default();
    let mut ids = HashMap::new();
    let mut hash = Hash(digest::Context::new(&digest::SHA256));
    for source in sources.into_iter().map(Arc::new) {
        hash.add(&source);
        compiler.source = Arc::clone(&source);
        let file: File = source.parse()?;
        for entry in file.rules {
            check_id(&entry.id.value).map_err(|e| source.at(&entry.id, e))?;
            if let Some(other) = ids.insert(entry.id.value.clone(), source.place(&entry.id)) {
                let (file, line) = (other.file().display(), other.line());
                let message = format!("`{}` is also the id of a rule at {file}:{line}", entry.id.value);
                return Err(source.at(&entry.id, message));
            }
            if set.rules.len() == RULES_MAX {
                return Err(source.at(&entry.id, format!("a rule set holds at most {RULES_MAX} rules")));
            }
            let expression = compiler.condition(&entry.condition, 0)?;
            let rule = Rule {
                id: Arc::from(entry.id.value.as_str()),
                title: Arc::from(entry.title.as_str()),
                action: entry.action,
                severity: entry.severity,
                on_approved: entry.condition.value.names_approved(),
                tags: entry.tags.iter().map(|tag| Arc::from(tag.as_str())).collect(),
                file: source.file.clone(),
            };
            set.rules.push((Arc::new(rule), expression));
            set.entries.push(entry);
        }
    }
    compiler.lists.iter().for_each(|list| hash.add(list));
    set.hash = hash.text().into();
    set.facts = compiler.finish()?;
    let expressions = set.rules.iter().map(|(_, expression)| expression);
    set.index = Index::new(expressions, &set.facts.stages, &set.facts.common());
    Ok(Arc::new(set))
}

/// A hash over the texts that a rule set was made from.
struct Hash(digest::Context);

impl Hash {
    fn add(&mut self, source: &Source) {
        self.0.update(&source.text.len().to_be_bytes());
        self.0.update(source.text.as_bytes());
    }

    fn text(self) -> String {
        const_hex::encode(self.0.finish().as_ref().get(..8).unwrap_or_default())
    }
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
