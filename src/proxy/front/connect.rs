//! A CONNECT: checked, answered with 200, then decided about by its names.

use std::sync::Arc;
use std::time::Instant;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tracing::{Span, field};

use super::parts::Front;
use super::splice::{BypassWay, Spliced};
use crate::audit::Beginning;
use crate::clock::now_s;
use crate::host::Destination;
use crate::host::destination::normal_host;
use crate::identity::Person;
use crate::proxy::hello::{ConnectRequest, Entered, Greeted, Ungreeted};
use crate::proxy::intercept::Decrypting;
use crate::ruling::TunnelNames;
use crate::ruling::decide::{self, Answering, Decided, Prepared};
use crate::store::event::{Event, Failure};
use crate::telemetry::labels::Decision;
use crate::verdict::Blame;
use crate::wire::http::{Body, OriginFault};
use crate::wire::listener::ConnectionPermit;

/// A CONNECT that was answered with 200.
#[derive(Debug)]
pub(super) struct Connect {
    upgrade: OnUpgrade,
    asked: ConnectRequest,
    /// Dialled before the 200, when the target is on the bypass list.
    bypass: Option<BypassWay>,
}

impl Front {
    /// Checks a CONNECT. The target of a bypass is dialled now, so that a failure can be told honestly.
    pub(super) async fn connect(
        &self,
        person: Person,
        request: &Request<Incoming>,
        upgrade: OnUpgrade,
        permit: Arc<ConnectionPermit>,
    ) -> Result<Box<Connect>, Box<Response<Body>>> {
        let (began, headers) = (Beginning::now(), request.headers());
        let authority = request.uri().authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let target = Destination::parse(authority, None)
            .map_err(|bad| Box::new(self.refuse_target(&person, headers, bad)))?;
        if !self.allows_port(target.port) {
            return Err(Box::new(self.refuse_port(&person, &target, headers)));
        }
        if !self.audit.accepts() {
            return Err(Box::new(self.refuse_unrecorded(headers)));
        }
        let span = Span::current();
        span.record("event_id", field::display(began.id)).record("to", field::display(&target));
        let mut bypass = None;
        if let Some(reason) = decide::bypassed(&self.in_force.load(), &target, now_s()) {
            let started = Instant::now();
            let dialled = self.origins.connector.dial(&target).await.map_err(|error| {
                Box::new(self.dial_failed(&person, &target, headers, &OriginFault::Dial(error)))
            })?;
            let dial_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            tracing::debug!(%reason, dial_us, "the bypass is dialled");
            bypass = Some(BypassWay { stream: dialled.stream, dial_us, reason });
        }
        Ok(Box::new(Connect { upgrade, asked: ConnectRequest { person, target, began, permit }, bypass }))
    }

    fn allows_port(&self, port: u16) -> bool {
        self.connect_ports.iter().any(|&(low, high)| (low..=high).contains(&port))
    }
}

impl Connect {
    /// Decides about the tunnel. A bypassed one is served here to its end, every other one is handed on to be decrypted.
    pub(super) async fn decide(self: Box<Self>, front: &Front) -> Option<Box<Decrypting>> {
        let Self { upgrade, asked, bypass } = *self;
        let entered = enter(upgrade, asked).await?;
        let greeted = match entered.greet(front.limits.hello, &front.audit.metrics).await {
            Ok(greeted) => greeted,
            Err(ungreeted) => {
                Box::pin(serve_ungreeted(front, ungreeted, bypass)).await;
                return None;
            }
        };
        let (host, decided) = decide_by_names(front, &greeted, bypass);
        count(front, &decided);
        let (judged, answering) = match decided {
            Decided::Bypass { reason, way } => {
                Box::pin(Spliced::new(greeted, way, reason).serve(front)).await;
                return None;
            }
            Decided::Answer { with, judged } => (judged, Some(with)),
            Decided::Intercept { judged } => (judged, None),
        };
        Some(Box::new(Decrypting { greeted, host, judged, answering }))
    }
}

/// Takes the connection over from the HTTP parser.
async fn enter(upgrade: OnUpgrade, asked: ConnectRequest) -> Option<Entered> {
    let upgraded = upgrade.await.ok()?;
    let Parts { io, read_buf, .. } = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    Some(Entered { stream: io.into_inner(), already: read_buf, asked })
}

/// The host that requests must name, and what happens to the tunnel.
fn decide_by_names(
    front: &Front,
    greeted: &Greeted,
    bypass: Option<BypassWay>,
) -> (Destination, Decided<BypassWay>) {
    let sni = greeted.hello.as_ref().and_then(|hello| hello.sni.as_deref());
    let target = &greeted.asked.target;
    let host = match sni.and_then(|sni| normal_host(sni).ok()) {
        Some(host) => Destination { host, port: target.port },
        None => target.clone(),
    };
    let names = TunnelNames { person: &greeted.asked.person, host: &host, sni };
    let prepared = bypass.map(|way| Prepared { target, way });
    let decided = decide::decide(&front.in_force.load(), &names, prepared, now_s());
    tracing::debug!(%host, sni, decision = decided.as_str(), "decided by the names");
    (host, decided)
}

fn count(front: &Front, decided: &Decided<BypassWay>) {
    if matches!(decided, Decided::Answer { with: Answering::OwnPages, .. }) {
        return;
    }
    let decision = decided.as_str();
    front.audit.metrics.tunnels.get_or_create(&Decision { decision }).inc();
}

/// A bypassed origin may be the one that speaks first; every other silent tunnel ends here.
async fn serve_ungreeted(front: &Front, ungreeted: Box<Ungreeted>, bypass: Option<BypassWay>) {
    let Ungreeted { entered, sentence } = *ungreeted;
    tracing::debug!(reason = sentence, "the client said nothing that can be read");
    // Bytes that the client sent were not checked against the list, so only a client that sent none is spliced.
    if let Some(bypass) = bypass.filter(|_| entered.already.is_empty()) {
        let reason = Arc::clone(&bypass.reason);
        front.audit.metrics.tunnels.get_or_create(&Decision { decision: "bypass" }).inc();
        return Spliced::new(entered.unheard(), bypass, reason).serve(front).await;
    }
    let ConnectRequest { person, target, began, .. } = &entered.asked;
    front.audit.write(Event {
        reason: "the tunnel never became an exchange".into(),
        failure: Some(Failure::new(Blame::Client, sentence)),
        ..front.audit.tunnel(person, Some(target), *began)
    });
}
