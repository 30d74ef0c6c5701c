//! A plain socket to a server: TCP with keepalives, or a Unix socket.
//!
//! A server prints rows into its socket 8 KiB at a time, and each time wakes the reader, who then finds little to read. While rows stream,
//! the reader therefore gives its processor away for a moment before it sleeps: the server goes on, and the socket fills.

use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::settings::Keepalives;

/// A read of so many bytes belongs to a stream of rows; half of what a server sends at a time (`PQ_SEND_BUFFER_SIZE` in `pqcomm.c`).
const STREAM_BYTES: usize = 4096;
/// How often the processor is given away before the reader sleeps (measured on two cores, shared with the servers, `compare` of 2.8 M
/// rows: CPU 0.95 s without, 0.71 s with 2, 0.67 s with 4 and with 16; 0.9 of the time).
const YIELDS: u32 = 4;
/// Reads past the runtime's own, after which its other tasks have a turn: requests, cancellation, timers.
const READS_IN_A_ROW: u32 = 64;

/// A connected socket.
pub struct Socket {
    stream: SocketStream,
    is_streaming: bool,
    reads: u32,
}

/// One of two kinds of socket.
enum SocketStream {
    /// To an address.
    Tcp(TcpStream),
    /// To a path.
    Unix(UnixStream),
}

impl Socket {
    /// To the socket file in this directory.
    pub async fn unix(directory: &Path, port: u16) -> io::Result<Self> {
        let stream = UnixStream::connect(directory.join(format!(".s.PGSQL.{port}"))).await?;
        Ok(Self::new(SocketStream::Unix(stream)))
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
        Ok(Self::new(SocketStream::Tcp(stream)))
    }

    fn new(stream: SocketStream) -> Self {
        Self { stream, is_streaming: false, reads: 0 }
    }

    /// Reads past the runtime, which knows of new bytes only after the thread has slept. It stays asked to wake the task.
    fn read_after_yield(&mut self, cx: &Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.reads >= READS_IN_A_ROW {
            self.reads = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let socket = match &self.stream {
            SocketStream::Tcp(stream) => SockRef::from(stream),
            SocketStream::Unix(stream) => SockRef::from(stream),
        };
        for _ in 0..YIELDS {
            std::thread::yield_now();
            match (&*socket).read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    self.reads += 1;
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Pending
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        let before = buffer.filled().len();
        let mut polled = match &mut socket.stream {
            SocketStream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            SocketStream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        if polled.is_ready() {
            socket.reads = 0;
        } else if socket.is_streaming {
            polled = socket.read_after_yield(cx, buffer);
        }
        if polled.is_ready() {
            socket.is_streaming = buffer.filled().len() - before >= STREAM_BYTES;
        }
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            SocketStream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            SocketStream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            SocketStream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            SocketStream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            SocketStream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            SocketStream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Wake, Waker};

    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// Both ends: ours, and one for a thread of blocking writes.
    fn pair() -> (Socket, std::os::unix::net::UnixStream) {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (Socket::new(SocketStream::Unix(UnixStream::from_std(ours).unwrap())), theirs)
    }

    fn bytes() -> Vec<u8> {
        (0..=u8::MAX).cycle().take(40_000_000).collect()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_stream_is_read_to_its_end_in_order() {
        let (mut socket, mut theirs) = pair();
        let writer = std::thread::spawn(move || {
            // Writes of every size about that of a server, and pauses.
            let bytes = bytes();
            let mut rest = bytes.as_slice();
            for size in (1..=20_000).cycle().step_by(997) {
                let (now, later) = rest.split_at(size.min(rest.len()));
                theirs.write_all(now).unwrap();
                rest = later;
                if rest.is_empty() {
                    return;
                }
            }
        });
        let mut read = Vec::new();
        socket.read_to_end(&mut read).await.unwrap();
        assert!(read == bytes(), "{} bytes", read.len());
        writer.join().unwrap();
    }

    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn other_tasks_have_their_turns_while_a_stream_never_pauses() {
        let (mut socket, mut theirs) = pair();
        theirs.write_all(&[7; 1000]).unwrap();
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let cx = Context::from_waker(&waker);
        let mut read = || {
            let mut byte = [0];
            socket.read_after_yield(&cx, &mut ReadBuf::new(&mut byte)).is_ready()
        };
        for _ in 0..READS_IN_A_ROW {
            assert!(read());
            assert!(!woken.0.load(Ordering::Relaxed));
        }
        assert!(!read(), "a turn for the other tasks");
        assert!(woken.0.load(Ordering::Relaxed), "and then its own");
        assert!(read());
    }
}
