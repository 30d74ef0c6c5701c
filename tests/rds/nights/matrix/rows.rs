//! The rows: what is done to a night, and how it has to end.

pub mod access;
mod aws;
pub mod files;
mod local;
pub mod offsite;
mod own_server;

use rustix::process::Signal;

use super::scene::{Scene, Strike};

type Act = Box<dyn Fn(&mut Scene) + Send + Sync>;

/// One night that is hurt in one way.
pub struct Row {
    pub step: &'static str,
    pub fault: String,
    pub strike: Strike,
    pub arrange: Act,
    /// Before the next night, besides what every row undoes.
    pub repair: Act,
    /// Exit codes that are right, `sig9` for a process that was killed.
    pub codes: &'static str,
    /// Must be said, or be in the journal.
    pub says: Option<&'static str>,
    /// The old dump is not what retention lets go.
    pub keeps_old: bool,
}

impl Row {
    fn new(step: &'static str, fault: &str, codes: &'static str) -> Self {
        Self {
            step,
            fault: fault.to_owned(),
            strike: Strike::None,
            arrange: Box::new(|_| ()),
            repair: Box::new(|_| ()),
            codes,
            says: None,
            keeps_old: true,
        }
    }

    fn arrange(mut self, act: impl Fn(&mut Scene) + Send + Sync + 'static) -> Self {
        self.arrange = Box::new(act);
        self
    }

    fn repair(mut self, act: impl Fn(&mut Scene) + Send + Sync + 'static) -> Self {
        self.repair = Box::new(act);
        self
    }

    fn says(self, words: &'static str) -> Self {
        Self { says: Some(words), ..self }
    }

    /// There may be nothing left to interrupt by the time when the signal is heard.
    fn or_is_over(self) -> Self {
        let codes = if self.codes == "143" { "143 0" } else { self.codes };
        Self { codes, ..self }
    }

    fn prunes_old(self) -> Self {
        Self { keeps_old: false, ..self }
    }

    /// `failure`, or the signal.
    pub fn kind(&self) -> &'static str {
        match self.strike.signal() {
            Some(Signal::KILL) => "SIGKILL",
            Some(Signal::TERM) => "SIGTERM",
            Some(_) => "SIGINT",
            None => "failure",
        }
    }
}

/// The same blow, to end and to kill.
fn struck(step: &'static str, place: &str, strike: impl Fn(Signal) -> Strike, act: fn(&mut Scene)) -> Vec<Row> {
    let row = |signal, name: &str, codes| Row {
        strike: strike(signal),
        ..Row::new(step, &format!("{name} {place}"), codes).arrange(act)
    };
    vec![row(Signal::TERM, "SIGTERM", "143"), row(Signal::KILL, "SIGKILL", "sig9")]
}

/// All of them.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(access::rows());
    rows.extend(aws::before_anything_is_paid_for());
    rows.extend(aws::the_instance());
    rows.extend(aws::login());
    rows.extend(local::dump());
    rows.extend(local::restore_and_verify());
    rows.extend(local::report());
    rows.extend(aws::delete_instance());
    rows.extend(local::placing());
    rows.extend(local::the_copy());
    rows.extend(own_server::rows());
    rows.extend(local::after());
    rows.extend(offsite::rows());
    rows.extend(files::rows());
    rows.extend(local::notifying());
    rows
}
