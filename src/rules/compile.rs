//! Conditions of a file to facts and expressions.

use std::collections::BTreeMap;
use std::path::Path;

use http::header::HeaderName;
use serde_saphyr::Spanned;

use super::evaluate::{Facts, Field, Hosts, Stage};
use super::expression::{Atom, Expression};
use super::file::{Condition, HeaderCondition, McpCondition};
use super::matcher::{self, Set};
use crate::net::destination::normal_host;
use crate::yaml::{Located, Source};

/// Conditions inside each other.
const DEPTH_MAX: usize = 16;

/// Collects the facts of all rules.
#[derive(Default)]
pub(super) struct Compiler {
    facts: Facts,
    patterns: BTreeMap<Slot, (Vec<String>, Vec<Atom>)>,
    headers: BTreeMap<String, Option<Atom>>,
}

/// A field that patterns are matched against.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Host,
    Sni,
    Path,
    Query,
    ContentType,
    UserAgent,
    Header(String),
    McpSignal,
    McpMethod,
    McpVersion,
    McpTool,
    McpClient,
    Body,
}

impl Slot {
    fn stage(&self) -> Stage {
        match self {
            Self::Host | Self::Sni => Stage::Names,
            Self::Path | Self::Query | Self::ContentType | Self::UserAgent | Self::Header(_) => Stage::Head,
            Self::McpSignal | Self::McpMethod | Self::McpVersion | Self::McpTool | Self::McpClient => {
                Stage::Mcp
            }
            Self::Body => Stage::Body,
        }
    }

    /// Fields whose letters have no case.
    fn caseless(&self) -> bool {
        matches!(self, Self::Host | Self::Sni | Self::ContentType | Self::UserAgent)
    }
}

type Compiled = Result<Expression, Located>;

impl Compiler {
    /// Compiles a rule's condition.
    pub(super) fn condition(&mut self, condition: &Condition, source: &Source, depth: usize) -> Compiled {
        if depth > DEPTH_MAX {
            let message = format!("conditions are nested deeper than {DEPTH_MAX}");
            return Err(Located {
                file: source.file.clone(),
                line: 0,
                column: 0,
                message,
                text: String::new(),
            });
        }
        let mut parts = Vec::new();
        for inner in &condition.all {
            parts.push(self.condition(inner, source, depth + 1)?);
        }
        if !condition.any.is_empty() {
            let inner: Result<Vec<_>, _> =
                condition.any.iter().map(|inner| self.condition(inner, source, depth + 1)).collect();
            parts.push(Expression::Any(inner?));
        }
        if let Some(inner) = &condition.not {
            parts.push(Expression::Not(Box::new(self.condition(inner, source, depth + 1)?)));
        }
        self.names(condition, source, &mut parts)?;
        self.head(condition, source, &mut parts)?;
        if let Some(mcp) = &condition.mcp {
            self.mcp(mcp, source, &mut parts)?;
        }
        Ok(Expression::All(parts))
    }

    fn names(&mut self, c: &Condition, source: &Source, parts: &mut Vec<Expression>) -> Result<(), Located> {
        if !c.host.is_empty() || c.hosts_file.is_some() {
            let mut hosts = c.host.clone();
            if let Some(file) = &c.hosts_file {
                hosts.extend(host_list(file, source)?);
            }
            let part = self.hosts(&Slot::Host, &hosts, source)?;
            parts.push(part);
        }
        if !c.sni.is_empty() {
            let part = self.hosts(&Slot::Sni, &c.sni, source)?;
            parts.push(part);
        }
        if let Some(regex) = &c.host_regex {
            parts.push(self.regex(Slot::Host, regex, source)?);
        }
        let mut networks = Vec::new();
        for network in &c.client_network {
            let bad = |_not_cidr| {
                source.at(network, format!("`{}` is not a network such as 10.0.0.0/8", network.value))
            };
            let net = network.value.parse().map_err(bad)?;
            let atom = self.atom(Stage::Names);
            self.facts.networks.push((net, atom));
            networks.push(atom);
        }
        any(networks, parts);
        let ports = c.port.iter().map(|port| (*port, self.atom(Stage::Names))).collect::<Vec<_>>();
        any(ports.iter().map(|(_, atom)| *atom).collect(), parts);
        self.facts.ports.extend(ports);
        let users = c.user.iter().map(|user| (user.clone(), self.atom(Stage::Names))).collect::<Vec<_>>();
        any(users.iter().map(|(_, atom)| *atom).collect(), parts);
        self.facts.users.extend(users);
        let groups = c.group.iter().map(|group| (group.clone(), self.atom(Stage::Names))).collect::<Vec<_>>();
        any(groups.iter().map(|(_, atom)| *atom).collect(), parts);
        self.facts.groups.extend(groups);
        if let Some(wanted) = c.approved {
            let known = self.facts.approved;
            let atom = known.unwrap_or_else(|| self.atom(Stage::Names));
            self.facts.approved = Some(atom);
            let holds = Expression::Atom(atom);
            parts.push(if wanted { holds } else { Expression::Not(Box::new(holds)) });
        }
        Ok(())
    }

    fn head(&mut self, c: &Condition, source: &Source, parts: &mut Vec<Expression>) -> Result<(), Located> {
        let methods = c.method.iter().map(|m| (m.to_uppercase(), self.atom(Stage::Head))).collect::<Vec<_>>();
        any(methods.iter().map(|(_, atom)| *atom).collect(), parts);
        self.facts.methods.extend(methods);
        for (slot, globs) in [
            (Slot::Path, &c.path),
            (Slot::Query, &c.query),
            (Slot::ContentType, &c.content_type),
            (Slot::UserAgent, &c.user_agent),
        ] {
            self.globs(&slot, globs, source, parts)?;
        }
        for (slot, regex) in
            [(Slot::Path, &c.path_regex), (Slot::Query, &c.query_regex), (Slot::Body, &c.body_regex)]
        {
            if let Some(regex) = regex {
                parts.push(self.regex(slot, regex, source)?);
            }
        }
        for (name, wanted) in &c.header {
            self.header(name, wanted, source, parts)?;
        }
        Ok(())
    }

    fn header(
        &mut self,
        name: &str,
        wanted: &HeaderCondition,
        source: &Source,
        parts: &mut Vec<Expression>,
    ) -> Result<(), Located> {
        let lower = name.to_ascii_lowercase();
        if lower.parse::<HeaderName>().is_err() {
            let message = format!("`{name}` is not a header name");
            return Err(Located {
                file: source.file.clone(),
                line: 0,
                column: 0,
                message,
                text: String::new(),
            });
        }
        let known = self.headers.get(&lower).copied().flatten();
        let present = known.unwrap_or_else(|| self.atom(Stage::Head));
        self.headers.insert(lower.clone(), Some(present));
        let holds = Expression::Atom(present);
        parts.push(if wanted.present == Some(false) { Expression::Not(Box::new(holds)) } else { holds });
        let slot = Slot::Header(lower);
        self.globs(&slot, &wanted.glob, source, parts)?;
        if let Some(regex) = &wanted.regex {
            parts.push(self.regex(slot, regex, source)?);
        }
        Ok(())
    }

    fn mcp(
        &mut self,
        mcp: &McpCondition,
        source: &Source,
        parts: &mut Vec<Expression>,
    ) -> Result<(), Located> {
        if let Some(strength) = mcp.is_mcp {
            let atom = self.atom(Stage::Mcp);
            self.facts.strengths.push((strength, atom));
            parts.push(Expression::Atom(atom));
        }
        for (slot, globs) in [
            (Slot::McpSignal, &mcp.signal),
            (Slot::McpMethod, &mcp.method),
            (Slot::McpVersion, &mcp.protocol_version),
            (Slot::McpTool, &mcp.tool),
            (Slot::McpClient, &mcp.client),
        ] {
            self.globs(&slot, globs, source, parts)?;
        }
        Ok(())
    }

    /// Exact names and suffixes go into a map: ten thousand of them cost no more than one.
    fn hosts(&mut self, slot: &Slot, patterns: &[Spanned<String>], source: &Source) -> Compiled {
        let atom = self.atom(Stage::Names);
        let mut any = vec![Expression::Atom(atom)];
        for pattern in patterns {
            let lower = pattern.value.to_ascii_lowercase();
            let name = lower.strip_prefix("*.").unwrap_or(&lower);
            if name.contains(['*', '?']) {
                let glob = Spanned::new(lower, pattern.referenced, pattern.defined);
                any.push(self.pattern(slot.clone(), &glob, matcher::glob(&glob.value), source)?);
                continue;
            }
            let bad = |e| source.at(pattern, format!("`{}` is not a host pattern: {e}", pattern.value));
            let name = normal_host(name).map_err(bad)?;
            let hosts: &mut Hosts =
                if *slot == Slot::Sni { &mut self.facts.sni } else { &mut self.facts.host };
            let map = if lower.starts_with("*.") { &mut hosts.suffix } else { &mut hosts.exact };
            map.entry(name.as_ref().into()).or_default().push(atom);
        }
        Ok(Expression::Any(any))
    }

    fn globs(
        &mut self,
        slot: &Slot,
        globs: &[Spanned<String>],
        source: &Source,
        parts: &mut Vec<Expression>,
    ) -> Result<(), Located> {
        if globs.is_empty() {
            return Ok(());
        }
        let compiled: Result<Vec<_>, _> = globs
            .iter()
            .map(|glob| self.pattern(slot.clone(), glob, matcher::glob(&glob.value), source))
            .collect();
        parts.push(Expression::Any(compiled?));
        Ok(())
    }

    fn regex(&mut self, slot: Slot, regex: &Spanned<String>, source: &Source) -> Compiled {
        self.pattern(slot, regex, regex.value.clone(), source)
    }

    fn pattern(&mut self, slot: Slot, typed: &Spanned<String>, pattern: String, source: &Source) -> Compiled {
        let pattern = if slot.caseless() { format!("(?i){pattern}") } else { pattern };
        let bad = |e: String| source.at(typed, format!("`{}` cannot be used: {e}", typed.value));
        // `*` alone means "any value".
        if typed.value != "*" {
            matcher::check(&pattern).map_err(bad)?;
            Set::new(std::slice::from_ref(&pattern)).map_err(bad)?;
        }
        let pattern = if typed.value == "*" { ".+".into() } else { pattern };
        let atom = self.atom(slot.stage());
        let (patterns, atoms) = self.patterns.entry(slot).or_default();
        patterns.push(pattern);
        atoms.push(atom);
        Ok(Expression::Atom(atom))
    }

    fn atom(&mut self, stage: Stage) -> Atom {
        self.facts.stages.push(stage);
        self.facts.stages.len() - 1
    }

    /// Compiles the patterns of each field into one database.
    pub(super) fn finish(mut self) -> Result<Facts, String> {
        for (slot, (patterns, atoms)) in std::mem::take(&mut self.patterns) {
            let field = Field { set: Some(Set::new(&patterns)?), atoms };
            let facts = &mut self.facts;
            match slot {
                Slot::Host => facts.host.patterns = field,
                Slot::Sni => facts.sni.patterns = field,
                Slot::Path => facts.path = field,
                Slot::Query => facts.query = field,
                Slot::ContentType => facts.content_type = field,
                Slot::UserAgent => facts.user_agent = field,
                Slot::McpSignal => facts.mcp_signal = field,
                Slot::McpMethod => facts.mcp_method = field,
                Slot::McpVersion => facts.mcp_version = field,
                Slot::McpTool => facts.mcp_tool = field,
                Slot::McpClient => facts.mcp_client = field,
                Slot::Body => facts.body = field,
                Slot::Header(name) => {
                    let present = self.headers.remove(&name).flatten();
                    let name = name.parse::<HeaderName>().map_err(|e| e.to_string())?;
                    facts.headers.push((name, present, field));
                }
            }
        }
        for (name, present) in std::mem::take(&mut self.headers) {
            let name = name.parse::<HeaderName>().map_err(|e| e.to_string())?;
            self.facts.headers.push((name, present, Field::default()));
        }
        Ok(self.facts)
    }
}

fn any(atoms: Vec<Atom>, parts: &mut Vec<Expression>) {
    if !atoms.is_empty() {
        parts.push(Expression::Any(atoms.into_iter().map(Expression::Atom).collect()));
    }
}

/// A list of hosts beside the rule file: one a line, `#` starts a comment.
fn host_list(file: &Spanned<std::path::PathBuf>, source: &Source) -> Result<Vec<Spanned<String>>, Located> {
    let folder = source.file.parent().unwrap_or_else(|| Path::new("."));
    let list = Source::read(&folder.join(&file.value)).map_err(|e| source.at(file, e.to_string()))?;
    let lines = list.text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    Ok(lines
        .filter(|line| !line.is_empty())
        .map(|line| Spanned::new(line.to_owned(), file.referenced, file.defined))
        .collect())
}
