//! A client's connection to the proxy port. One file a step, one type between two steps.
//!
//! ```text
//! Accepted -> front: Entered -> hello: Greeted -> ruling: Decided
//!   Bypass     Spliced: copied, counted, one row
//!   Answer     intercept: the client's TLS ends here, nothing is dialled
//!   Intercept  intercept: the origin is dialled and verified first, then the client's TLS ends here
//! Request -> exchange: Recorded -> judge: Passed -> forward: Answered -> download, or Refused -> answer
//! ```

pub(crate) mod exchange;
pub(crate) mod front;
mod hello;
pub(crate) mod intercept;
mod tunnel;
mod unreadable;

pub(crate) use front::Front;
