//! Compiles the conditions of rule files to expressions over facts.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::HeaderName;
use serde_saphyr::Spanned;

use super::atoms::{Atom, Stage};
use super::expression::Expression;
use super::facts::{Facts, Field};
use super::fields::{Fields, Pattern, Slot};
use super::file::{Condition, HeaderCondition, McpCondition};
use super::given::EMPTY;
use crate::detect::inspect::{Signal, evidence};
use crate::host::destination::normal_host;
use crate::yaml::{Located, Place, Source};

/// How deep conditions may be nested.
const DEPTH_MAX: usize = 8;

/// Compiles one rule after the other and collects the facts of all.
#[derive(Default)]
pub(super) struct Compiler {
    /// The file whose conditions are compiled.
    pub(super) source: Arc<Source>,
    /// The lists of hosts that were read, in the order of their rules.
    pub(super) lists: Vec<Arc<Source>>,
    facts: Facts,
    fields: Fields,
    headers: HashMap<HeaderName, usize>,
}

type Compiled = Result<Expression, Located>;
type Parts = Vec<Expression>;

impl Compiler {
    /// Compiles a rule's condition.
    pub(super) fn condition(&mut self, condition: &Spanned<Condition>, depth: usize) -> Compiled {
        if depth > DEPTH_MAX {
            let message = format!("conditions are nested deeper than {DEPTH_MAX}");
            return Err(self.source.at(condition, message));
        }
        let c = &condition.value;
        let mut parts = Parts::new();
        for inner in c.all.iter() {
            parts.push(self.condition(inner, depth + 1)?);
        }
        let mut any = Parts::new();
        for inner in c.any.iter() {
            any.push(self.condition(inner, depth + 1)?);
        }
        one_of(any, &mut parts);
        if let Some(inner) = &c.not {
            parts.push(Expression::Not(Box::new(self.condition(inner, depth + 1)?)));
        }
        self.names(c, &mut parts)?;
        self.head(c, &mut parts)?;
        if let Some(mcp) = &c.mcp {
            self.mcp(mcp, &mut parts)?;
        }
        if parts.is_empty() {
            return Err(self
                .source
                .at(condition, format!("the condition {EMPTY} (`host: [\"*\"]` is every host)")));
        }
        Ok(all(parts))
    }

    fn names(&mut self, c: &Condition, parts: &mut Parts) -> Result<(), Located> {
        let mut hosts = self.typed(&c.host);
        if let Some(file) = &c.hosts_file {
            hosts.extend(self.list(file)?);
        }
        if !hosts.is_empty() || c.hosts_file.is_some() {
            parts.push(self.hosts(Slot::Host, &hosts)?);
        }
        if !c.sni.is_empty() {
            let names = self.typed(&c.sni);
            parts.push(self.hosts(Slot::Sni, &names)?);
        }
        if let Some(regex) = &c.host_regex {
            parts.push(self.regex(Slot::Host, regex)?);
        }
        let mut networks = Parts::new();
        for network in c.client_network.iter() {
            let bad = |_not_cidr| {
                let message = format!("`{}` is not a network such as 10.0.0.0/8", network.value);
                self.source.at(network, message)
            };
            let net = network.value.parse().map_err(bad)?;
            networks.push(known(&mut self.facts.networks, net, Stage::Names, &mut self.facts.stages));
        }
        one_of(networks, parts);
        let Facts { stages, ports, users, groups, approved, .. } = &mut self.facts;
        one_of(c.port.iter().map(|port| known(ports, *port, Stage::Names, stages)), parts);
        one_of(c.user.iter().map(|user| known(users, user.clone(), Stage::Names, stages)), parts);
        one_of(c.group.iter().map(|group| known(groups, group.clone(), Stage::Names, stages)), parts);
        if let Some(wanted) = c.approved {
            let atom = *approved.get_or_insert_with(|| fresh(stages, Stage::Names));
            let holds = Expression::Atom(atom);
            parts.push(if wanted { holds } else { Expression::Not(Box::new(holds)) });
        }
        Ok(())
    }

    fn head(&mut self, c: &Condition, parts: &mut Parts) -> Result<(), Located> {
        let Facts { stages, methods, .. } = &mut self.facts;
        one_of(
            c.method.iter().map(|method| known(methods, method.to_uppercase(), Stage::Head, stages)),
            parts,
        );
        for (slot, globs) in [
            (Slot::Path, &c.path),
            (Slot::Query, &c.query),
            (Slot::ContentType, &c.content_type),
            (Slot::UserAgent, &c.user_agent),
        ] {
            self.globs(slot, globs, parts)?;
        }
        for (slot, regex) in
            [(Slot::Path, &c.path_regex), (Slot::Query, &c.query_regex), (Slot::Body, &c.body_regex)]
        {
            if let Some(regex) = regex {
                parts.push(self.regex(slot, regex)?);
            }
        }
        for (name, wanted) in c.header.iter() {
            self.header(name, wanted, parts)?;
        }
        Ok(())
    }

    fn header(
        &mut self,
        name: &HeaderName,
        wanted: &HeaderCondition,
        parts: &mut Parts,
    ) -> Result<(), Located> {
        let Facts { stages, headers, .. } = &mut self.facts;
        let index = *self.headers.entry(name.clone()).or_insert_with(|| {
            headers.push((name.clone(), fresh(stages, Stage::Head), Field::default()));
            headers.len() - 1
        });
        let Some((_, present, _)) = headers.get(index) else { return Ok(()) };
        let holds = Expression::Atom(*present);
        parts.push(if wanted.present == Some(false) { Expression::Not(Box::new(holds)) } else { holds });
        self.globs(Slot::Header(index), &wanted.glob, parts)?;
        if let Some(regex) = &wanted.regex {
            parts.push(self.regex(Slot::Header(index), regex)?);
        }
        Ok(())
    }

    fn mcp(&mut self, mcp: &Spanned<McpCondition>, parts: &mut Parts) -> Result<(), Located> {
        let before = parts.len();
        let McpCondition { is_mcp, signal, method, protocol_version, tool, client } = &mcp.value;
        if let Some(strength) = is_mcp {
            let Facts { stages, strengths, .. } = &mut self.facts;
            let known = strengths.iter().find(|(known, _)| known == strength).map(|(_, atom)| *atom);
            let atom = known.unwrap_or_else(|| {
                let atom = fresh(stages, Stage::Mcp);
                strengths.push((*strength, atom));
                atom
            });
            parts.push(Expression::Atom(atom));
        }
        let mut signals = Parts::new();
        for typed in signal.iter() {
            let signal = evidence::find(&typed.value).ok_or_else(|| self.unknown_signal(typed))?;
            let Facts { stages, signals: atoms, .. } = &mut self.facts;
            signals.push(known(atoms, signal.id, Stage::Mcp, stages));
        }
        one_of(signals, parts);
        for (slot, globs) in [
            (Slot::McpMethod, method),
            (Slot::McpVersion, protocol_version),
            (Slot::McpTool, tool),
            (Slot::McpClient, client),
        ] {
            self.globs(slot, globs, parts)?;
        }
        if parts.len() == before {
            return Err(self.source.at(mcp, format!("`mcp` {EMPTY} (`is_mcp: weak` is every trace of MCP)")));
        }
        Ok(())
    }

    fn unknown_signal(&self, typed: &Spanned<String>) -> Located {
        let list = |name: fn(&Signal) -> &str| {
            evidence::ALL.iter().map(|signal| name(signal)).collect::<Vec<_>>().join(", ")
        };
        let (ids, words) = (list(|signal| signal.id), list(|signal| signal.word));
        let name = &typed.value;
        let message =
            format!("`{name}` is not a signal; docs/signals.md describes them: {ids}; or in words: {words}");
        self.source.at(typed, message)
    }

    /// Exact names and suffixes go into a map: ten thousand of them cost no more than one.
    fn hosts(&mut self, slot: Slot, patterns: &[(String, Place)]) -> Compiled {
        let atom = fresh(&mut self.facts.stages, Stage::Names);
        let mut any = vec![Expression::Atom(atom)];
        for (typed, place) in patterns {
            let lower = typed.to_ascii_lowercase();
            let name = lower.strip_prefix("*.").unwrap_or(&lower);
            if name.contains(['*', '?']) {
                any.push(self.pattern(slot, typed, &Pattern::Glob(lower.clone()), place)?);
                continue;
            }
            let bad = |e| place.error(format!("`{typed}` is not a host pattern: {e}"));
            let name = normal_host(name).map_err(bad)?;
            let hosts = if slot == Slot::Sni { &mut self.facts.sni } else { &mut self.facts.host };
            let map = if lower.starts_with("*.") { &mut hosts.suffix } else { &mut hosts.exact };
            map.entry(name.as_ref().into()).or_default().push(atom);
        }
        Ok(Expression::Any(any))
    }

    fn globs(&mut self, slot: Slot, globs: &[Spanned<String>], parts: &mut Parts) -> Result<(), Located> {
        let mut any = Parts::new();
        for glob in globs {
            let place = self.source.place(glob);
            any.push(self.pattern(slot, &glob.value, &Pattern::Glob(glob.value.clone()), &place)?);
        }
        one_of(any, parts);
        Ok(())
    }

    fn regex(&mut self, slot: Slot, regex: &Spanned<String>) -> Compiled {
        let place = self.source.place(regex);
        self.pattern(slot, &regex.value, &Pattern::Regex(regex.value.clone()), &place)
    }

    fn pattern(&mut self, slot: Slot, typed: &str, pattern: &Pattern, place: &Place) -> Compiled {
        let stages = &mut self.facts.stages;
        let atom = self.fields.atom(slot, pattern, place, || fresh(stages, slot.stage()));
        atom.map(Expression::Atom).map_err(|e| place.error(format!("`{typed}` cannot be used: {e}")))
    }

    fn typed(&self, values: &[Spanned<String>]) -> Vec<(String, Place)> {
        values.iter().map(|typed| (typed.value.clone(), self.source.place(typed))).collect()
    }

    /// A list of hosts beside the rule file: one a line, `#` starts a comment.
    fn list(&mut self, file: &Spanned<PathBuf>) -> Result<Vec<(String, Place)>, Located> {
        let folder = self.source.file.parent().unwrap_or_else(|| Path::new("."));
        let list =
            Source::read(&folder.join(&file.value)).map_err(|e| self.source.at(file, e.to_string()))?;
        let list = Arc::new(list);
        self.lists.push(Arc::clone(&list));
        let lines = list.text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let hosts = (1_u64..).zip(lines).filter(|(_, host)| !host.is_empty());
        Ok(hosts.map(|(line, host)| (host.to_owned(), list.line(line))).collect())
    }

    /// Compiles the patterns of each field into one database.
    pub(super) fn finish(mut self) -> Result<Facts, Located> {
        self.fields.finish(&mut self.facts)?;
        Ok(self.facts)
    }
}

/// A new fact.
fn fresh(stages: &mut Vec<Stage>, stage: Stage) -> Atom {
    stages.push(stage);
    stages.len() - 1
}

/// The fact that a value is there; rules that name the same value share it.
fn known<T: Ord>(
    facts: &mut BTreeMap<T, Atom>,
    value: T,
    stage: Stage,
    stages: &mut Vec<Stage>,
) -> Expression {
    Expression::Atom(*facts.entry(value).or_insert_with(|| fresh(stages, stage)))
}

fn one_of(any: impl IntoIterator<Item = Expression>, parts: &mut Parts) {
    let any: Parts = any.into_iter().collect();
    if !any.is_empty() {
        parts.push(Expression::Any(any));
    }
}

/// All parts as one expression; a single part needs no list around it.
fn all(mut parts: Parts) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            Expression::All(parts)
        }
        None => Expression::All(parts),
    }
}
