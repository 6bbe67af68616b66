//! Copies bytes between two connections, both ways, until both are done or silent for too long.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep};

/// Size of the buffer of one direction.
const BUFFER_BYTES: usize = 16 * 1024;
/// After one side has finished, the other gets this long before the connection is closed.
const LINGER: Duration = Duration::from_secs(60);

/// How many bytes were copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Bytes from the first to the second stream.
    pub up: u64,
    /// Bytes from the second to the first stream.
    pub down: u64,
}

/// Why copying ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// Both sides closed in order.
    #[error("both sides are done")]
    Orderly,
    /// Neither side sent anything for the idle limit.
    #[error("nothing was sent for the idle limit (limits.splice_idle_ms)")]
    Idle,
    /// The gateway is shutting down.
    #[error("it is shutting down")]
    Stopped,
    /// Reading from or writing to one side failed.
    #[error("{0}")]
    Broken(#[from] io::Error),
}

/// Copies between two streams until both are done, one fails, neither sends anything for `idle`, or `stop` resolves.
pub async fn splice<A, B>(
    client: &mut A,
    origin: &mut B,
    idle: Duration,
    stop: impl Future<Output = ()>,
) -> (Copied, Ended)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (mut up, mut down) = (Direction::new(), Direction::new());
    let (mut sleep, mut stop) = (pin!(sleep(idle)), pin!(stop));
    let mut limit = idle;
    let outcome = poll_fn(|cx| {
        let before = up.copied + down.copied;
        let first = up.poll(cx, client, origin)?;
        let second = down.poll(cx, origin, client)?;
        if first.is_ready() && second.is_ready() {
            return Poll::Ready(Ok(Ended::Orderly));
        }
        let half_closed = first.is_ready() || second.is_ready();
        let now = if half_closed { LINGER.min(idle) } else { idle };
        if up.copied + down.copied != before || now != limit {
            limit = now;
            sleep.as_mut().reset(Instant::now() + limit);
        }
        if stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(Ended::Stopped));
        }
        sleep.as_mut().poll(cx).map(|()| Ok(Ended::Idle))
    });
    let ended = outcome.await.unwrap_or_else(Ended::Broken);
    (Copied { up: up.copied, down: down.copied }, ended)
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

    /// Reads more. While there is nothing to read, it flushes what was written, which must not linger in a buffer.
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

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const IDLE: Duration = Duration::from_secs(600);

    #[tokio::test(start_paused = true)]
    async fn both_directions_are_copied_and_counted_until_both_are_done() {
        let ((mut user, mut client), (mut origin, server)) = (duplex(64), duplex(64));
        let (mut from_server, mut to_server) = tokio::io::split(server);
        let run = splice(&mut client, &mut origin, IDLE, pending());
        let talk = async {
            user.write_all(&[b'u'; 1000]).await.unwrap();
            user.shutdown().await.unwrap();
            user.read_to_end(&mut Vec::new()).await.unwrap()
        };
        let answer = async {
            let up = from_server.read_to_end(&mut Vec::new()).await.unwrap();
            to_server.write_all(b"answer").await.unwrap();
            to_server.shutdown().await.unwrap();
            up
        };
        let ((copied, ended), down, up) = tokio::join!(run, talk, answer);
        assert!(matches!(ended, Ended::Orderly));
        assert_eq!((copied, up, down), (Copied { up: 1000, down: 6 }, 1000, 6));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_after_the_idle_limit_and_much_sooner_when_one_side_has_left() {
        for (leaves, expected) in [(false, IDLE), (true, LINGER)] {
            let ((mut user, mut client), (mut origin, _server)) = (duplex(64), duplex(64));
            if leaves {
                user.shutdown().await.unwrap();
            }
            let started = Instant::now();
            let (_, ended) = splice(&mut client, &mut origin, IDLE, pending()).await;
            assert!(matches!(ended, Ended::Idle), "{ended}");
            assert_eq!(started.elapsed().as_secs(), expected.as_secs());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_when_told_and_keeps_its_counts() {
        let ((mut user, mut client), (mut origin, _server)) = (duplex(64), duplex(64));
        user.write_all(b"hello").await.unwrap();
        let (copied, ended) = splice(&mut client, &mut origin, IDLE, sleep(LINGER)).await;
        assert!(matches!(ended, Ended::Stopped), "{ended}");
        assert_eq!(copied.up, 5);
    }
}
