//! A plain socket to a server: TCP with keepalives, or a Unix socket.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::settings::Keepalives;

/// One of two kinds of socket.
pub enum Socket {
    /// To an address.
    Tcp(TcpStream),
    /// To a path.
    Unix(UnixStream),
}

impl Socket {
    /// To the socket file in this directory.
    pub async fn unix(directory: &Path, port: u16) -> io::Result<Self> {
        UnixStream::connect(directory.join(format!(".s.PGSQL.{port}"))).await.map(Self::Unix)
    }

    /// To this address.
    pub(super) async fn tcp(address: IpAddr, port: u16, keepalives: &Keepalives) -> io::Result<Self> {
        let stream = TcpStream::connect((address, port)).await?;
        stream.set_nodelay(true)?;
        if keepalives.is_on {
            let settings = TcpKeepalive::new()
                .with_time(keepalives.idle)
                .with_interval(keepalives.interval)
                .with_retries(keepalives.retries);
            SockRef::from(&stream).set_tcp_keepalive(&settings)?;
        }
        #[cfg(target_os = "linux")]
        SockRef::from(&stream).set_tcp_user_timeout(keepalives.user_timeout)?;
        Ok(Self::Tcp(stream))
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
