//! `daylight run` and `daylight check`.

use std::io::{self, Write};
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::{At, Failure, Outcome, load};
use crate::app::{self, Addresses, App, StartError};
use crate::telemetry::logs;

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Configuration(message) => Self::Configuration(message),
            StartError::Resource(message) => Self::Other(message),
        }
    }
}

pub(super) fn check(at: &At) -> Outcome {
    let config = load(at.config.as_deref())?;
    let rules = app::check(&config)?;
    let mut out = io::stdout().lock();
    writeln!(out, "ok: {} rules, rule set {}, engine {}", rules.len(), rules.hash, crate::rules::ENGINE)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn run(at: &At) -> Outcome {
    logs::start();
    let config = load(at.config.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let file = at.config.clone();
    runtime.block_on(async {
        let app = App::build(config, file).await?;
        if let Err(error) = announce(&app.addresses()?) {
            tracing::debug!(%error, "nobody reads standard output");
        }
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        app.run(stop, || ()).await;
        Ok::<_, Failure>(())
    })?;
    runtime.shutdown_background();
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn announce(addresses: &Addresses) -> io::Result<()> {
    let Addresses { proxy, admin, ca_pem } = addresses;
    let mut out = io::stdout().lock();
    writeln!(out, "daylight {} is running", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "  proxy      http://{proxy}")?;
    writeln!(out, "  set-up     http://{proxy}/")?;
    writeln!(out, "  PAC file   http://{proxy}/proxy.pac")?;
    writeln!(out, "  metrics    http://{admin}/metrics")?;
    writeln!(
        out,
        "  try        curl -x http://{proxy} --cacert {} https://daylight.internal/check",
        ca_pem.display()
    )?;
    out.flush()
}
