//! The option that every verb takes which reads the configuration.

use std::path::PathBuf;

use super::failure::Failure;
use crate::config::{Config, Variables};

/// Where the configuration is.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct At {
    /// Configuration file (YAML); defaults apply without one
    #[arg(long, env = "DAYLIGHT_CONFIG", value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

impl At {
    /// Reads the file and the variables of this process.
    pub(super) fn load(&self) -> Result<Config, Failure> {
        Ok(Config::load(self.config.as_deref(), &Variables::of_process()?)?)
    }
}
