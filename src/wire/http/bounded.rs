//! A stream on which one answer may only be so long.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Fails when more bytes than the limit are read without a write between them. Over HTTP/1.1, where a request is written
/// before its answer is read, this bounds the whole answer, head included: libraries exist that collect one without a limit.
#[derive(Debug)]
pub struct Bounded<S> {
    stream: S,
    max_bytes: usize,
    read_bytes: usize,
}

impl<S> Bounded<S> {
    /// A stream whose answers have at most so many bytes.
    pub(super) fn new(stream: S, max_bytes: usize) -> Self {
        Self { stream, max_bytes, read_bytes: 0 }
    }

    /// The stream itself.
    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.read_bytes += buf.filled().len() - before;
        if self.read_bytes > self.max_bytes {
            let message = format!("the answer has more than {} bytes", self.max_bytes);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.read_bytes = 0;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.read_bytes = 0;
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn every_answer_may_have_the_whole_limit_and_not_a_byte_more() {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut near = Bounded::new(near, 10);
        let mut answer = [0; 10];
        for _ in 0..3 {
            near.write_all(b"a request").await.unwrap();
            far.write_all(b"ten bytes!").await.unwrap();
            near.read_exact(&mut answer).await.unwrap();
        }
        far.write_all(b"!").await.unwrap();
        let error = near.read_exact(&mut answer[..1]).await.unwrap_err();
        assert_eq!(error.to_string(), "the answer has more than 10 bytes");
    }
}
