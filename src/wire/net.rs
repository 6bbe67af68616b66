//! TCP: resolves names, refuses forbidden addresses, dials, and copies between two connections.

pub mod alive;
pub mod dial;
pub mod forbidden;
pub mod prefixed;
pub mod resolve;
pub mod splice;

pub use dial::{DialError, Dialer, Dialled};
pub use forbidden::Forbidden;
pub use prefixed::Prefixed;
