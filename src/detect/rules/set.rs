//! A compiled rule set.

use std::sync::Arc;

use super::atoms::Stage;
use super::expression::Expression;
use super::facts::Facts;
use super::file::Entry;
use super::index::Index;
use super::matcher::ENGINE;
use super::rule::Rule;

/// A compiled rule set: immutable, shared, and replaced as a whole.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Content hash over all rule files and the lists of hosts they name, hex.
    pub hash: Arc<str>,
    pub(super) rules: Vec<(Arc<Rule>, Expression)>,
    pub(super) facts: Facts,
    pub(super) index: Index,
    pub(super) entries: Vec<Entry>,
}

impl RuleSet {
    /// The rules in the order they were read.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|(rule, _)| rule.as_ref())
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// True when there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// What a rule was compiled to, as text for people; none when no rule has this id.
    pub fn explain(&self, id: &str) -> Option<String> {
        let mut rules = self.rules.iter().zip(&self.entries);
        let ((rule, expression), entry) = rules.find(|((rule, _), _)| &*rule.id == id)?;
        let mut text = format!(
            "{}: {}\nfile      {}\naction    {}\nseverity  {}\nengine    {}\n",
            rule.id,
            rule.title,
            rule.file.display(),
            rule.action.as_str(),
            rule.severity.as_str(),
            ENGINE,
        );
        for (name, stage) in ["names", "head", "mcp", "body"].into_iter().zip(Stage::ALL) {
            if expression.depends_on(&|atom| self.facts.stages.get(atom) == Some(&stage)) {
                text.push_str(&format!("needs     {name}\n"));
            }
        }
        for reference in &entry.references {
            text.push_str(&format!("see       {reference}\n"));
        }
        if !entry.description.is_empty() {
            text.push_str(&format!("about     {}\n", entry.description.trim()));
        }
        text.push_str(&format!("condition {expression:?}\n"));
        Some(text)
    }
}
