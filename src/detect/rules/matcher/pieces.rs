//! Globs by their pieces: the texts before, between and behind the `*`.

use memchr::memmem::Finder;

/// A glob whose only wildcard is `*`.
#[derive(Clone, Debug)]
pub(crate) struct Pieces {
    /// In front of the first `*`; the whole text when there is none.
    start: Box<[u8]>,
    /// Between two.
    inner: Vec<Finder<'static>>,
    /// Behind the last; none when there is no `*`.
    end: Option<Box<[u8]>>,
    caseless: bool,
}

impl Pieces {
    /// The pieces of a glob; `caseless` letters have no case. None where the engine has to do it.
    pub(crate) fn of(glob: &str, caseless: bool) -> Option<Self> {
        let mut pieces: Vec<&str> = glob.split('*').collect();
        let end = (pieces.len() > 1).then(|| pieces.pop()).flatten();
        let (start, inner) = pieces.split_first()?;
        let inner: Vec<&str> = inner.iter().copied().filter(|piece| !piece.is_empty()).collect();
        let empty = start.is_empty() && inner.is_empty() && end.is_none_or(str::is_empty);
        if empty || glob.contains('?') || caseless && !(inner.is_empty() && glob.is_ascii()) {
            return None;
        }
        Some(Self {
            start: start.as_bytes().into(),
            inner: inner.into_iter().map(|piece| Finder::new(piece).into_owned()).collect(),
            end: end.map(|end| end.as_bytes().into()),
            caseless,
        })
    }

    /// True when the glob matches this value.
    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        let Some((start, rest)) = value.split_at_checked(self.start.len()) else { return false };
        if !self.same(start, &self.start) {
            return false;
        }
        let Some(end) = &self.end else { return rest.is_empty() };
        let at = rest.len().checked_sub(end.len());
        let Some((middle, last)) = at.and_then(|at| rest.split_at_checked(at)) else { return false };
        self.same(last, end) && self.hold(middle)
    }

    /// True when the inner pieces come one after the other.
    fn hold(&self, middle: &[u8]) -> bool {
        let mut rest = middle;
        self.inner.iter().all(|piece| {
            let behind = piece.find(rest).and_then(|at| rest.get(at + piece.needle().len()..));
            rest = behind.unwrap_or_default();
            behind.is_some()
        })
    }

    fn same(&self, part: &[u8], piece: &[u8]) -> bool {
        // Comparing nothing costs 50 ns: an empty box has no address, and some processors trap when memcmp reads there.
        if piece.is_empty() {
            return true;
        }
        if self.caseless { part.eq_ignore_ascii_case(piece) } else { part == piece }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_with_another_wildcard_or_without_any_text_is_for_the_engine() {
        for plain in ["a", "a*", "*a", "*/mcp/*", "**a", "a*b", "*a*b*"] {
            assert!(Pieces::of(plain, false).is_some(), "{plain}");
        }
        for other in ["*", "**", "", "a?", "*?"] {
            assert!(Pieces::of(other, false).is_none(), "{other}");
        }
        assert!(Pieces::of("a*b", true).is_some());
        assert!(Pieces::of("*a*", true).is_none() && Pieces::of("ä", true).is_none());
    }
}
