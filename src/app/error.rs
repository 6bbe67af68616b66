//! Why the gateway cannot start.

use std::error::Error;

use crate::wire::tls::AuthorityError;
use crate::wire::tls::upstream::RootsError;
use crate::yaml::Located;

/// Why the gateway cannot start. The first four come from what was configured; `cli` has the exit code of each.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A mistake in the configuration or in a rule file.
    #[error(transparent)]
    Mistake(#[from] Located),
    /// A file of `tls.extra_roots` without usable certificates.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The certificate authority cannot be opened or made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Delivery to ClickHouse cannot work as it is configured.
    #[error(transparent)]
    Delivery(Box<dyn Error + Send + Sync>),
    /// The machine does not give what is needed: a port, a folder, the store, random numbers.
    #[error(transparent)]
    Resource(Box<dyn Error + Send + Sync>),
}

impl StartError {
    pub(super) fn resource(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Resource(error.into())
    }
}
