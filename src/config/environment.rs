//! `DAYLIGHT_SECTION_KEY` in the environment overrides the file: every key of `docs/configuration.md` has its variable.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsString;
use std::sync::Arc;

use serde::Deserialize;

use crate::yaml::{Located, Source};

/// What every variable of a key starts with.
const PREFIX: &str = "DAYLIGHT_";
/// Variables that are no keys: the file itself, and the log filter.
const OTHERS: [&str; 2] = ["DAYLIGHT_CONFIG", "DAYLIGHT_LOG"];

/// The variables of keys, with their values.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of this process; a value that is not UTF-8 is refused.
    pub fn of_process() -> Result<Self, Located> {
        Self::among(env::vars_os())
    }

    /// Those whose names are ours among these; a value that is not UTF-8 is refused.
    fn among(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, Located> {
        let mut ours = BTreeMap::new();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else { continue };
            if !name.starts_with(PREFIX) || OTHERS.contains(&name.as_str()) {
                continue;
            }
            let value = value.into_string().map_err(|_bytes| about(&name, "is not UTF-8"))?;
            ours.insert(name, value);
        }
        Ok(Self(ours))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Variables {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }
}

/// Overrides keys, and notes which names are keys at all.
#[derive(Debug)]
pub(crate) struct Environment<'a> {
    variables: &'a Variables,
    keys: BTreeSet<String>,
}

impl<'a> Environment<'a> {
    pub(crate) fn new(variables: &'a Variables) -> Self {
        Self { variables, keys: BTreeSet::new() }
    }

    /// Overrides one key when its variable is set. The value is YAML (`[a, b]` is a list), and a mistake in it is located in
    /// the variable.
    pub(crate) fn set<T: for<'de> Deserialize<'de>>(
        &mut self,
        section: &str,
        key: &str,
        to: &mut T,
    ) -> Result<(), Located> {
        let separator = if section.is_empty() { "" } else { "_" };
        let name = format!("{PREFIX}{section}{separator}{key}").to_uppercase();
        if let Some(text) = self.variables.0.get(&name) {
            let source = Arc::new(Source { file: name.as_str().into(), text: text.clone() });
            *to = source.parse_typed().map_err(|error| match error {
                // The value as a whole is wrong.
                Located { line: 0, message, .. } => source.located(1, 1, message),
                inside => inside,
            })?;
        }
        self.keys.insert(name);
        Ok(())
    }

    /// The names of all keys that were asked for.
    pub(crate) fn keys(&self) -> &BTreeSet<String> {
        &self.keys
    }

    /// Refuses a variable that is no key: a typing error must not pass for a setting.
    pub(crate) fn refuse_unknown(&self) -> Result<(), Located> {
        match self.variables.0.keys().find(|name| !self.keys.contains(*name)) {
            None => Ok(()),
            Some(name) => Err(about(
                name,
                "no such variable; docs/configuration.md names every key, unset what is not one",
            )),
        }
    }
}

/// A problem with a variable as a whole.
fn about(name: &str, message: &str) -> Located {
    Located { file: name.into(), message: message.into(), ..Located::default() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_value_that_is_no_text_is_refused_and_other_programs_variables_are_left_alone() {
        let broken = || OsString::from_vec(vec![0xff]);
        let others = [("HOME", broken()), ("DAYLIGHT_LOG", broken()), ("DAYLIGHT_DATA", "x".into())];
        let ours = Variables::among(others.map(|(name, value)| (name.into(), value))).unwrap();
        assert_eq!(ours.0.into_keys().collect::<Vec<_>>(), ["DAYLIGHT_DATA"]);
        let error = Variables::among([("DAYLIGHT_DATA".into(), broken())]).unwrap_err().to_string();
        assert_eq!(error, "DAYLIGHT_DATA: is not UTF-8");
    }
}
