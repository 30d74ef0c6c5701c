//! A tap on the stream from the server: rows of a COPY go straight into batches, everything else passes on.
//!
//! tokio-postgres gives every row a message, an allocation count and a trip through two queues; measured, that costs more than
//! all our hashing. The tap knows one thing of the protocol, the frame (a type byte and a length; PostgreSQL manual,
//! "Message Flow"), and takes the payload of CopyData frames out while a COPY that was asked to be diverted is under way.
//! It never changes what the server is told, nor any other frame, save one: of many COPYs in one query, which tokio-postgres does
//! not know, it takes out the frames that begin and end each of them. Where nobody asked, rows reach tokio-postgres as ever.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_util::sync::PollSender;

use crate::capture::Batch;

/// Batches between the socket and whoever hands them to the hashing.
const CHANNEL_BATCHES: usize = 1;
/// Bytes asked of the socket at a time.
const BUFFER_BYTES: usize = 256 * 1024;
/// A type byte and a length.
const HEADER_BYTES: usize = 5;

/// Where the owner of a connection asks for the rows of the next COPY.
#[derive(Clone, Default)]
pub struct Divert(Arc<Mutex<Option<Asked>>>);

/// Where rows go, and of how much.
type Asked = (mpsc::Sender<Batch>, Extent);

/// What is diverted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The rows of one COPY.
    Copy,
    /// All COPYs of a query, with what begins and ends them.
    Query,
}

impl Divert {
    /// The rows of the next COPY come here instead of through the client; the end of the channel is the end of the COPY, for
    /// whatever reason: ask the client's stream for that.
    pub fn next_copy(&self) -> mpsc::Receiver<Batch> {
        self.ask(Extent::Copy)
    }

    /// The rows of all COPYs of the next query, which must be a simple one; [`Batch::copy_ends`] tells them apart. Forget it when the
    /// query is over: without a COPY the channel would stay open.
    pub fn next_copies(&self) -> mpsc::Receiver<Batch> {
        self.ask(Extent::Query)
    }

    fn ask(&self, extent: Extent) -> mpsc::Receiver<Batch> {
        let (sender, receiver) = mpsc::channel(CHANNEL_BATCHES);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((sender, extent));
        receiver
    }

    /// The next COPY is nobody's business any more.
    pub fn forget(&self) {
        self.take();
    }

    fn take(&self) -> Option<Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A stream with a tap on its reading side.
pub struct Tap<S> {
    inner: S,
    divert: Divert,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    state: State,
    sender: Option<PollSender<Batch>>,
    extent: Extent,
    batch: Batch,
}

/// Where in a frame the next byte belongs.
#[derive(Debug, Clone, Copy)]
enum State {
    Header,
    /// So many bytes go on to the reader.
    Pass(usize),
    /// So many bytes are of a row.
    Row(usize),
    /// So many bytes go nowhere.
    Drop(usize),
    /// The COPY is over: the last batch goes before the frame that says so.
    Last(usize),
}

impl<S> Tap<S> {
    /// Nothing is diverted until asked for.
    pub fn new(inner: S, divert: Divert) -> Self {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        let (sender, extent, batch) = (None, Extent::Copy, Batch::default());
        Self { inner, divert, buffer, start: 0, end: 0, state: State::Header, sender, extent, batch }
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Decides what the frame is that begins here; `None` when its header has not come yet.
    fn next_frame(&mut self) -> Option<State> {
        let header = self.buffered().first_chunk::<HEADER_BYTES>()?;
        let [kind, length @ ..] = *header;
        let frame = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).saturating_add(1);
        Some(match kind {
            b'd' if self.sender.is_some() => {
                self.start += HEADER_BYTES;
                State::Row(frame.saturating_sub(HEADER_BYTES))
            }
            // CopyOutResponse: the COPY begins.
            b'H' => {
                if let Some((sender, extent)) = self.divert.take() {
                    (self.sender, self.extent) = (Some(PollSender::new(sender)), extent);
                }
                if self.is_within_query() { State::Drop(frame) } else { State::Pass(frame) }
            }
            b'c' if self.is_within_query() && !self.batch.has_partial_line() => {
                self.batch.end_copy();
                State::Drop(frame)
            }
            // CopyDone, ErrorResponse, ReadyForQuery: it is over.
            b'c' | b'E' | b'Z' if self.sender.is_some() => State::Last(frame),
            _ => State::Pass(frame),
        })
    }

    fn is_within_query(&self) -> bool {
        self.sender.is_some() && self.extent == Extent::Query
    }

    /// Hands the lines gathered so far over, waiting for room. A receiver that has left wants no more.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sender) = &mut self.sender else { return Poll::Ready(()) };
        let is_open = ready!(sender.poll_reserve(cx)).is_ok();
        if !is_open || sender.send_item(self.batch.take_lines()).is_err() {
            self.sender = None;
            self.batch = Batch::default();
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> Tap<S> {
    /// Reads more into the buffer; `false` at the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let mut space = ReadBuf::new(self.buffer.get_mut(self.end..).unwrap_or_default());
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut space))?;
        let read = space.filled().len();
        self.end += read;
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

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // As many frames at a time as there are: each return wakes whoever waits for one.
        let before = out.filled().len();
        match self.poll_frames(cx, out) {
            Poll::Pending if out.filled().len() > before => Poll::Ready(Ok(())),
            polled => polled,
        }
    }
}

impl<S: AsyncRead + Unpin> Tap<S> {
    fn poll_frames(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        let tap = self;
        loop {
            match tap.state {
                State::Header => {
                    if let Some(state) = tap.next_frame() {
                        tap.state = state;
                        continue;
                    }
                }
                State::Row(0) => {
                    if tap.batch.is_full() {
                        ready!(tap.poll_send(cx));
                    }
                    tap.state = State::Header;
                    continue;
                }
                State::Last(frame) => {
                    if tap.batch.has_partial_line() {
                        return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a row without an end")));
                    }
                    ready!(tap.poll_send(cx));
                    tap.sender = None;
                    tap.state = State::Pass(frame);
                    continue;
                }
                State::Pass(0) | State::Drop(0) => {
                    tap.state = State::Header;
                    continue;
                }
                State::Drop(left) if tap.start < tap.end => {
                    let count = left.min(tap.end - tap.start);
                    tap.start += count;
                    tap.state = State::Drop(left - count);
                    continue;
                }
                State::Pass(_) if out.remaining() == 0 => return Poll::Ready(Ok(())),
                State::Row(left) if tap.start < tap.end => {
                    tap.state = State::Row(tap.take_row_bytes(left));
                    continue;
                }
                State::Pass(left) if tap.start < tap.end => {
                    let count = left.min(out.remaining()).min(tap.end - tap.start);
                    out.put_slice(tap.buffered().get(..count).unwrap_or_default());
                    tap.start += count;
                    tap.state = State::Pass(left - count);
                    continue;
                }
                State::Row(_) | State::Pass(_) | State::Drop(_) => {}
            }
            if out.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            if !ready!(tap.poll_fill(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
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

impl<S: TlsStream + Unpin> TlsStream for Tap<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

/// TLS with a tap on what comes out of it.
#[derive(Clone)]
pub struct TappedTls<T> {
    /// What makes the TLS connection.
    pub tls: T,
    /// Where rows are asked for.
    pub divert: Divert,
}

impl<S, T: MakeTlsConnect<S>> MakeTlsConnect<S> for TappedTls<T>
where
    T::TlsConnect: Send + 'static,
    <T::TlsConnect as TlsConnect<S>>::Future: Send + 'static,
    <T::TlsConnect as TlsConnect<S>>::Error: 'static,
{
    type Stream = Tap<T::Stream>;
    type TlsConnect = TappedTls<T::TlsConnect>;
    type Error = T::Error;

    fn make_tls_connect(&mut self, domain: &str) -> Result<Self::TlsConnect, Self::Error> {
        Ok(TappedTls { tls: self.tls.make_tls_connect(domain)?, divert: self.divert.clone() })
    }
}

impl<S, T: TlsConnect<S>> TlsConnect<S> for TappedTls<T>
where
    T::Future: Send + 'static,
    T::Error: 'static,
{
    type Stream = Tap<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, Self::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let (connecting, divert) = (self.tls.connect(stream), self.divert);
        Box::pin(async move { Ok(Tap::new(connecting.await?, divert)) })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 4).unwrap().to_be_bytes();
        [&[kind][..], &length, payload].concat()
    }

    /// Two COPYs, the first one diverted: what passes on, and the lines taken out, when the bytes come `chunk` at a time.
    fn read(chunk: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
        let copy = [
            frame(b'H', b"\0\0\0"),
            frame(b'd', b"1\ta\n"),
            frame(b'N', b"notice"),
            frame(b'd', b"2\tb\n"),
            frame(b'c', b""),
        ];
        let bytes: Vec<u8> = [copy.concat(), frame(b'Z', b"I"), copy.concat()].concat();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let divert = Divert::default();
            let mut rows = divert.next_copy();
            let (mut near, far) = tokio::io::duplex(chunk);
            let write = async move { tokio::io::AsyncWriteExt::write_all(&mut near, &bytes).await.unwrap() };
            let mut tap = Tap::new(far, divert);
            let (mut passed, mut lines) = (Vec::new(), Vec::new());
            let gather = async {
                while let Some(batch) = rows.recv().await {
                    lines.extend(batch.lines().map(<[u8]>::to_vec));
                }
            };
            let pass = async { tap.read_to_end(&mut passed).await.unwrap() };
            tokio::join!(write, gather, pass);
            (passed, lines)
        })
    }

    #[test]
    fn many_copies_of_one_query_are_taken_out_whole_and_told_apart() {
        let copy = |rows: &[&[u8]]| {
            let rows: Vec<u8> = rows.iter().flat_map(|row| frame(b'd', row)).collect();
            [frame(b'H', b"\0\0\0"), rows, frame(b'c', b""), frame(b'C', b"COPY")].concat()
        };
        let query = [copy(&[b"1\n", b"2\n"]), copy(&[]), copy(&[b"3\n"]), frame(b'Z', b"T")].concat();
        for chunk in [1, 2, 3, 5, 7, 4096] {
            let bytes = query.clone();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (passed, copies) = runtime.block_on(async {
                let divert = Divert::default();
                let mut rows = divert.next_copies();
                let (mut near, far) = tokio::io::duplex(chunk);
                let write = async move { tokio::io::AsyncWriteExt::write_all(&mut near, &bytes).await.unwrap() };
                let mut tap = Tap::new(far, divert);
                let (mut passed, mut copies) = (Vec::new(), Vec::new());
                let gather = async {
                    while let Some(batch) = rows.recv().await {
                        copies
                            .push((batch.lines().map(<[u8]>::to_vec).collect::<Vec<_>>(), batch.copy_ends().to_vec()));
                    }
                };
                let pass = async { tap.read_to_end(&mut passed).await.unwrap() };
                tokio::join!(write, gather, pass);
                (passed, copies)
            });
            let completed = frame(b'C', b"COPY");
            assert_eq!(
                passed,
                [completed.clone(), completed.clone(), completed, frame(b'Z', b"T")].concat(),
                "{chunk}"
            );
            let lines = [b"1", b"2", b"3"].map(|line| line.to_vec()).to_vec();
            assert_eq!(copies, [(lines, vec![2, 2, 3])], "chunks of {chunk}");
        }
    }

    #[test]
    fn rows_of_a_diverted_copy_are_taken_out_and_everything_else_passes() {
        let passed = [
            frame(b'H', b"\0\0\0"),
            frame(b'N', b"notice"),
            frame(b'c', b""),
            frame(b'Z', b"I"),
            frame(b'H', b"\0\0\0"),
            frame(b'd', b"1\ta\n"),
            frame(b'N', b"notice"),
            frame(b'd', b"2\tb\n"),
            frame(b'c', b""),
        ]
        .concat();
        for chunk in [1, 2, 3, 5, 7, 4096] {
            assert_eq!(read(chunk), (passed.clone(), vec![b"1\ta".to_vec(), b"2\tb".to_vec()]), "chunks of {chunk}");
        }
    }
}
