//! How deep in layers of quoting a text stands.

use super::finding::Findings;

/// Layers of quoting that are undone: JSON or percent-encoding inside a string inside JSON.
const LAYERS_MAX: u8 = 4;

/// The layer of a text, and how a text in the next one is searched.
///
/// The search is handed down: text holds documents, documents hold text, and neither file has to know the other.
#[derive(Clone, Copy)]
pub(super) struct Nesting {
    layer: u8,
    search: fn(&str, Self) -> Findings,
}

impl Nesting {
    /// The outermost layer.
    pub(super) fn outermost(search: fn(&str, Self) -> Findings) -> Self {
        Self { layer: 0, search }
    }

    /// The next layer; `None` when there are too many.
    pub(super) fn deeper(self) -> Option<Self> {
        (self.layer < LAYERS_MAX).then_some(Self { layer: self.layer + 1, ..self })
    }

    /// Searches a string of this layer, which may quote a document.
    pub(super) fn search(self, text: &str) -> Findings {
        (self.search)(text, self)
    }
}
