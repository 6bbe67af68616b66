//! Copies bytes both ways until both sides are done, with an idle limit.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Buffer for one direction.
const BUFFER_BYTES: usize = 16 * 1024;
/// After one side has finished, the other gets this long before the connection is closed.
const LINGER: Duration = Duration::from_secs(60);

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Bytes from the first to the second stream.
    pub up: u64,
    /// Bytes from the second to the first stream.
    pub down: u64,
}

/// Copies between two streams; returns the counts and why it ended, `None` for an orderly end.
pub async fn splice<A, B>(client: &mut A, origin: &mut B, idle: Duration) -> (Copied, Option<String>)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (mut up, mut down) = (Direction::new(), Direction::new());
    let sleep = sleep_until(Instant::now() + idle);
    let mut sleep = std::pin::pin!(sleep);
    let mut limit = idle;
    let outcome = poll_fn(|cx| {
        let before = up.copied + down.copied;
        let first = up.poll(cx, client, origin)?;
        let second = down.poll(cx, origin, client)?;
        if first.is_ready() && second.is_ready() {
            return Poll::Ready(Ok(None));
        }
        let half_closed = first.is_ready() || second.is_ready();
        let now = if half_closed { LINGER.min(idle) } else { idle };
        if up.copied + down.copied != before || now != limit {
            limit = now;
            sleep.as_mut().reset(Instant::now() + limit);
        }
        poll_idle(cx, sleep.as_mut())
    })
    .await;
    let why = match outcome {
        Ok(why) => why,
        Err(error) => Some(error.to_string()),
    };
    (Copied { up: up.copied, down: down.copied }, why)
}

fn poll_idle(cx: &mut Context<'_>, sleep: Pin<&mut Sleep>) -> Poll<io::Result<Option<String>>> {
    ready!(sleep.poll(cx));
    Poll::Ready(Ok(Some("nothing was sent for the idle limit".into())))
}

struct Direction {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    finished: bool,
    closed: bool,
    copied: u64,
}

impl Direction {
    fn new() -> Self {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self { buffer, start: 0, end: 0, finished: false, closed: false, copied: 0 }
    }

    fn poll<R, W>(&mut self, cx: &mut Context<'_>, from: &mut R, to: &mut W) -> io::Result<Poll<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            if self.closed {
                return Ok(Poll::Ready(()));
            }
            if self.start < self.end {
                let pending = self.buffer.get(self.start..self.end).unwrap_or_default();
                let Poll::Ready(written) = Pin::new(&mut *to).poll_write(cx, pending)? else {
                    return Ok(Poll::Pending);
                };
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                self.start += written;
                self.copied += written as u64;
            } else if self.finished {
                let Poll::Ready(()) = Pin::new(&mut *to).poll_shutdown(cx)? else { return Ok(Poll::Pending) };
                self.closed = true;
            } else if self.fill(cx, from, to)?.is_pending() {
                return Ok(Poll::Pending);
            }
        }
    }

    /// Reads more; while there is nothing to read, what was written must not linger in a buffer.
    fn fill<R, W>(&mut self, cx: &mut Context<'_>, from: &mut R, to: &mut W) -> io::Result<Poll<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut buf = ReadBuf::new(&mut self.buffer);
        let Poll::Ready(()) = Pin::new(from).poll_read(cx, &mut buf)? else {
            let Poll::Ready(()) = Pin::new(to).poll_flush(cx)? else { return Ok(Poll::Pending) };
            return Ok(Poll::Pending);
        };
        (self.start, self.end) = (0, buf.filled().len());
        self.finished = self.end == 0;
        Ok(Poll::Ready(()))
    }
}
