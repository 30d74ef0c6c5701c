//! A connection with a thread of its own.

use tokio::sync::oneshot;

use super::{ConnInfo, Connection};
use crate::base::error::{Context, Error, Result};

impl ConnInfo {
    /// As [`ConnInfo::connect`], on a thread of its own, which does nothing else: rows of a COPY are hashed where they are read. In a runtime that many
    /// sessions share, every few kilobytes from a socket wake another thread.
    pub async fn connect_on_thread(&self) -> Result<Connection> {
        let doing = || format!("connect to {}", self.describe());
        let (sender, connected) = oneshot::channel();
        let info = self.clone();
        let name = std::thread::Builder::new().name("session".into());
        name.spawn(move || drive(&info, sender)).map_err(Error::from).doing(doing)?;
        connected.await.map_err(|_| Error::new("its thread ended")).doing(doing)?
    }
}

/// Connects, hands the connection over, and drives it until it ends.
fn drive(info: &ConnInfo, mut sender: oneshot::Sender<Result<Connection>>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(sender.send(Err(error.into()))),
    };
    runtime.block_on(async {
        let mut connected = tokio::select! {
            connected = info.connect("") => connected,
            () = sender.closed() => return,
        };
        let driver = connected.as_mut().ok().and_then(|connection| connection.driver.take());
        drop(sender.send(connected));
        if let Some(driver) = driver {
            // What it has to say is in `Connection::lost`.
            let _ = driver.await;
        }
    });
}
