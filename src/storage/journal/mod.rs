//! The journal of each run: each action is on disk before it is performed, so that the next run knows what must still be removed.
//!
//! Holds no password. Performs no cleanup task; a task is done only when the journal records it.
//!
//! In the state directory (`Lock::acquire` makes it, for its owner alone):
//!
//! ```text
//! lock                                  held while a run works; never removed
//! last_verified.json                    facts of the newest verified dump
//! last_offsite.json                     the same of the newest one in the off-site repository
//! last_signed.json                      the last signed report, by report directory
//! copies.json                           the copies that were kept (written by nightly::copy)
//! runs/20260131T020000Z-1f2e3d4c.journal
//! runs/closed/…                         journals of runs without open cleanup tasks
//! ```

mod append;
mod entry;
mod last;
mod lock;
mod earlier_runs;
mod signed;

pub use append::Journal;
pub use earlier_runs::{CleanupTask, EarlierRun, OpenJournals, ReportFile, cleanup_tasks, open_runs};
pub use entry::{AccessClaim, CopyClaim, CopyIdentity, Entry, FilesClaim, InstanceClaim, Place};
pub use last::LastVerified;
pub use lock::{Lock, RunInfo};
pub use signed::{LastSigned, lost_report};
