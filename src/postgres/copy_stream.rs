//! An interceptor on the stream from the server: rows of a COPY are taken where they lie, everything else passes on.
//!
//! tokio-postgres gives every row a message, an allocation count and a trip through two queues; measured, that costs more than
//! all our hashing. So did batches for other threads: the reader passes the lines of its buffer to the receiver, which
//! hashes them in the cache. The interceptor parses one part of the protocol, the frame (a type byte and a length; PostgreSQL manual,
//! "Message Flow"), and takes the payload of CopyData frames out while a COPY that was asked to be intercepted is under way.
//! It never changes what the server is told, nor any other frame, save two: of the COPYs in an intercepted query, of which tokio-postgres
//! knows one at most, it takes out the frames that begin and end each of them. Without an interceptor rows reach tokio-postgres as usual.

mod intercept;
mod limits;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

pub use intercept::{CopyEvent, CopyRouter, CopySink};

use crate::model::hashing::{Batch, Lines};
use limits::StreamLimits;

/// Lines handed over at a time.
const LINES: usize = 1024;
/// Bytes asked of the socket at a time.
const BUFFER_BYTES: usize = 256 * 1024;
/// A type byte and a length.
const HEADER_BYTES: usize = 5;

/// A stream with an interceptor on its reading side.
pub struct CopyInterceptor<S> {
    inner: S,
    router: CopyRouter,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    state: StreamState,
    sink: Option<CopySink>,
    /// Where whole lines lie in the buffer.
    spans: Vec<(usize, usize)>,
    /// What does not come a whole line a frame, or does not fit into the buffer.
    batch: Batch,
    limits: StreamLimits,
}

/// Where in a frame the next byte belongs.
#[derive(Debug, Clone, Copy)]
enum StreamState {
    Header,
    /// So many bytes go on to the reader.
    Pass(usize),
    /// So many bytes are of a row.
    Row(usize),
    /// So many bytes go nowhere.
    Drop(usize),
    /// The COPY is over: the last batch goes before the frame that says so.
    Last(usize),
    /// This cannot be, or is too much.
    Refused(&'static str),
}

impl<S> CopyInterceptor<S> {
    /// Nothing is intercepted until asked for.
    pub fn new(inner: S, router: CopyRouter) -> Self {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        let (spans, batch) = (Vec::new(), Batch::default());
        let (state, sink) = (StreamState::Header, None);
        let limits = StreamLimits::default();
        Self { inner, router, buffer, start: 0, end: 0, state, sink, spans, batch, limits }
    }

    /// The same from the first byte on: until a session has begun, only what belongs to a login is taken.
    pub fn at_login(inner: S, router: CopyRouter) -> Self {
        Self { limits: StreamLimits::at_login(), ..Self::new(inner, router) }
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Decides what the frame is that begins here; `None` when more of it has to come first.
    fn next_frame(&mut self) -> Option<StreamState> {
        let header = self.buffered().first_chunk::<HEADER_BYTES>()?;
        let [kind, length @ ..] = *header;
        let frame = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).saturating_add(1);
        if let Some(refused) = self.limits.refuse(kind, frame) {
            return Some(StreamState::Refused(refused));
        }
        Some(match kind {
            b'd' if self.sink.is_some() => return self.next_row(frame),
            // CopyOutResponse: the COPY begins.
            b'H' => {
                if let Some(sink) = self.router.take() {
                    self.sink = Some(sink);
                }
                if self.sink.is_some() { StreamState::Drop(frame) } else { StreamState::Pass(frame) }
            }
            b'c' if self.sink.is_some() && !self.batch.has_partial_line() => {
                self.hand_over();
                self.hand(|_, _| CopyEvent::CopyEnd);
                StreamState::Drop(frame)
            }
            // CopyDone, ErrorResponse, ReadyForQuery: it is over.
            b'c' | b'E' | b'Z' if self.sink.is_some() => StreamState::Last(frame),
            _ => StreamState::Pass(frame),
        })
    }

    /// A row that lies in the buffer as one whole line, as nearly all do, is only noted.
    fn next_row(&mut self, frame: usize) -> Option<StreamState> {
        if let Some(refused) = limits::refuse_line(self.batch.partial_bytes(), frame) {
            return Some(StreamState::Refused(refused));
        }
        if frame > self.buffer.len() || self.batch.has_partial_line() {
            self.start += HEADER_BYTES;
            return Some(StreamState::Row(frame.saturating_sub(HEADER_BYTES)));
        }
        let payload = self.buffered().get(..frame)?.get(HEADER_BYTES..).unwrap_or_default();
        if memchr::memchr(b'\n', payload).is_none_or(|at| at + 1 != payload.len()) {
            self.start += HEADER_BYTES;
            return Some(StreamState::Row(frame.saturating_sub(HEADER_BYTES)));
        }
        self.spans.push((self.start + HEADER_BYTES, self.start + frame - 1));
        self.start += frame;
        if self.spans.len() >= LINES {
            self.hand_over();
        }
        Some(StreamState::Header)
    }

    /// Hands over the lines noted so far. Afterwards the buffer may change.
    fn hand_over(&mut self) {
        if !self.spans.is_empty() {
            self.hand(|bytes, spans| CopyEvent::Rows(Lines { bytes, spans }));
            self.spans.clear();
        }
    }

    /// Hands over the lines that had to be put together.
    fn hand_over_batch(&mut self) {
        self.hand_over();
        let lines = self.batch.take_lines();
        let spans = lines.spans();
        if !spans.is_empty() {
            self.hand(|_, _| CopyEvent::Rows(lines.as_lines(&spans)));
        }
    }

    /// A sink that wants no more is not asked again.
    fn hand<'a>(&'a mut self, event: impl FnOnce(&'a [u8], &'a [(usize, usize)]) -> CopyEvent<'a>) {
        if let Some(sink) = &mut self.sink
            && !sink(event(&self.buffer, &self.spans))
        {
            self.sink = None;
            self.batch = Batch::default();
        }
    }
}

impl<S: AsyncRead + Unpin> CopyInterceptor<S> {
    /// Reads more into the buffer; `false` at the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.hand_over();
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let mut space = ReadBuf::new(self.buffer.get_mut(self.end..).unwrap_or_default());
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut space))?;
        let read = space.filled().len();
        self.end += read;
        self.router.count(read);
        Poll::Ready(Ok(read > 0))
    }

    fn take_row_bytes(&mut self, left: usize) -> usize {
        let bytes = self.buffer.get(self.start..self.end).unwrap_or_default();
        let bytes = bytes.get(..left.min(bytes.len())).unwrap_or_default();
        self.batch.push_bytes(bytes);
        self.start += bytes.len();
        left - bytes.len()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CopyInterceptor<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // As many frames at a time as there are: each return wakes the task that waits for one.
        let before = out.filled().len();
        match self.poll_frames(cx, out) {
            Poll::Pending if out.filled().len() > before => Poll::Ready(Ok(())),
            polled => polled,
        }
    }
}

impl<S: AsyncRead + Unpin> CopyInterceptor<S> {
    fn poll_frames(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        let interceptor = self;
        loop {
            match interceptor.state {
                StreamState::Header => {
                    if let Some(state) = interceptor.next_frame() {
                        interceptor.state = state;
                        continue;
                    }
                }
                StreamState::Row(0) => {
                    interceptor.hand_over_batch();
                    interceptor.state = StreamState::Header;
                    continue;
                }
                StreamState::Last(frame) => {
                    if interceptor.batch.has_partial_line() {
                        return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a row without an end")));
                    }
                    interceptor.hand_over();
                    interceptor.sink = None;
                    interceptor.state = StreamState::Pass(frame);
                    continue;
                }
                StreamState::Refused(why) => return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why))),
                StreamState::Pass(0) | StreamState::Drop(0) => {
                    interceptor.state = StreamState::Header;
                    continue;
                }
                StreamState::Drop(left) if interceptor.start < interceptor.end => {
                    let count = left.min(interceptor.end - interceptor.start);
                    interceptor.start += count;
                    interceptor.state = StreamState::Drop(left - count);
                    continue;
                }
                StreamState::Pass(_) if out.remaining() == 0 => return Poll::Ready(Ok(())),
                StreamState::Row(left) if interceptor.start < interceptor.end => {
                    interceptor.state = StreamState::Row(interceptor.take_row_bytes(left));
                    continue;
                }
                StreamState::Pass(left) if interceptor.start < interceptor.end => {
                    let count = left.min(out.remaining()).min(interceptor.end - interceptor.start);
                    out.put_slice(interceptor.buffered().get(..count).unwrap_or_default());
                    interceptor.start += count;
                    interceptor.state = StreamState::Pass(left - count);
                    continue;
                }
                StreamState::Row(_) | StreamState::Pass(_) | StreamState::Drop(_) => {}
            }
            if out.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            if !ready!(interceptor.poll_fill(cx))? {
                let is_cut = interceptor.start < interceptor.end || !matches!(interceptor.state, StreamState::Header);
                if let Some(refused) = interceptor.limits.refuse_end(is_cut) {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, refused)));
                }
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CopyInterceptor<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for CopyInterceptor<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

/// TLS with an interceptor on what comes out of it.
#[derive(Clone)]
pub struct InterceptedTls<T> {
    /// What makes the TLS connection.
    pub tls: T,
    /// Where rows are asked for.
    pub router: CopyRouter,
}

impl<S, T: MakeTlsConnect<S>> MakeTlsConnect<S> for InterceptedTls<T>
where
    T::TlsConnect: Send + 'static,
    <T::TlsConnect as TlsConnect<S>>::Future: Send + 'static,
    <T::TlsConnect as TlsConnect<S>>::Error: 'static,
{
    type Stream = CopyInterceptor<T::Stream>;
    type TlsConnect = InterceptedTls<T::TlsConnect>;
    type Error = T::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, Self::Error> {
        Ok(InterceptedTls { tls: self.tls.make_tls_connect(domain)?, router: self.router.clone() })
    }
}

impl<S, T: TlsConnect<S>> TlsConnect<S> for InterceptedTls<T>
where
    T::Future: Send + 'static,
    T::Error: 'static,
{
    type Stream = CopyInterceptor<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, Self::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let (connecting, router) = (self.tls.connect(stream), self.router);
        Box::pin(async move { Ok(CopyInterceptor::at_login(connecting.await?, router)) })
    }
}

#[cfg(test)]
mod tests;
