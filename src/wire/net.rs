//! Names, addresses and dialling; everything that reaches the network starts here.

pub mod alive;
pub mod dial;
pub mod forbidden;
pub mod prefixed;
pub mod resolve;
pub mod splice;

pub use dial::{DialError, Dialer, Dialled};
pub use forbidden::Forbidden;
pub use prefixed::Prefixed;
