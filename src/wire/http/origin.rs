//! One connection to an origin for one client: opened and verified first, reopened when the origin closed it.

mod form;
mod sender;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::rt::Timer as _;

use self::sender::Sender;
use super::timers::{Timer, Timers};
use super::{Outgoing, handshake};
use crate::host::Destination;
pub use crate::wire::connect::Connected;
use crate::wire::connect::{ConnectError, Connection, Connector};
use crate::wire::net::DialError;
use crate::wire::tasks::Tasks;
use crate::wire::tls::upstream::Offer;
use crate::wire::tls::{Alpn, VerifyError};

/// An origin that closes idle connections does not do it sooner than this.
const RACE: Duration = Duration::from_millis(500);
/// How often a request that waits for its response's head is looked at before it is given up.
const LOOKS: u32 = 8;
/// How all origins are reached.
#[derive(Debug)]
pub struct Origins {
    /// Opens connections.
    pub connector: Connector,
    /// Run connections.
    pub tasks: Tasks,
    /// Longest wait for a response's head (`limits.response_head_ms`).
    pub response_head: Duration,
}

/// Why an origin gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginFault {
    /// Not reached.
    #[error("{0}")]
    Dial(#[from] DialError),
    /// Not trusted.
    #[error("{0}")]
    Tls(#[from] VerifyError),
    /// The origin broke the protocol.
    #[error("the origin's HTTP failed: {0}")]
    Http(String),
    /// The connection ended before the response's head.
    #[error("the origin closed the connection before it answered: {0}")]
    Incomplete(String),
    /// No response head in time.
    #[error("the origin did not answer in time")]
    Silent,
    /// The client's own body broke off.
    #[error("the request's body ended early: {0}")]
    RequestBody(String),
}

impl From<ConnectError> for OriginFault {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Dial(error) => Self::Dial(error),
            ConnectError::Tls(error) => Self::Tls(error),
        }
    }
}

/// The origin of one tunnel.
#[derive(Debug)]
pub struct Origin {
    origins: Arc<Origins>,
    destination: Destination,
    tls_name: Option<Arc<str>>,
    offer: Offer,
    slot: Mutex<Slot>,
    opening: tokio::sync::Mutex<()>,
    timers: Timers,
}

#[derive(Debug, Default)]
struct Slot {
    sender: Option<Sender>,
    connected: Connected,
    /// What opening the tunnel ended in, for its first request; the next one tries again.
    fault: Option<OriginFault>,
    /// The latest failure, for all who waited for the same attempt.
    failed: Option<(Instant, OriginFault)>,
    fresh: bool,
    /// When the latest request was sent that an HTTP/1.1 connection answered.
    used: Option<Instant>,
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

    /// Dials and verifies; the result is remembered for the first request.
    pub async fn open(&self) -> Result<Connected, OriginFault> {
        match self.connect().await {
            Ok((sender, connected)) => {
                let mut slot = self.slot();
                (slot.sender, slot.connected, slot.fresh) = (Some(sender), connected.clone(), true);
                Ok(connected)
            }
            Err(fault) => {
                self.slot().fault = Some(fault.clone());
                Err(fault)
            }
        }
    }

    /// Facts about the latest connection; the durations are given once.
    pub fn connected(&self) -> Connected {
        let mut slot = self.slot();
        let mut connected = slot.connected.clone();
        if !slot.fresh {
            (connected.dial, connected.handshake) = (Duration::ZERO, Duration::ZERO);
        }
        slot.fresh = false;
        connected
    }

    /// Sends a request; a connection that the origin closed while it was idle is replaced once.
    pub async fn send(&self, mut request: Request<Outgoing>) -> Result<Response<Incoming>, OriginFault> {
        let mut sender = self.sender().await?;
        let now = Instant::now();
        let mut again = if self.may_race(&sender, now) { form::repeatable(&request) } else { None };
        let mut first = true;
        loop {
            let mut patience = self.patience();
            if !sender.is_ready() {
                self.patient(&mut patience, None, pin!(sender.ready())).await?;
            }
            let progress = request.body().progress();
            let sent = self.patient(&mut patience, progress, pin!(sender.send(request))).await?;
            let error = match sent {
                Ok(response) => {
                    if let Sender::Http1(_) = &sender {
                        let mut slot = self.slot();
                        (slot.sender, slot.used) = (Some(sender), Some(now));
                    }
                    return Ok(response);
                }
                Err(error) => error,
            };
            let (unsent, fault) = failed(error);
            // The origin may have closed just when the request was on its way; asking again is safe.
            let closed = first && matches!(fault, OriginFault::Incomplete(_));
            let Some(next) = unsent.or_else(|| again.take().map(|boxed| *boxed)).filter(|_| closed) else {
                return Err(fault);
            };
            (request, first) = (next, false);
            self.slot().sender = None;
            sender = self.sender().await?;
        }
    }

    /// True when the origin may be closing the connection just now: HTTP/2 says so at any time (RFC 9113, section 6.8),
    /// HTTP/1.1 closes what was idle.
    fn may_race(&self, sender: &Sender, now: Instant) -> bool {
        match sender {
            Sender::Http1(_) => self.slot().used.is_some_and(|used| now.duration_since(used) > RACE),
            Sender::Http2(_) => true,
        }
    }

    fn patience(&self) -> Patience {
        let step = self.origins.response_head / LOOKS;
        Patience { timer: self.timers.until(self.timers.now() + step), step, still: 0 }
    }

    /// Waits for a response's head as long as the request's body moves; then for `response_head`.
    async fn patient<T>(
        &self,
        patience: &mut Patience,
        progress: Option<Arc<AtomicU64>>,
        mut attempt: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, OriginFault> {
        let moved = || progress.as_ref().map(|frames| frames.load(Ordering::Relaxed));
        let mut before = moved();
        loop {
            let first = poll_fn(|cx| match attempt.as_mut().poll(cx) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending => Pin::new(&mut patience.timer).poll(cx).map(|()| None),
            });
            if let Some(done) = first.await {
                return Ok(done);
            }
            let now = moved();
            patience.still = if now == before { patience.still + 1 } else { 0 };
            if patience.still >= LOOKS {
                // The connection may be dead; the next request gets another one.
                self.slot().sender = None;
                return Err(OriginFault::Silent);
            }
            patience.timer.set(self.timers.now() + patience.step);
            before = now;
        }
    }

    async fn sender(&self) -> Result<Sender, OriginFault> {
        if let Some(sender) = self.existing()? {
            return Ok(sender);
        }
        let since = Instant::now();
        let _one_at_a_time = self.opening.lock().await;
        if let Some(sender) = self.existing()? {
            return Ok(sender);
        }
        if let Some((_, fault)) = self.slot().failed.as_ref().filter(|(at, _)| *at >= since) {
            return Err(fault.clone());
        }
        let (sender, connected) = Box::pin(self.connect()).await.inspect_err(|fault| {
            self.slot().failed = Some((Instant::now(), fault.clone()));
        })?;
        let mut slot = self.slot();
        let expected = slot.connected.alpn;
        if slot.connected.ip.is_some() && (expected == Alpn::Http2) != (connected.alpn == Alpn::Http2) {
            return Err(OriginFault::Http("it no longer speaks the protocol it spoke before".into()));
        }
        (slot.connected, slot.fresh) = (connected, true);
        if let Sender::Http2(shared) = &sender {
            slot.sender = Some(Sender::Http2(shared.clone()));
        }
        Ok(sender)
    }

    /// The open connection: taken when it carries one request at a time, shared otherwise.
    fn existing(&self) -> Result<Option<Sender>, OriginFault> {
        let mut slot = self.slot();
        if let Some(fault) = slot.fault.take() {
            return Err(fault);
        }
        let taken = slot.sender.take().filter(|sender| !sender.is_closed());
        if let Some(Sender::Http2(shared)) = &taken {
            slot.sender = Some(Sender::Http2(shared.clone()));
        }
        Ok(taken)
    }

    async fn connect(&self) -> Result<(Sender, Connected), OriginFault> {
        let Origins { connector, tasks, .. } = &*self.origins;
        let connection = connector.connect(&self.destination, self.tls_name.as_deref(), self.offer).await?;
        let Connection { stream, facts } = connection;
        let sender = match facts.alpn {
            Alpn::Http2 => handshake::http2(stream, tasks).await.map(Sender::Http2),
            Alpn::Http1 | Alpn::None => handshake::http1(stream, tasks).await.map(Sender::Http1),
        };
        Ok((sender.map_err(|e| OriginFault::Http(e.to_string()))?, facts))
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a request may still wait for its response's head.
struct Patience {
    timer: Timer,
    step: Duration,
    /// Looks in a row that found nothing moved.
    still: u32,
}

/// The request, when nothing of it was sent, and what went wrong.
fn failed(mut error: TrySendError<Request<Outgoing>>) -> (Option<Request<Outgoing>>, OriginFault) {
    match error.take_message() {
        Some(request) => (Some(request), OriginFault::Incomplete("it closes every connection".into())),
        None => (None, fault(&error.into_error())),
    }
}

/// hyper's error by whose fault it is.
fn fault(error: &hyper::Error) -> OriginFault {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let text = if cause.is_empty() { error.to_string() } else { format!("{error}: {cause}") };
    if error.is_user() {
        OriginFault::RequestBody(text)
    } else if error.is_parse() {
        OriginFault::Http(text)
    } else {
        OriginFault::Incomplete(text)
    }
}

#[cfg(test)]
mod tests;
