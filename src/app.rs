//! Builds every part once, joins them, reloads rules and policy, drains.

mod decisions;
mod delivery;
mod error;
mod joint;
mod parts;
pub(crate) mod reload;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use time::OffsetDateTime;

use crate::admin;
use crate::audit::{Audit, AuditParts};
use crate::budget::HoldBudget;
use crate::clock;
use crate::config::Config;
use crate::detect::rules;
use crate::proxy::{Front, front};
use crate::ruling::InForce;
use crate::setup::Pages;
use crate::store::journal::Journal;
use crate::store::sink::clickhouse::Delivery;
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Info, Listening};
use crate::telemetry::metrics::Measured;
use crate::wire::connect::Outbound;
use crate::wire::listener::{Budget, Listener};
use crate::wire::tasks::Tasks;
use crate::wire::tls::{Authority, AuthorityError, ClientSide, Leafs, upstream};
use decisions::{Decisions, Replaceable};
use joint::Joint;
use reload::Reloader;

pub(crate) use error::StartError;

/// A gateway whose ports are bound and that has not accepted anything yet.
pub(crate) struct App {
    front: Arc<Front>,
    proxy: Listener,
    admin: Listener,
    budget: Arc<Budget>,
    delivery: Option<Delivery>,
    /// What works beside the traffic and is stopped after it has drained.
    background: Tasks,
    reloader: Arc<Reloader>,
    drain: Duration,
    ca_pem: PathBuf,
}

/// Where a started gateway can be reached.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    /// The proxy, with the set-up pages.
    pub proxy: SocketAddr,
    /// Metrics and health.
    pub admin: SocketAddr,
    /// The CA file.
    pub ca_pem: PathBuf,
}

/// Checks everything that can be checked without binding or writing: configuration, rules, certificates.
pub(crate) fn check(config: &Config) -> Result<Arc<rules::RuleSet>, StartError> {
    let set = rules::load(&config.rules)?;
    upstream::roots(&config.extra_roots)?;
    match Authority::open(&config.ca_dir, OffsetDateTime::now_utc()) {
        Ok(_) | Err(AuthorityError::Missing(_)) => Ok(set),
        Err(e) => Err(e.into()),
    }
}

impl App {
    /// Builds every part; `file` is read again on reload.
    pub(crate) async fn build(config: Config, file: Option<PathBuf>) -> Result<Self, StartError> {
        let rules = check(&config)?;
        let proxy = Listener::bind("proxy", config.proxy).await.map_err(StartError::resource)?;
        let admin = Listener::bind("admin", config.admin).await.map_err(StartError::resource)?;
        let session_key = parts::session_key(&config.journal.dir).map_err(StartError::resource)?;
        let authority = parts::authority(&config.ca_dir)?;
        let journal = Journal::open(config.journal.clone()).map_err(StartError::resource)?;
        let own_ports = [&proxy, &admin].iter().filter_map(|l| l.address().ok()).map(|a| a.port()).collect();
        let address = proxy.address().map_err(StartError::resource)?;
        let facts = parts::page_facts(&authority, address);
        let leafs = Leafs::new(authority, OffsetDateTime::now_utc()).map_err(StartError::resource)?;
        let leafs = Arc::new(leafs);
        let info = Info { version: env!("CARGO_PKG_VERSION"), engine: rules::ENGINE };
        let outbound = Arc::new(Outbound::default());
        let background = Tasks::default();
        let delivery = delivery::delivery(&config, &journal, &background, &outbound)?;
        let mut measured: Vec<&dyn Measured> = vec![&**journal.stats(), &*leafs, &*outbound];
        measured.extend(delivery.iter().map(|delivery| -> &dyn Measured { &**delivery.stats() }));
        let metrics = Arc::new(Metrics::new(info, &measured));
        metrics.in_force(&rules.hash, rules.len(), clock::now_s());
        let tasks = Tasks::default();
        let active = metrics.connections_active.get_or_create_owned(&Listening { listener: "proxy" });
        let totals = config.totals;
        let budget = Budget::new(totals.connections, totals.connections_per_client, active);
        let origins = parts::origins(&config, own_ports, tasks.clone(), outbound)?;
        let client_side = ClientSide::new(leafs).map_err(StartError::resource)?;
        let (limits, connect_ports) = (config.limits, config.connect_ports.clone());
        let (gateway, watched) = (config.name.clone(), config.rules.clone());
        let ca_pem = config.ca_dir.join("ca.pem");
        let Decisions { ruling, users, pages } = Decisions::new(config, rules)?;
        let replaceable = Replaceable {
            in_force: Arc::new(InForce::new(ruling)),
            users: Arc::new(ArcSwap::from_pointee(users)),
            pages: Arc::new(Pages::new(facts, pages)),
        };
        let audit = Arc::new(Audit::new(AuditParts {
            journal,
            metrics: Arc::clone(&metrics),
            gateway,
            session_key,
            payload_bytes: limits.payload_bytes,
            in_force: Arc::clone(&replaceable.in_force),
            tasks: tasks.clone(),
        }));
        let held = HoldBudget::new(totals.hold_bytes);
        let joint = Joint { audit, origins, client_side, tasks, held };
        let front = joint.front(&replaceable, connect_ports, &limits);
        let reloader = Arc::new(Reloader::new(replaceable, metrics, file, watched));
        let drain = totals.drain;
        Ok(Self { front, proxy, admin, budget, delivery, background, reloader, drain, ca_pem })
    }

    /// Where the gateway listens.
    pub(crate) fn addresses(&self) -> Result<Addresses, StartError> {
        let of = |listener: &Listener| listener.address().map_err(StartError::resource);
        Ok(Addresses { proxy: of(&self.proxy)?, admin: of(&self.admin)?, ca_pem: self.ca_pem.clone() })
    }

    /// Serves until `stop` resolves, then waits for open connections to end; when it resolves a second time, they are cut.
    /// False when connections were cut.
    pub(crate) async fn run(self, mut stop: impl AsyncFnMut()) -> bool {
        let Self { front, proxy, admin, budget, delivery, background, reloader, drain, .. } = self;
        let (tasks, audit) = (front.tasks.clone(), Arc::clone(&front.audit));
        if let Some(delivery) = delivery {
            let stopping = background.clone();
            background.spawn(async move { delivery.run(stopping.closing()).await });
        }
        let admin_parts = parts::admin(&front, &reloader);
        background.spawn(admin::serve(admin.into_socket(), admin_parts, background.clone()));
        background.spawn(reload::on_change(Arc::clone(&reloader), background.clone()));
        background.spawn(reload::on_hangup(Arc::clone(&reloader), background.clone()));
        let serve = move |accepted| front::serve(Arc::clone(&front), accepted);
        let accept = proxy.run(budget, tasks.clone(), Arc::clone(&audit.metrics), serve);
        let accepting = Tasks::default();
        accepting.spawn(accept);
        stop().await;
        tracing::info!(connections = tasks.running(), "draining");
        let drained = tokio::select! {
            drained = tasks.drain(drain) => drained,
            () = stop() => tasks.drain(Duration::ZERO).await,
        };
        if !drained {
            audit.metrics.limit("drain_ms");
            tracing::warn!("the time for draining is over; the connections that were open were cut");
        }
        audit.close().await;
        background.drain(Duration::from_secs(2)).await;
        drained
    }
}
