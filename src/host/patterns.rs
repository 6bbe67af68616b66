//! Host patterns of the configuration: exact names, `*.` suffixes, address literals.

use std::collections::HashMap;

/// Host patterns, each with a value.
///
/// Not `globset`: its set of 10,000 globs takes 7.6 us for one value (docs/engines.md), these take one hash look-up for each
/// label of the host however many there are.
#[derive(Clone, Debug)]
pub struct HostPatterns<T> {
    exact: HashMap<Box<str>, T>,
    suffix: HashMap<Box<str>, T>,
}

impl<T> Default for HostPatterns<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), suffix: HashMap::new() }
    }
}

impl<T> HostPatterns<T> {
    /// Adds `host`, `*.suffix` (any number of labels in front, not the suffix itself) or an address.
    pub fn insert(&mut self, pattern: &str, value: T) -> Result<(), String> {
        let (map, name) = match pattern.strip_prefix("*.") {
            Some(rest) => (&mut self.suffix, rest),
            None => (&mut self.exact, pattern),
        };
        let name = super::destination::normal_host(name).map_err(|e| {
            format!("`{pattern}` is not a host pattern: {e}; write `host.example` or `*.host.example`")
        })?;
        map.insert(name.as_ref().into(), value);
        Ok(())
    }

    /// The value of the most specific pattern that covers this (normalised) host.
    pub fn get(&self, host: &str) -> Option<&T> {
        if let Some(found) = self.exact.get(host) {
            return Some(found);
        }
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(found) = self.suffix.get(parent) {
                return Some(found);
            }
            rest = parent;
        }
        None
    }

    /// True when no pattern was added.
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.suffix.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_pattern_wins_and_suffixes_need_a_label() {
        let mut hosts = HostPatterns::default();
        for (pattern, value) in [("*.bank.example", 1), ("pay.bank.example", 2), ("192.0.2.1", 3)] {
            hosts.insert(pattern, value).unwrap();
        }
        assert_eq!(hosts.get("a.b.bank.example"), Some(&1));
        assert_eq!(hosts.get("pay.bank.example"), Some(&2));
        assert_eq!(hosts.get("192.0.2.1"), Some(&3));
        assert_eq!(hosts.get("bank.example"), None);
        assert_eq!(hosts.get("bank.example.evil.test"), None);
        assert_eq!(hosts.get("notbank.example"), None);
        assert!(hosts.insert("mcp.*", 4).is_err());
    }
}
