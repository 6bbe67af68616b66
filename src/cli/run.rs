//! `daylight run` and `daylight check`.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{At, Ended, Failure, load, notify};
use crate::app::{self, Addresses, App};
use crate::detect::rules::ENGINE;
use crate::telemetry::logs;

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    #[command(flatten)]
    at: At,
    /// One JSON object, also when something is wrong
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn main(self) -> Ended {
        let checked = load(self.at.config.as_deref()).and_then(|config| Ok(app::check(&config)?));
        let mut out = io::stdout().lock();
        match (&checked, self.json) {
            (Ok(rules), true) => {
                let said =
                    json!({ "ok": true, "rules": rules.len(), "rule_set": &*rules.hash, "engine": ENGINE });
                writeln!(out, "{said}")?;
            }
            (Ok(rules), false) => {
                writeln!(out, "ok: {} rules, rule set {}, engine {ENGINE}", rules.len(), rules.hash)?;
            }
            (Err(why), true) => {
                writeln!(out, "{}", json!({ "ok": false, "error": why.to_string() }))?;
            }
            (Err(_), false) => {}
        }
        checked.map(|_rules| ExitCode::SUCCESS)
    }
}

pub(super) fn run(at: &At) -> Ended {
    logs::start();
    let config = load(at.config.as_deref())?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::Runtime)?;
    let file = at.config.clone();
    runtime.block_on(async {
        let app = App::build(config, file).await?;
        if let Err(error) = announce(&app.addresses()?) {
            tracing::debug!(%error, "nobody reads standard output");
        }
        let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Runtime)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Runtime)?;
        notify::tell("READY=1");
        app.run(async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            notify::tell("STOPPING=1");
        })
        .await;
        Ok::<_, Failure>(())
    })?;
    runtime.shutdown_background();
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn announce(addresses: &Addresses) -> io::Result<()> {
    let (proxy, admin) = (reachable(addresses.proxy), reachable(addresses.admin));
    let mut out = io::stdout().lock();
    writeln!(out, "daylight {} is running", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "  proxy      http://{proxy}")?;
    writeln!(out, "  set-up     http://{proxy}/")?;
    writeln!(out, "  PAC file   http://{proxy}/proxy.pac")?;
    writeln!(out, "  metrics    http://{admin}/metrics")?;
    let ca = addresses.ca_pem.display();
    writeln!(out, "  try        curl -x http://{proxy} --cacert {ca} https://daylight.internal/check")?;
    out.flush()
}

/// A wildcard is no address to go to; from this machine, loopback is.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback =
            if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    address
}
