//! Replacements in a text: nothing is copied until there is one.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;

/// Replacements to make in one text, in any order.
pub(super) struct Edits<'t> {
    text: &'t str,
    made: Vec<(Range<usize>, Cow<'static, str>)>,
}

impl<'t> Edits<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, made: Vec::new() }
    }

    /// Puts `with` in place of `range`. Of overlapping ranges the first and longest counts.
    pub(super) fn replace(&mut self, range: Range<usize>, with: impl Into<Cow<'static, str>>) {
        self.made.push((range, with.into()));
    }

    /// The text with its replacements.
    pub(super) fn finish(mut self) -> Cow<'t, str> {
        if self.made.is_empty() {
            return Cow::Borrowed(self.text);
        }
        self.made.sort_by_key(|(range, _)| (range.start, Reverse(range.end)));
        let mut out = String::with_capacity(self.text.len());
        let mut copied = 0;
        for (range, with) in self.made {
            if range.start >= copied {
                out.push_str(self.text.get(copied..range.start).unwrap_or_default());
                out.push_str(&with);
                copied = range.end;
            }
        }
        out.push_str(self.text.get(copied..).unwrap_or_default());
        Cow::Owned(out)
    }
}
