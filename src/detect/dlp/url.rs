//! Secrets in paths, queries and URIs (RFC 3986).

use std::borrow::Cow;
use std::ops::Range;

use super::finding::{Collector, Confidence, Findings, Kind, Spot};
use super::nesting::Nesting;
use super::{credential, key, opaque, percent, text};

/// Collects the secrets of one URI, or of a part of one.
pub(super) struct Search<'t> {
    text: &'t str,
    nesting: Nesting,
    found: Collector,
}

impl<'t> Search<'t> {
    pub(super) fn new(text: &'t str, nesting: Nesting) -> Self {
        Self { text, nesting, found: Collector::default() }
    }

    /// What was found.
    pub(super) fn finish(self) -> Findings {
        self.found.finish(self.text)
    }

    /// Reads a URI or a plain name.
    pub(super) fn uri(mut self) -> Findings {
        let path_end = self.text.find(['?', '#']).unwrap_or(self.text.len());
        self.read_path(0..path_end);
        let rest = path_end..self.text.len();
        for part in pieces(self.text, rest, '?').flat_map(|part| pieces(self.text, part, '#')) {
            self.read_query(part);
        }
        self.finish()
    }

    /// Reads a path.
    pub(super) fn path(mut self) -> Findings {
        self.read_path(0..self.text.len());
        self.finish()
    }

    /// Reads a query.
    pub(super) fn query(mut self) -> Findings {
        self.read_query(0..self.text.len());
        self.finish()
    }

    /// Opaque segments, matrix parameters, the user information of a URL in the path.
    fn read_path(&mut self, path: Range<usize>) {
        let mut before = "";
        for (number, segment) in pieces(self.text, path.clone(), '/').enumerate() {
            let mut parts = pieces(self.text, segment, ';');
            let Some(name) = parts.next() else { continue };
            let segment = self.text.get(name.clone()).unwrap_or_default();
            let is_key = credential::opens_with_uuid(before) && opaque::is_uuid(&decoded(segment));
            let what = if is_key { Some((Kind::Random, Confidence::Low)) } else { self.secret_in(segment) };
            if let Some(what) = what {
                self.found.secret(name, what, Spot::Segment(number));
            }
            parts.for_each(|parameter| self.read_parameter(parameter));
            before = segment;
        }
        let scheme_end = self.text.get(path.clone()).and_then(|path| path.find("://"));
        if let Some(bytes) = scheme_end.and_then(|end| text::user_info(self.text, path.start + end)) {
            self.found.secret(bytes, (Kind::UrlCredential, Confidence::High), Spot::UserInfo);
        }
    }

    /// A query, or a fragment that is written like one.
    fn read_query(&mut self, query: Range<usize>) {
        pieces(self.text, query, '&').for_each(|parameter| self.read_parameter(parameter));
    }

    fn read_parameter(&mut self, range: Range<usize>) {
        let parameter = self.text.get(range.clone()).unwrap_or_default();
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if let Some(what) = self.secret_in(name) {
            self.found.secret(range, what, Spot::Parameter(None));
            return;
        }
        let named = key::secret(&decoded(name)).filter(|secret| secret.is_opened_by(&decoded(value)));
        if let Some(what) = named.map(key::Secret::what).or_else(|| self.secret_in(value)) {
            let spot = Spot::Parameter(Some(range.start..range.start + name.len()));
            self.found.secret(range.end - value.len()..range.end, what, spot);
        }
    }

    fn secret_in(&self, part: &str) -> Option<(Kind, Confidence)> {
        let search = |part: &str| text::find(part, self.nesting).surest();
        // A form writes a space as `+`, base64 means it.
        search(part).or_else(|| part.contains('+').then(|| search(&part.replace('+', " ")))?)
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent::decoded(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The parts of `range` between separators.
fn pieces(text: &str, range: Range<usize>, separator: char) -> impl Iterator<Item = Range<usize>> {
    let mut start = range.start;
    text.get(range).unwrap_or_default().split(separator).map(move |piece| {
        let from = start;
        start += piece.len() + separator.len_utf8();
        from..from + piece.len()
    })
}
