//! The origin of one tunnel: opened and verified before the client's handshake, opened again when the connection was
//! closed.
//!
//! A tunnel keeps at most one connection, in a `Slot`. With HTTP/1.1 a request takes it out and puts it back once it
//! has its response's head; with HTTP/2 all requests share it.

mod fault;
mod form;
mod head_deadline;
mod sender;
mod slot;

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Response;
use hyper::body::Incoming;

pub use self::fault::OriginFault;
use self::head_deadline::{HeadDeadline, Passed};
use self::sender::Sender;
use self::slot::Slot;
use super::body::Outgoing;
use super::guard::Guarded;
use super::handshake;
use super::timers::Timers;
use crate::host::Destination;
pub use crate::wire::connect::Connected;
use crate::wire::connect::{Connection, Connector};
use crate::wire::tasks::Tasks;
use crate::wire::tls::Alpn;
use crate::wire::tls::upstream::Offer;

/// How all origins are reached.
#[derive(Debug)]
pub struct Origins {
    /// Opens connections.
    pub connector: Connector,
    /// Run connections.
    pub tasks: Tasks,
    /// Longest wait for a response's head, counted from the last movement of the request's body
    /// (`limits.response_head_ms`).
    pub response_head: Duration,
}

/// The origin of one tunnel.
#[derive(Debug)]
pub struct Origin {
    origins: Arc<Origins>,
    destination: Destination,
    tls_name: Option<Arc<str>>,
    offer: Offer,
    slot: Mutex<Slot>,
    /// Held while a request opens a connection; holds the latest failure, for the requests that waited for it.
    opening: tokio::sync::Mutex<Option<OpenFailure>>,
    timers: Timers,
}

/// A connection that could not be opened.
#[derive(Debug)]
struct OpenFailure {
    at: Instant,
    fault: OriginFault,
}

impl Origin {
    /// An origin that is not connected yet; `tls_name` absent means plain HTTP.
    pub fn new(
        origins: Arc<Origins>,
        destination: Destination,
        tls_name: Option<Arc<str>>,
        offer: Offer,
    ) -> Self {
        Self {
            origins,
            destination,
            tls_name,
            offer,
            slot: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            timers: Timers::default(),
        }
    }

    /// Dials and verifies. A failure is also what the first request gets; the one after it tries again.
    pub async fn open(&self) -> Result<Connected, OriginFault> {
        let opened = self.connect().await;
        let mut slot = self.slot();
        match opened {
            Ok((sender, facts)) => {
                slot.keep(sender, facts.clone());
                Ok(facts)
            }
            Err(fault) => {
                slot.fail(fault.clone());
                Err(fault)
            }
        }
    }

    /// Facts about the latest connection; its durations are given once.
    pub fn connected(&self) -> Connected {
        self.slot().facts_once()
    }

    /// Sends a request and waits for the response's head. A request that a closed connection did not take, or a safe
    /// one that it did not answer, is sent once more over a new connection.
    pub async fn send(&self, request: Guarded<Outgoing>) -> Result<Response<Incoming>, OriginFault> {
        let mut request = request.into_outbound();
        let mut sender = self.sender().await?;
        let sent = Instant::now();
        let mut copy = if sender.may_be_closing(sent) { form::repeatable(&request) } else { None };
        let mut first = true;
        loop {
            let mut deadline = HeadDeadline::new(&self.timers, self.origins.response_head);
            if !sender.is_ready() {
                deadline.wait(None, pin!(sender.ready())).await.map_err(|passed| self.give_up(passed))?;
            }
            let frames = request.body().progress();
            let answer = deadline.wait(frames, pin!(sender.send(request))).await;
            let error = match answer.map_err(|passed| self.give_up(passed))? {
                Ok(response) => {
                    if let Sender::Http1(sender) = sender {
                        self.slot().give_back(sender, sent);
                    }
                    return Ok(response);
                }
                Err(error) => error,
            };
            let (unsent, fault) = fault::of_sending(error);
            // The origin may have closed just when the request was on its way; sending it again is safe.
            let closed = first && matches!(fault, OriginFault::Incomplete(_));
            let Some(again) = unsent.or_else(|| copy.take().map(|boxed| *boxed)).filter(|_| closed) else {
                return Err(fault);
            };
            (request, first) = (again, false);
            self.slot().lose();
            sender = self.sender().await?;
        }
    }

    /// The connection may be dead, so the next request gets another one.
    fn give_up(&self, _: Passed) -> OriginFault {
        self.slot().lose();
        OriginFault::Silent
    }

    /// The open connection, or a new one; requests that need one at the same time wait for one attempt.
    async fn sender(&self) -> Result<Sender, OriginFault> {
        if let Some(sender) = self.slot().take()? {
            return Ok(sender);
        }
        let asked = Instant::now();
        let mut latest = self.opening.lock().await;
        if let Some(sender) = self.slot().take()? {
            return Ok(sender);
        }
        if let Some(failure) = latest.as_ref().filter(|failure| failure.at >= asked) {
            return Err(failure.fault.clone());
        }
        let (sender, facts) = Box::pin(self.connect()).await.inspect_err(|fault| {
            *latest = Some(OpenFailure { at: Instant::now(), fault: fault.clone() });
        })?;
        let mut slot = self.slot();
        if slot.spoke_other_than(facts.alpn) {
            return Err(OriginFault::Http("it no longer speaks the protocol it spoke before".into()));
        }
        slot.lend(&sender, facts);
        Ok(sender)
    }

    async fn connect(&self) -> Result<(Sender, Connected), OriginFault> {
        let Origins { connector, tasks, .. } = &*self.origins;
        let connection = connector.connect(&self.destination, self.tls_name.as_deref(), self.offer).await?;
        let Connection { stream, facts } = connection;
        let sender = match facts.alpn {
            Alpn::Http2 => handshake::http2(stream, tasks).await.map(Sender::Http2),
            Alpn::Http1 | Alpn::None => handshake::http1(stream, tasks).await.map(Sender::from),
        };
        Ok((sender.map_err(|e| OriginFault::Http(e.to_string()))?, facts))
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
