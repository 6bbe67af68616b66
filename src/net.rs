//! Names, addresses and dialling; everything that reaches the network starts here.

pub mod alive;
pub mod destination;
pub mod dial;
pub mod forbidden;
pub mod hosts;
pub mod prefixed;
pub mod resolve;
pub mod splice;

pub use destination::Destination;
pub use dial::{DialError, Dialer, Dialled};
pub use forbidden::Forbidden;
pub use hosts::HostPatterns;
pub use prefixed::Prefixed;
