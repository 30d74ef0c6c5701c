//! A connection to a mail server with a limit on received bytes.
//!
//! The SMTP client reads whole lines: without a limit, an endless line, also before encryption, would fill the memory.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The answers of a server to one message have a few kilobytes.
const BUDGET_BYTES: u64 = 1 << 20;

/// A stream that a budget can wrap.
pub trait Raw: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> Raw for T {}

/// The connection and the remaining budget.
#[derive(Debug)]
pub struct Budget {
    inner: Box<dyn Raw>,
    peer: SocketAddr,
    left: u64,
}

impl Budget {
    /// A connection with the whole budget.
    pub fn new(inner: impl Raw + 'static, peer: SocketAddr) -> Self {
        Self { inner: Box::new(inner), peer, left: BUDGET_BYTES }
    }
}

impl AsyncTokioStream for Budget {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Budget {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("the server sent more than 1 MiB, which no mail server does")));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        self.left = self.left.saturating_sub((buffer.filled().len() - before) as u64);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Budget {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn a_server_that_never_ends_a_line_is_heard_up_to_its_budget() {
        let mut stream =
            Budget::new(tokio::io::join(tokio::io::repeat(b'x'), tokio::io::sink()), ([127, 0, 0, 1], 25).into());
        let mut heard = Vec::new();
        let error = stream.read_to_end(&mut heard).await.unwrap_err();
        assert!(error.to_string().contains("more than 1 MiB"), "{error}");
        assert!(heard.len() as u64 <= 2 * BUDGET_BYTES, "{}", heard.len());
    }
}
