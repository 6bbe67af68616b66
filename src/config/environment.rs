//! `DAYLIGHT_SECTION_KEY` in the environment overrides the file: every key of `docs/configuration.md` has its variable.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_saphyr::Spanned;

use super::raw::{ClickHouse, Raw};
use crate::yaml::{Located, Source};

/// What every variable starts with.
pub const PREFIX: &str = "DAYLIGHT_";
/// Variables that are no keys: the file itself, and the log filter.
const OTHERS: [&str; 2] = ["DAYLIGHT_CONFIG", "DAYLIGHT_LOG"];
const CLICKHOUSE_URL: &str = "DAYLIGHT_CLICKHOUSE_URL";

/// Variables and what was read of them.
pub struct Environment<'a> {
    read: &'a dyn Fn(&str) -> Option<String>,
    /// Where the next value starts. Values are read as if they followed the file's last line, one after the other: a place
    /// in one of them is then not taken for a place in the file.
    line: u64,
    applied: Vec<Variable>,
    asked: BTreeSet<String>,
}

struct Variable {
    first_line: u64,
    source: Source,
}

/// A section whose keys have variables.
pub trait Section {
    /// Overrides every key whose variable is set.
    fn apply(&mut self, section: &str, environment: &mut Environment<'_>) -> Result<(), Located>;
}

impl<'a> Environment<'a> {
    /// Variables, as `read` knows them, that override a file.
    pub fn over(file: &Source, read: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let line = u64::try_from(file.text.lines().count()).unwrap_or(u64::MAX).saturating_add(1);
        Self { read, line, applied: Vec::new(), asked: BTreeSet::new() }
    }

    /// Overrides every key whose variable is set.
    pub fn apply(&mut self, raw: &mut Raw) -> Result<(), Located> {
        raw.apply("", self)
    }

    /// Overrides one key; the value is YAML: `[a, b]` is a list.
    pub fn set<T: DeserializeOwned>(&mut self, section: &str, key: &str, to: &mut T) -> Result<(), Located> {
        let separator = if section.is_empty() { "" } else { "_" };
        let name = format!("{PREFIX}{section}{separator}{key}").to_uppercase();
        let text = (self.read)(&name);
        self.asked.insert(name.clone());
        let Some(text) = text else { return Ok(()) };
        let first_line = self.line;
        self.line = self.line.saturating_add(u64::try_from(text.lines().count()).unwrap_or(u64::MAX));
        let padding = usize::try_from(first_line - 1).unwrap_or_default();
        let shifted = Source { file: name.as_str().into(), text: "\n".repeat(padding) + &text };
        self.applied.push(Variable { first_line, source: Source { file: name.into(), text } });
        *to = shifted.parse::<Spanned<T>>().map_err(|error| self.place(error))?.value;
        Ok(())
    }

    /// Points to the variable when the mistake is in one.
    pub fn place(&self, error: Located) -> Located {
        match self.applied.iter().rev().find(|variable| variable.first_line <= error.line) {
            None => error,
            Some(Variable { first_line, source }) => {
                source.located(error.line - first_line + 1, error.column, error.message)
            }
        }
    }
}

/// Its address alone makes the section, which has no other key without a default.
impl Section for Option<ClickHouse> {
    fn apply(&mut self, section: &str, environment: &mut Environment<'_>) -> Result<(), Located> {
        if self.is_none()
            && let Some(url) = (environment.read)(CLICKHOUSE_URL)
        {
            let text = serde_json::json!({ "url": url }).to_string();
            *self = Some(Source { file: CLICKHOUSE_URL.into(), text }.parse::<ClickHouse>()?);
        }
        self.as_mut().map_or(Ok(()), |entry| entry.apply(section, environment))
    }
}

/// The first of these names that looks like a variable of ours and is none.
pub fn unknown(names: impl IntoIterator<Item = String>) -> Option<String> {
    let known = names_of_keys();
    let ours = |name: &String| name.starts_with(PREFIX);
    names.into_iter().filter(ours).find(|name| !known.contains(name) && !OTHERS.contains(&name.as_str()))
}

/// The variable of every key.
pub fn names_of_keys() -> BTreeSet<String> {
    let read = |name: &str| (name == CLICKHOUSE_URL).then(|| "http://any.example".to_owned());
    let mut environment = Environment::over(&Source { file: "defaults".into(), text: String::new() }, &read);
    // Every key is asked for; the one value that is there is good.
    match environment.apply(&mut Raw::default()) {
        Ok(()) | Err(_) => environment.asked,
    }
}
