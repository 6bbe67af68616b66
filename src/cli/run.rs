//! `daylight run` and `daylight check`.

use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::at::At;
use super::failure::{Ended, Failure};
use super::notify;
use crate::app::{self, Addresses, App};
use crate::clock;
use crate::detect::rules::{ENGINE, RuleSet};
use crate::telemetry::logs;
use crate::yaml::Located;

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
        let checked = self.check();
        let mut out = io::stdout().lock();
        match (&checked, self.json) {
            (Ok((rules, notes)), true) => {
                let notes: Vec<_> = notes.iter().map(note_row).collect();
                let said = json!({
                    "ok": true, "rules": rules.len(), "rule_set": &*rules.hash, "engine": ENGINE, "notes": notes,
                });
                writeln!(out, "{said}")?;
            }
            (Ok((rules, notes)), false) => {
                writeln!(out, "ok: {} rules, rule set {}, engine {ENGINE}", rules.len(), rules.hash)?;
                notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))?;
            }
            (Err(why), true) => {
                writeln!(out, "{}", json!({ "ok": false, "error": why.to_string() }))?;
            }
            (Err(_), false) => {}
        }
        checked.map(|_rules_and_notes| ExitCode::SUCCESS)
    }

    fn check(&self) -> Result<(Arc<RuleSet>, Vec<Located>), Failure> {
        let config = self.at.load()?;
        Ok((app::check(&config)?, config.notes(clock::now_s())))
    }
}

fn note_row(note: &Located) -> Value {
    json!({ "file": note.file, "line": note.line, "column": note.column, "message": note.message })
}

pub(super) fn run(at: &At) -> Ended {
    logs::start();
    let config = at.load()?;
    for note in config.notes(clock::now_s()) {
        tracing::warn!("{note}");
    }
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
