//! A bypassed tunnel: dialled before the client gets its 200, copied, counted, recorded with its server name.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::parts::Front;
use crate::audit::copy_failure;
use crate::proxy::hello::Greeted;
use crate::store::event::{Event, Failure, Mode};
use crate::verdict::{Blame, Verdict};
use crate::wire::net::splice::{Copied, Ended, splice};

/// The way to the origin of a bypassed tunnel.
#[derive(Debug)]
pub(super) struct BypassWay {
    pub(super) stream: TcpStream,
    /// Time to resolve and connect, in microseconds.
    pub(super) dial_us: u64,
    /// The reason on the bypass list when it was dialled.
    pub(super) reason: Arc<str>,
}

/// A tunnel that is not decrypted.
#[derive(Debug)]
pub(super) struct Spliced {
    client: Greeted,
    origin: BypassWay,
    /// Why it is not decrypted.
    reason: Arc<str>,
}

impl Spliced {
    pub(super) fn new(client: Greeted, origin: BypassWay, reason: Arc<str>) -> Self {
        Self { client, origin, reason }
    }

    /// Copies until both sides are done, then records.
    pub(super) async fn serve(mut self, front: &Front) {
        let started = Instant::now();
        let destination_ip = self.origin.stream.peer_addr().ok().map(|address| address.ip());
        let (copied, failure) = self.copy(front).await;
        if failure.is_none() && !front.audit.records_all() {
            return;
        }
        let (sni, ja4) =
            self.client.hello.take().map(|hello| (hello.sni, Some(hello.ja4))).unwrap_or_default();
        let asked = &self.client.asked;
        front.audit.write(Event {
            mode: Mode::Splice,
            sni: sni.map(Into::into),
            ja4: ja4.map(Into::into),
            destination_ip,
            bytes_up: copied.up,
            bytes_down: copied.down,
            verdict: Verdict::Bypass,
            reason: "the host is on the bypass list".into(),
            bypass_reason: Some(self.reason.to_string()),
            dial_us: Some(self.origin.dial_us),
            duration_us: Some(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX)),
            failure,
            ..front.audit.tunnel(&asked.person, Some(&asked.target), asked.began)
        });
    }

    async fn copy(&mut self, front: &Front) -> (Copied, Option<Failure>) {
        let (client, origin) = (&mut self.client, &mut self.origin);
        let said = client.said.len() as u64;
        if let Err(error) = origin.stream.write_all(&client.said).await {
            return (Copied::default(), Some(Failure::new(Blame::Origin, error)));
        }
        let (idle, stop) = (front.limits.splice_idle, front.tasks.cutting());
        let (mut copied, ended) = splice(&mut client.stream, &mut origin.stream, idle, stop).await;
        copied.up += said;
        if matches!(ended, Ended::Idle) {
            front.audit.metrics.limit("splice_idle_ms");
        }
        (copied, copy_failure(&ended))
    }
}
