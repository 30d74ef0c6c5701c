//! Default values of the configuration that `Default` does not provide.
//!
//! None is a path or a name that could be production's.

use super::Span;

pub fn max_snapshot_age() -> Span {
    Span::seconds(26 * 3600)
}

pub fn wait_for_snapshot() -> Span {
    Span::seconds(30 * 60)
}

pub fn restore_timeout() -> Span {
    Span::seconds(90 * 60)
}

pub fn delete_timeout() -> Span {
    Span::seconds(30 * 60)
}

pub fn poll_interval() -> Span {
    Span::seconds(30)
}

pub fn stalled_after() -> Span {
    Span::seconds(30 * 60)
}

pub fn files_timeout() -> Span {
    Span::seconds(12 * 3600)
}

pub fn lock_wait() -> Span {
    Span::seconds(10 * 60)
}

pub fn prefix() -> String {
    "pgwitness".into()
}

pub fn jobs() -> u16 {
    2
}

pub fn yes() -> bool {
    true
}
