//! Delivery to ClickHouse: the store's loop over a pool of connections of its own.

use std::sync::Arc;
use std::time::Duration;

use super::error::StartError;
use crate::config::Config;
use crate::store::journal::Journal;
use crate::store::sink::clickhouse::Delivery;
use crate::wire::connect::{Connector, Outbound};
use crate::wire::http::pool::{PoolConnector, pool};
use crate::wire::net::Dialer;
use crate::wire::net::forbidden::Forbidden;
use crate::wire::net::resolve::{Hosts, Resolver};
use crate::wire::tasks::Tasks;
use crate::wire::tls::upstream::Offer;
use crate::wire::tls::{UpstreamTls, upstream};

/// Time to connect, and as long for the TLS handshake.
const CONNECT: Duration = Duration::from_secs(5);
/// Bytes of an answer, its head included.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
/// An idle connection is closed after this. It is less than the three seconds of old versions of ClickHouse.
const IDLE: Duration = Duration::from_secs(2);

/// Delivery, where it is configured. No address is forbidden: the administrator named it, and no client of the proxy did.
/// `background` runs the connections.
pub(super) fn delivery(
    config: &Config,
    journal: &Journal,
    background: &Tasks,
    outbound: &Arc<Outbound>,
) -> Result<Option<Delivery>, StartError> {
    let Some(settings) = &config.clickhouse else { return Ok(None) };
    let roots = upstream::roots(&settings.extra_roots)?;
    let tls = UpstreamTls::new(roots, CONNECT).map_err(StartError::resource)?;
    let resolver = Resolver::new(Hosts::default(), CONNECT);
    let dialer = Dialer::new(resolver, Forbidden::default(), Vec::new(), CONNECT);
    let connector = Arc::new(Connector::new(dialer, tls, "clickhouse", Arc::clone(outbound)));
    let connector = PoolConnector::new(connector, Offer { http2: false, http1: true })
        .with_answers_of_at_most(ANSWER_MAX_BYTES);
    let http = clickhouse::Client::with_http_client(pool(connector, IDLE, background));
    let delivery = Delivery::new(settings.clone(), http, journal, &config.journal.dir);
    delivery.map(Some).map_err(|e| StartError::Delivery(e.into()))
}
