//! Compiled conditions: each is true, false, or unknown while facts are missing.

use super::atoms::Atom;

/// A compiled condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// One fact.
    Atom(Atom),
    /// All of these hold; an empty list holds.
    All(Vec<Self>),
    /// One of these holds; an empty list does not hold.
    Any(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
}

impl Expression {
    /// The value, from what `fact` says of each elementary fact; none is unknown.
    pub(super) fn evaluate(&self, fact: &dyn Fn(Atom) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Atom(atom) => fact(*atom),
            Self::Not(inner) => inner.evaluate(fact).map(|value| !value),
            Self::All(parts) => Self::join(parts, fact, false),
            Self::Any(parts) => Self::join(parts, fact, true),
        }
    }

    /// Joins the values of the parts. `decisive` is the value of one part that settles the whole: false for `All`, true for
    /// `Any`.
    fn join(parts: &[Self], fact: &dyn Fn(Atom) -> Option<bool>, decisive: bool) -> Option<bool> {
        let mut known = true;
        for part in parts {
            match part.evaluate(fact) {
                Some(value) if value == decisive => return Some(decisive),
                Some(_) => {}
                None => known = false,
            }
        }
        known.then_some(!decisive)
    }

    /// True when the condition names a fact that is `wanted`.
    pub(super) fn depends_on(&self, wanted: &dyn Fn(Atom) -> bool) -> bool {
        match self {
            Self::Atom(atom) => wanted(*atom),
            Self::Not(inner) => inner.depends_on(wanted),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.depends_on(wanted)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_facts_leave_a_condition_unknown_only_when_they_matter() {
        let fact = |atom| [Some(true), Some(false), None][atom];
        let (yes, no, open) = (Expression::Atom(0), Expression::Atom(1), Expression::Atom(2));
        let all = |parts: &[&Expression]| Expression::All(parts.iter().map(|e| (*e).clone()).collect());
        let any = |parts: &[&Expression]| Expression::Any(parts.iter().map(|e| (*e).clone()).collect());
        assert_eq!(all(&[&yes, &open]).evaluate(&fact), None);
        assert_eq!(all(&[&no, &open]).evaluate(&fact), Some(false));
        assert_eq!(any(&[&yes, &open]).evaluate(&fact), Some(true));
        assert_eq!(any(&[&no, &open]).evaluate(&fact), None);
        assert_eq!(Expression::Not(Box::new(open)).evaluate(&fact), None);
        assert_eq!(all(&[]).evaluate(&fact), Some(true));
    }
}
