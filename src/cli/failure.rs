//! Why a verb failed, and the exit code that tells it to a script.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::app::StartError;
use crate::wire::tls::AuthorityError;
use crate::yaml::Located;

/// The exit codes, for `--help` and the manual page.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   failed, also when a check of rule samples fails
  2   wrong use of the command line
  78  the configuration, a rule file or a certificate cannot be used";

/// A failure that is not the configuration's.
const EXIT_FAILURE: u8 = 1;
/// A configuration that cannot be used (`EX_CONFIG` of sysexits.h).
const EXIT_CONFIGURATION: u8 = 78;

/// The exit code of a verb, or why it failed.
pub(super) type Ended = Result<ExitCode, Failure>;

/// Why a verb failed. Wrong use of the command line ends earlier, with exit code 2.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// A mistake in the configuration, a variable or a rule file.
    #[error(transparent)]
    Mistake(#[from] Located),
    /// The gateway cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The certificate authority cannot be read, made or replaced.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// No rule has this id.
    #[error("there is no rule `{0}`; `daylight rules list` names them")]
    NoSuchRule(String),
    /// The event store cannot be read, or refuses a statement.
    #[error(transparent)]
    Store(Box<dyn Error + Send + Sync>),
    /// A folder for manual pages cannot be written.
    #[error("cannot write into {}: {source}", dir.display())]
    Pages {
        /// The folder.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system gives no threads or no signals.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// The event store's error.
    pub(super) fn store(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Store(error.into())
    }

    /// True when the reader of standard output went away (`| head`), which is no failure.
    pub(super) fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit code; [`EXIT_CODES`] says what each means.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Mistake(_) => EXIT_CONFIGURATION,
            Self::Start(error) => match error {
                StartError::Resource(_) => EXIT_FAILURE,
                StartError::Mistake(_)
                | StartError::Roots(_)
                | StartError::Authority(_)
                | StartError::Delivery(_) => EXIT_CONFIGURATION,
            },
            Self::Authority(error) => match error {
                AuthorityError::File { .. } | AuthorityError::Exists(_) => EXIT_FAILURE,
                AuthorityError::Missing(_)
                | AuthorityError::Mode { .. }
                | AuthorityError::Unusable { .. } => EXIT_CONFIGURATION,
            },
            Self::NoSuchRule(_)
            | Self::Store(_)
            | Self::Pages { .. }
            | Self::Runtime(_)
            | Self::Output(_) => EXIT_FAILURE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_reader_of_standard_output_may_go_away() {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(Failure::from(closed()).is_closed_output());
        assert!(!Failure::Runtime(closed()).is_closed_output());
        assert!(!Failure::store("the query names a Broken pipe").is_closed_output());
        assert!(!Failure::from(io::Error::from(io::ErrorKind::StorageFull)).is_closed_output());
    }

    #[test]
    fn the_configuration_s_mistakes_and_the_machine_s_failures_have_their_own_codes() {
        for (failure, code) in [
            (Failure::Mistake(Located::default()), 78),
            (Failure::Start(StartError::Mistake(Located::default())), 78),
            (Failure::Start(StartError::Resource("the port is taken".into())), 1),
            (Failure::Authority(AuthorityError::Missing("certs".into())), 78),
            (Failure::Authority(AuthorityError::Exists("certs/ca.key".into())), 1),
            (Failure::store("locked"), 1),
        ] {
            assert_eq!(failure.exit_code(), code, "{failure}");
            assert!(EXIT_CODES.contains(&format!("\n  {code} ")), "{code} is explained");
        }
    }
}
