//! One port that leads to the newest instance's server, since the port must be in a configuration before the server exists.
//! As with a real tunnel, connections can be cut, and can stand still.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::http::lock;

type Run = Box<dyn FnMut(usize) + Send>;

/// What tests and connections share.
pub struct Tunnel {
    /// Where to; nowhere is a refusal.
    pub target: Arc<Mutex<Option<u16>>>,
    pub is_held: AtomicBool,
    /// Bytes from servers that still get through.
    pub budget: AtomicI64,
    pub accepted: AtomicUsize,
    pub open: Mutex<Vec<AbortHandle>>,
    /// Gets the number of the connection, from 1, before anything is forwarded.
    pub on_connection: Mutex<Option<Run>>,
}

impl Tunnel {
    pub fn new(target: Arc<Mutex<Option<u16>>>) -> Self {
        Self {
            target,
            is_held: AtomicBool::new(false),
            budget: AtomicI64::new(i64::MAX),
            accepted: AtomicUsize::new(0),
            open: Mutex::new(Vec::new()),
            on_connection: Mutex::new(None),
        }
    }

    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            let number = self.accepted.fetch_add(1, Ordering::SeqCst) + 1;
            let task = tokio::spawn(self.clone().connection(client, number));
            let mut open = lock(&self.open);
            open.retain(|task| !task.is_finished());
            open.push(task.abort_handle());
        }
    }

    async fn connection(self: Arc<Self>, client: TcpStream, number: usize) {
        let hooked = self.clone();
        let ran = tokio::task::spawn_blocking(move || lock(&hooked.on_connection).as_mut().map(|run| run(number)));
        let _ = ran.await;
        let target = *lock(&self.target);
        let Some(port) = target else { return };
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            () = self.pump(from_client, to_server, false) => {}
            () = self.pump(from_server, to_client, true) => {}
        }
    }

    async fn pump(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, is_counted: bool) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            while self.is_held.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if is_counted && self.budget.fetch_sub(length as i64, Ordering::SeqCst) < length as i64 {
                return;
            }
            if to.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }
}
