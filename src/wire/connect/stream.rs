//! The bytes of an opened connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::wire::tls::Alpn;

/// TCP, or TLS over TCP.
#[derive(Debug)]
pub enum Stream {
    /// Without TLS.
    Tcp(TcpStream),
    /// Behind a verified handshake.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// The application protocol that TLS agreed on.
    pub fn alpn(&self) -> Alpn {
        match self {
            Self::Tcp(_) => Alpn::None,
            Self::Tls(stream) => Alpn::of(stream.get_ref().1.alpn_protocol()),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<Box<TlsStream<TcpStream>>> for Stream {
    fn from(stream: Box<TlsStream<TcpStream>>) -> Self {
        Self::Tls(stream)
    }
}

/// Calls the method of whichever stream it is.
macro_rules! delegate {
    ($self:expr, $method:ident $(, $argument:expr)*) => {
        match Pin::get_mut($self) {
            Stream::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Tls(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_read, cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write, cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, poll_write_vectored, cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_flush, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, poll_shutdown, cx)
    }
}
