//! Builds every part once, joins them, reloads rules and policy, drains.

pub mod reload;

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use time::OffsetDateTime;

use crate::admin;
use crate::budget::HoldBudget;
use crate::clock;
use crate::config::Config;
use crate::detect::rules;
use crate::identity::Users;
use crate::proxy::streams::Streams;
use crate::proxy::{Gateway, Ruling, entry};
use crate::setup::{Onboarding, Settings};
use crate::store::journal::Journal;
use crate::store::sink::clickhouse::Delivery;
use crate::telemetry::Metrics;
use crate::telemetry::labels::{Info, Listening};
use crate::telemetry::metrics::Measured;
use crate::verdict::Verdict;
use crate::wire::connect::{Connector, Outbound};
use crate::wire::http::origin::Origins;
use crate::wire::listener::{Budget, Listener};
use crate::wire::net::Dialer;
use crate::wire::net::resolve::Resolver;
use crate::wire::tasks::Tasks;
use crate::wire::tls::upstream::RootsError;
use crate::wire::tls::{Authority, AuthorityError, ClientSide, Leafs, UpstreamTls, upstream};
use crate::yaml::Located;

/// Why the gateway cannot start. The first four come from what was configured; `cli` has the exit code of each.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
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
    fn resource(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Resource(error.into())
    }
}

/// A gateway whose ports are bound and that has not accepted anything yet.
pub struct App {
    gateway: Arc<Gateway>,
    proxy: Listener,
    admin: Listener,
    budget: Arc<Budget>,
    delivery: Option<Delivery>,
    reloader: Arc<reload::Reloader>,
    drain: Duration,
    ca_pem: PathBuf,
}

/// Where a started gateway can be reached.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The proxy, with the set-up pages.
    pub proxy: SocketAddr,
    /// Metrics and health.
    pub admin: SocketAddr,
    /// The CA file.
    pub ca_pem: PathBuf,
}

/// Checks everything that can be checked without binding or writing: configuration, rules, certificates.
pub fn check(config: &Config) -> Result<Arc<rules::RuleSet>, StartError> {
    let set = rules::load(&config.rules)?;
    upstream::roots(&config.extra_roots)?;
    match Authority::open(&config.ca_dir, OffsetDateTime::now_utc()) {
        Ok(_) | Err(AuthorityError::Missing(_)) => Ok(set),
        Err(e) => Err(e.into()),
    }
}

impl App {
    /// Builds every part; `file` is read again on reload.
    pub async fn build(config: Config, file: Option<PathBuf>) -> Result<Self, StartError> {
        let rules = check(&config)?;
        let proxy = Listener::bind("proxy", config.proxy).await.map_err(StartError::resource)?;
        let admin = Listener::bind("admin", config.admin).await.map_err(StartError::resource)?;
        let session_key = session_key(&config.journal.dir).map_err(StartError::resource)?;
        let authority = authority(&config.ca_dir)?;
        let journal = Journal::open(config.journal.clone()).map_err(StartError::resource)?;
        let delivery = config
            .clickhouse
            .clone()
            .map(|settings| Delivery::new(settings, &journal, &config.journal.dir))
            .transpose()
            .map_err(|e| StartError::Delivery(e.into()))?;
        let own_ports = [&proxy, &admin].iter().filter_map(|l| l.address().ok()).map(|a| a.port()).collect();
        let address = proxy.address().map_err(StartError::resource)?;
        let onboarding = onboarding(&authority, address);
        let leafs = Leafs::new(authority, OffsetDateTime::now_utc()).map_err(StartError::resource)?;
        let leafs = Arc::new(leafs);
        let info = Info { version: env!("CARGO_PKG_VERSION"), engine: rules::ENGINE };
        let outbound = Arc::new(Outbound::default());
        let mut parts: Vec<&dyn Measured> = vec![&**journal.stats(), &*leafs, &*outbound];
        parts.extend(delivery.iter().map(|delivery| -> &dyn Measured { &**delivery.stats() }));
        let metrics = Arc::new(Metrics::new(info, &parts));
        metrics.in_force(&rules.hash, rules.len(), clock::now_s());
        let tasks = Tasks::default();
        let active = metrics.connections_active.get_or_create_owned(&Listening { listener: "proxy" });
        let budget = Budget::new(config.totals.connections, config.totals.connections_per_client, active);
        let drain = config.totals.drain;
        let watched = config.rules.clone();
        let ca_pem = config.ca_dir.join("ca.pem");
        let gateway = Arc::new(Gateway {
            origins: origins(&config, own_ports, tasks.clone(), outbound)?,
            client_side: ClientSide::new(leafs).map_err(StartError::resource)?,
            name: config.name.clone(),
            connect_ports: config.connect_ports.clone(),
            journal,
            metrics,
            onboarding,
            limits: config.limits,
            held: HoldBudget::new(config.totals.hold_bytes),
            streams: Streams::default(),
            tasks,
            session_key,
            ruling: ArcSwap::from_pointee(ruling(config, rules)?),
        });
        let reloader = Arc::new(reload::Reloader::new(Arc::clone(&gateway), file, watched));
        Ok(Self { gateway, proxy, admin, budget, delivery, reloader, drain, ca_pem })
    }

    /// Where the gateway listens.
    pub fn addresses(&self) -> Result<Addresses, StartError> {
        let of = |listener: &Listener| listener.address().map_err(StartError::resource);
        Ok(Addresses { proxy: of(&self.proxy)?, admin: of(&self.admin)?, ca_pem: self.ca_pem.clone() })
    }

    /// Serves until it is `told` to stop, then drains; whoever tells it again waits no longer. False when connections were
    /// cut.
    pub async fn run(self, mut told: impl AsyncFnMut()) -> bool {
        let Self { gateway, proxy, admin, budget, delivery, reloader, drain, .. } = self;
        let tasks = gateway.tasks.clone();
        let background = Tasks::default();
        if let Some(delivery) = delivery {
            let stopping = background.clone();
            background.spawn(async move { delivery.run(stopping).await });
        }
        background.spawn(admin::serve(
            admin.into_socket(),
            admin_parts(&gateway, &reloader),
            background.clone(),
        ));
        background.spawn(reload::on_change(Arc::clone(&reloader), background.clone()));
        background.spawn(reload::on_hangup(Arc::clone(&reloader), background.clone()));
        let serving = Arc::clone(&gateway);
        let accept = proxy.run(budget, tasks.clone(), Arc::clone(&gateway.metrics), move |accepted| {
            entry::serve(Arc::clone(&serving), accepted)
        });
        let accepting = Tasks::default();
        accepting.spawn(accept);
        told().await;
        tracing::info!(connections = tasks.running(), "draining");
        let drained = tokio::select! {
            drained = tasks.drain(drain) => drained,
            () = told() => tasks.drain(Duration::ZERO).await,
        };
        if !drained {
            gateway.metrics.limit("drain_ms");
            tracing::warn!("the time for draining is over; the connections that were open were cut");
        }
        gateway.journal.close().await;
        background.drain(Duration::from_secs(2)).await;
        drained
    }
}

fn admin_parts(gateway: &Arc<Gateway>, reloader: &Arc<reload::Reloader>) -> admin::Parts {
    let (serving, reloader) = (Arc::clone(gateway), Arc::clone(reloader));
    let obstacle = move || {
        if serving.tasks.is_closing() {
            return Some("draining");
        }
        (!serving.journal.accepts()).then_some("the event journal cannot store events")
    };
    admin::Parts {
        metrics: Arc::clone(&gateway.metrics),
        obstacle: Arc::new(obstacle),
        reload: Arc::new(move || reloader.reload("POST /reload")),
    }
}

/// What a reload replaces.
fn ruling(config: Config, rules: Arc<rules::RuleSet>) -> Result<Ruling, StartError> {
    let Config { policy, pac, record, users, .. } = config;
    let users = Users::new(users).map_err(StartError::resource)?;
    let keeps_payloads = rules.rules().any(|rule| policy.verdict(rule.action) == Verdict::Inspect);
    Ok(Ruling { rules, policy, keeps_payloads, pac, record, users })
}

/// A CA that is there, or one made on the first start.
fn authority(dir: &Path) -> Result<Authority, StartError> {
    let now = OffsetDateTime::now_utc();
    let opened = match Authority::open(dir, now) {
        Err(AuthorityError::Missing(_)) => {
            let made = Authority::init(dir, now);
            if made.is_ok() {
                tracing::info!(dir = %dir.display(), "made a certificate authority");
            }
            made
        }
        other => other,
    };
    opened.map_err(|e| match e {
        AuthorityError::File { .. } => StartError::resource(e),
        unusable => unusable.into(),
    })
}

/// How origins are reached.
fn origins(
    config: &Config,
    own_ports: Vec<u16>,
    tasks: Tasks,
    outbound: Arc<Outbound>,
) -> Result<Arc<Origins>, StartError> {
    let roots = upstream::roots(&config.extra_roots)?;
    if roots.is_empty() {
        tracing::warn!("no certificate authority is trusted for origins; every https origin will be refused");
    }
    let tls = UpstreamTls::new(roots, config.totals.origin_tls).map_err(StartError::resource)?;
    let resolver = Resolver::new(config.hosts.clone(), config.totals.dial);
    let dialer = Dialer::new(resolver, config.forbidden.clone(), own_ports, config.totals.dial);
    let connector = Connector::new(dialer, tls, "origin", outbound);
    Ok(Arc::new(Origins { connector, tasks, response_head: config.totals.response_head }))
}

fn onboarding(authority: &Authority, proxy: SocketAddr) -> Onboarding {
    Onboarding::new(Settings {
        proxy,
        ca_pem: authority.pem.clone(),
        ca_der: authority.der.to_vec(),
        sha256: authority.sha256(),
        sha1: authority.sha1(),
        not_after: authority.not_after.date().to_string(),
        previous_pem: authority.previous_pem.clone(),
    })
}

/// The key that hashes session ids; kept, so that a session has one hash over restarts.
fn session_key(data: &Path) -> Result<hmac::Key, String> {
    let advice = "choose a folder that the gateway may write to (`data`)";
    crate::store::journal::files::folder(data)?;
    let path = data.join("session.key");
    let fail = |e: std::io::Error| format!("cannot keep {}: {e}: {advice}", path.display());
    let bytes = match fs::read(&path) {
        Ok(bytes) if bytes.len() == 32 => bytes,
        _ => {
            let mut fresh = vec![0_u8; 32];
            aws_lc_rs::rand::fill(&mut fresh)
                .map_err(|_unspecified| "the system gave no random numbers".to_owned())?;
            let mut options = fs::OpenOptions::new();
            let mut file =
                options.write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(fail)?;
            file.write_all(&fresh).map_err(fail)?;
            fresh
        }
    };
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}
