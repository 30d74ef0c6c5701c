//! Whether the server still works on a copy: an index may take long, and pg_restore prints nothing meanwhile.
//!
//! Errors are ignored: without an answer there is no progress.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::postgres::conninfo::ConnInfo;
use crate::postgres::session::{Session, SessionOptions, optional};

/// The size, and the number of sessions that wait neither for a lock of another session nor for pg_restore.
const BUSY: &str = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database()), count(*) FROM pg_catalog.pg_stat_activity \
    WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() AND state = 'active' \
    AND coalesce(wait_event_type, '') NOT IN ('Lock', 'Client')";

/// Increments `moved` whenever the server was at work. Runs until it is dropped.
pub(super) async fn watch(copy: &ConnInfo, stalled_after: Duration, moved: &AtomicU64) -> Infallible {
    let every = (stalled_after / 8).clamp(Duration::from_millis(50), Duration::from_secs(5));
    let (mut session, mut size) = (None, String::new());
    loop {
        tokio::time::sleep(every).await;
        if session.is_none() {
            session = Session::open(copy, &SessionOptions { lock_timeout_s: 30 }).await.ok();
        }
        let Some(open) = &session else { continue };
        let Ok(row) = open.row(BUSY).await else {
            session = None;
            continue;
        };
        let (now, busy) = (optional(&row, 0).unwrap_or_default(), optional(&row, 1).unwrap_or_default());
        if now != size || busy != "0" {
            moved.fetch_add(1, Ordering::Relaxed);
            size = now;
        }
    }
}

/// Whether this user may set the language of messages to English, which the parser requires.
pub(super) async fn speaks_english(copy: &ConnInfo) -> bool {
    let Ok(session) = Session::open(copy, &SessionOptions { lock_timeout_s: 30 }).await else { return false };
    session.row("SELECT pg_catalog.set_config('lc_messages', 'C', false)").await.is_ok()
}
