//! The journal of each run: what it was about to do, on disk before it was done, so that the next run knows what is owed.
//!
//! Never holds a password. Never pays a debt itself, and never takes one for paid that nobody said was paid.
//!
//! In the state directory (`Lock::acquire` makes it, for its owner alone):
//!
//! ```text
//! lock                                  held while a run works; never removed
//! last_verified.json                    what the newest verified dump was and took
//! last_signed.json                      the report that was signed last, by report directory
//! runs/20260131T020000Z-1f2e3d4c.journal
//! runs/closed/…                         journals of runs that owe nothing
//! ```

mod append;
mod entry;
mod last;
mod lock;
mod earlier_runs;
mod signed;

pub use append::Journal;
pub use earlier_runs::{Debt, Past, ReportFile, Runs, debts, open_runs};
pub use entry::{CopyClaim, Entry, InstanceClaim, Place};
pub use last::LastVerified;
pub use lock::{Holder, Lock};
pub use signed::{LastSigned, lost_report};
