//! The parts that are made from the configuration alone.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::hmac;
use time::OffsetDateTime;

use super::error::StartError;
use super::reload::Reloader;
use crate::admin;
use crate::config::Config;
use crate::proxy::Front;
use crate::setup::PageFacts;
use crate::store::journal::files;
use crate::wire::connect::{Connector, Outbound};
use crate::wire::http::origin::Origins;
use crate::wire::net::Dialer;
use crate::wire::net::resolve::Resolver;
use crate::wire::tasks::Tasks;
use crate::wire::tls::{Authority, AuthorityError, UpstreamTls, upstream};

/// A CA that is there, or one made on the first start.
pub(super) fn authority(dir: &Path) -> Result<Authority, StartError> {
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
pub(super) fn origins(
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

/// What the set-up pages say about this gateway.
pub(super) fn page_facts(authority: &Authority, proxy: SocketAddr) -> PageFacts {
    PageFacts {
        proxy,
        ca_pem: authority.pem.clone(),
        ca_der: authority.der.to_vec(),
        sha256: authority.sha256(),
        sha1: authority.sha1(),
        not_after: authority.not_after.date().to_string(),
        previous_pem: authority.previous_pem.clone(),
    }
}

/// The key that hashes session ids; kept, so that a session has one hash over restarts.
pub(super) fn session_key(data: &Path) -> Result<hmac::Key, String> {
    let advice = "choose a folder that the gateway may write to (`data`)";
    files::folder(data)?;
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

/// What the admin listener shows and starts.
pub(super) fn admin(front: &Arc<Front>, reloader: &Arc<Reloader>) -> admin::Parts {
    let (serving, reloader) = (Arc::clone(front), Arc::clone(reloader));
    let obstacle = move || {
        if serving.tasks.is_closing() {
            return Some("draining");
        }
        (!serving.audit.accepts()).then_some("the event journal cannot store events")
    };
    admin::Parts {
        metrics: Arc::clone(&front.audit.metrics),
        obstacle: Arc::new(obstacle),
        reload: Arc::new(move || reloader.reload("POST /reload")),
    }
}
