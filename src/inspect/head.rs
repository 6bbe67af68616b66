//! Evidence in a request's head.

use http::{HeaderMap, Method};

use super::Signals;

/// The parts of a request's head that inspection reads.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Request method.
    pub method: &'a Method,
    /// Host of the authority, lower case, no port.
    pub host: &'a str,
    /// Path as sent, without the query.
    pub path: &'a str,
    /// Query without the question mark.
    pub query: Option<&'a str>,
    /// Request headers.
    pub headers: &'a HeaderMap,
}

/// Reads a request's head.
pub fn read(_head: &Head<'_>) -> Signals {
    Signals::default()
}
