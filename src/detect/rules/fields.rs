//! Collects the patterns of all rules by the field they are matched against, and compiles each field's patterns together.

use std::collections::{BTreeMap, HashMap};

use super::atoms::{Atom, Stage};
use super::facts::{Facts, Field};
use super::matcher::{self, Glob, Set, glob};
use crate::yaml::{Located, Place};

/// A field with at most so many patterns, all of them globs, does without the engine; for more, one pass of it costs
/// less (`matcher::glob` has the figures).
const GLOBS_MAX: usize = 4;
/// Of these, globs with a `?`: each costs as much as a pass of the engine.
const WILD_MAX: usize = 1;

/// A pattern as it stands in the rule file.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    Glob(String),
    Regex(String),
}

impl Pattern {
    fn regex(&self) -> String {
        match self {
            Self::Glob(typed) => glob::regex(typed),
            Self::Regex(regex) => regex.clone(),
        }
    }

    fn glob(&self, caseless: bool) -> Option<Glob> {
        match self {
            Self::Glob(glob) => Glob::of(glob, caseless),
            Self::Regex(_) => None,
        }
    }
}

/// A field that patterns are matched against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    Host,
    Sni,
    Path,
    Query,
    ContentType,
    UserAgent,
    /// A header, by its position in `Facts::headers`.
    Header(usize),
    McpMethod,
    McpVersion,
    McpTool,
    McpClient,
    Body,
}

impl Slot {
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::Host | Self::Sni => Stage::Names,
            Self::Path | Self::Query | Self::ContentType | Self::UserAgent | Self::Header(_) => Stage::Head,
            Self::McpMethod | Self::McpVersion | Self::McpTool | Self::McpClient => Stage::Mcp,
            Self::Body => Stage::Body,
        }
    }

    /// True for fields whose letters have no case.
    fn caseless(self) -> bool {
        matches!(self, Self::Host | Self::Sni | Self::ContentType | Self::UserAgent)
    }

    fn of(self, facts: &mut Facts) -> Option<&mut Field> {
        Some(match self {
            Self::Host => &mut facts.host.patterns,
            Self::Sni => &mut facts.sni.patterns,
            Self::Path => &mut facts.path,
            Self::Query => &mut facts.query,
            Self::ContentType => &mut facts.content_type,
            Self::UserAgent => &mut facts.user_agent,
            Self::Header(index) => return facts.headers.get_mut(index).map(|(_, _, field)| field),
            Self::McpMethod => &mut facts.mcp_method,
            Self::McpVersion => &mut facts.mcp_version,
            Self::McpTool => &mut facts.mcp_tool,
            Self::McpClient => &mut facts.mcp_client,
            Self::Body => &mut facts.body,
        })
    }
}

/// The patterns of all fields.
#[derive(Debug, Default)]
pub(super) struct Fields {
    by_slot: BTreeMap<Slot, Patterns>,
}

/// The patterns of one field; each with its fact and the place where it was first written.
#[derive(Debug, Default)]
struct Patterns {
    /// For each, the glob that it is, if it can be compared without the engine.
    globs: Vec<Option<Glob>>,
    regexes: Vec<String>,
    atoms: Vec<Atom>,
    places: Vec<Place>,
    known: HashMap<String, Atom>,
}

impl Fields {
    /// The fact that a pattern proves, `fresh` when nobody else needs it yet; rules that say the same share one.
    pub(super) fn atom(
        &mut self,
        slot: Slot,
        pattern: &Pattern,
        place: &Place,
        fresh: impl FnOnce() -> Atom,
    ) -> Result<Atom, String> {
        let regex = pattern.regex();
        let regex = if slot.caseless() { format!("(?i){regex}") } else { regex };
        let patterns = self.by_slot.entry(slot).or_default();
        if let Some(atom) = patterns.known.get(&regex) {
            return Ok(*atom);
        }
        matcher::check(&regex)?;
        let atom = fresh();
        patterns.known.insert(regex.clone(), atom);
        patterns.globs.push(pattern.glob(slot.caseless()));
        patterns.regexes.push(regex);
        patterns.atoms.push(atom);
        patterns.places.push(place.clone());
        Ok(atom)
    }

    /// Compiles the patterns of each field into one database.
    pub(super) fn finish(self, facts: &mut Facts) -> Result<(), Located> {
        for (slot, patterns) in self.by_slot {
            let compiled = patterns.compile()?;
            if let Some(field) = slot.of(facts) {
                *field = compiled;
            }
        }
        Ok(())
    }
}

impl Patterns {
    fn compile(self) -> Result<Field, Located> {
        let all: Option<Vec<Glob>> = self.globs.iter().cloned().collect();
        let wild = |all: &[Glob]| all.iter().filter(|glob| matches!(glob, Glob::Wild(_))).count();
        if let Some(all) = all.filter(|all| all.len() <= GLOBS_MAX && wild(all) <= WILD_MAX) {
            return Ok(Field { globs: all.into_iter().zip(self.atoms).collect(), ..Field::default() });
        }
        let set = Set::new(&self.regexes).map_err(|e| self.blame(&e))?;
        Ok(Field { set: Some(set), atoms: self.atoms, ..Field::default() })
    }

    /// Finds the pattern that the engine refuses.
    fn blame(&self, together: &str) -> Located {
        for (regex, place) in self.regexes.iter().zip(&self.places) {
            if let Err(e) = Set::new(std::slice::from_ref(regex)) {
                return place.error(format!("this pattern cannot be used: {e}"));
            }
        }
        let message =
            format!("{} patterns over one field are too much together: {together}", self.places.len());
        match self.places.first() {
            Some(first) => first.error(format!("{message}; this is the first")),
            None => Located { message, ..Located::default() },
        }
    }
}
