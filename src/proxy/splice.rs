//! A bypassed tunnel: dialled before the client gets its 200, copied, counted, recorded with its SNI.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use uuid::Uuid;

use super::Client;
use super::gateway::{Gateway, Record};
use crate::clock::now_us;
use crate::host::Destination;
use crate::store::event::{Event, Failure, Mode};
use crate::telemetry::labels::Decision;
use crate::verdict::{Blame, Verdict};
use crate::wire::net::splice::{Copied, Ended, splice};

/// A tunnel that is not decrypted.
#[derive(Debug)]
pub struct Spliced {
    /// The client's connection.
    pub client_stream: TcpStream,
    /// What the client said so far.
    pub said: Bytes,
    /// The origin's connection.
    pub origin_stream: TcpStream,
    /// Who.
    pub client: Client,
    /// Where to.
    pub destination: Destination,
    /// Server name of the hello, for the record.
    pub sni: Option<String>,
    /// Fingerprint of the hello.
    pub ja4: Option<String>,
    /// Why it is not decrypted.
    pub reason: Arc<str>,
    /// When the CONNECT came, microseconds since the Unix epoch.
    pub at_us: i64,
    /// Time to dial, in microseconds.
    pub dial_us: u64,
}

impl Spliced {
    /// Copies until both sides are done, then records.
    pub async fn run(mut self, gateway: &Gateway) {
        gateway.metrics.tunnels.get_or_create(&Decision { decision: "bypass" }).inc();
        let started = Instant::now();
        let ip = self.origin_stream.peer_addr().ok().map(|address| address.ip());
        let (copied, failure) = self.copy(gateway).await;
        if gateway.ruling.load().record == Record::Detections && failure.is_none() {
            return;
        }
        let duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        gateway.journal.append(Event {
            mode: Mode::Splice,
            sni: self.sni.take().map(Into::into),
            ja4: self.ja4.take().map(Into::into),
            destination_ip: ip,
            bytes_up: copied.up,
            bytes_down: copied.down,
            verdict: Verdict::Bypass,
            reason: "the host is on the bypass list".into(),
            bypass_reason: Some(self.reason.to_string()),
            dial_us: Some(self.dial_us),
            duration_us: Some(duration_us),
            failure,
            ..tunnel_event(gateway, &self.client, &self.destination, self.at_us)
        });
    }

    async fn copy(&mut self, gateway: &Gateway) -> (Copied, Option<Failure>) {
        let said = self.said.len() as u64;
        if let Err(error) = self.origin_stream.write_all(&self.said).await {
            return (Copied::default(), Some(Failure::new(Blame::Origin, error)));
        }
        let idle = gateway.limits.splice_idle;
        let stop = gateway.tasks.cutting();
        let (mut copied, ended) = splice(&mut self.client_stream, &mut self.origin_stream, idle, stop).await;
        copied.up += said;
        if matches!(ended, Ended::Idle) {
            gateway.metrics.limit("splice_idle_ms");
        }
        (copied, failure(&ended))
    }
}

/// Why a tunnel ended; an orderly end is no failure. Which of the two peers broke off is not known.
pub fn failure(ended: &Ended) -> Option<Failure> {
    match ended {
        Ended::Orderly => None,
        Ended::Stopped => Some(Failure::new(Blame::Gateway, ended)),
        Ended::Idle | Ended::Broken(_) => Some(Failure::of_nobody(ended)),
    }
}

/// The event of a tunnel that never became an exchange.
pub fn tunnel_event(gateway: &Gateway, client: &Client, to: &Destination, at_us: i64) -> Event {
    Event {
        time_us: at_us,
        id: Uuid::now_v7(),
        gateway: gateway.name.clone(),
        client_ip: Some(client.ip),
        user: client.user.as_ref().map(|user| Arc::clone(&user.name)),
        groups: client.user.as_ref().map(|user| Arc::clone(&user.groups)).unwrap_or_default(),
        host: Arc::clone(&to.host),
        port: to.port,
        method: Some("CONNECT".into()),
        rule_set: gateway.ruling.load().rules.hash.clone(),
        is_mcp: "none",
        duration_us: u64::try_from(now_us().saturating_sub(at_us)).ok(),
        ..Event::default()
    }
}
