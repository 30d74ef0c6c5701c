//! Being told to stop while cleaning up: what can be done soon is done, what would take long is left as a debt.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, Result};

/// From then on each step of the closing may take so long: enough to send a delete call, not to wait until it is done.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether somebody wants us to stop, and with which signal. 0 is none.
pub struct Hurry(watch::Receiver<i32>);

impl Hurry {
    /// And the end that tells it.
    pub fn new(signal: i32) -> (watch::Sender<i32>, Self) {
        let (sender, receiver) = watch::channel(signal);
        (sender, Self(receiver))
    }

    /// The signal, if there was one.
    pub fn signal(&self) -> Option<i32> {
        Some(*self.0.borrow()).filter(|signal| *signal != 0)
    }

    /// To its end while nobody hurries us.
    ///
    /// # Errors
    /// Its own, or that there was no more time.
    pub async fn limit<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut told = self.0.clone();
        let out_of_time = async {
            if told.wait_for(|signal| *signal != 0).await.is_err() {
                // Nobody is left who could.
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(PATIENCE).await;
        };
        tokio::select! {
            done = work => done,
            () = out_of_time => Err(Error::new("there was no time left to see it done").hint("the next run, or sweep, goes on with it")),
        }
    }
}
