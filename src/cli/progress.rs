//! Progress on standard error: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`.
//!
//! The percentage stays below 100 until the phase ends: the planned total is an estimate.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::Terminal;
use crate::base::printable::printable;
use crate::base::text::{bytes, cells, cut, grouped, grouped_noun};
use crate::model::progress::{Event, Listener, no_listener};
use crate::output::terminal::Style;

/// Interval between plain lines.
const EVERY: Duration = Duration::from_secs(10);
/// Below this time a rate is not shown.
const SETTLED: Duration = Duration::from_secs(2);

/// The bar and the space behind it, in cells.
const BAR: usize = 11;

/// Shows progress until it is dropped.
pub struct Progress {
    /// Pass this to the library.
    pub listener: Listener,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Chooses the form by the kind of standard error.
    pub fn new(is_quiet: bool, terminal: Terminal) -> Self {
        match (is_quiet, terminal.is_terminal) {
            (true, _) => Self { listener: no_listener(), bar: None },
            (false, true) => Self::bar(terminal.has_color),
            (false, false) => Self { listener: listen(plain_line), bar: None },
        }
    }

    fn bar(has_color: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr_with_hz(8));
        let template = if has_color { "{bar:10.cyan} {wide_msg}" } else { "{bar:10} {wide_msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(125));
        let shown = bar.clone();
        let listener = listen(move |meter, event, now| {
            match meter.line_of(event) {
                Some(line) => shown.println(line),
                None => {
                    shown.set_position(meter.percent().unwrap_or(0));
                    // One cell less: a full line would wrap on some terminals.
                    shown.set_message(meter.line(now, Terminal::stderr().width.saturating_sub(BAR + 1)));
                }
            }
            None
        });
        Self { listener, bar: Some(bar) }
    }
}

/// Removes the bar: only the result stays on the screen.
impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn listen(show: impl Fn(&mut Meter, Event<'_>, Duration) -> Option<String> + Send + Sync + 'static) -> Listener {
    let start = Instant::now();
    let meter = Mutex::new(Meter::default());
    Arc::new(move |event| {
        let now = start.elapsed();
        let mut meter = meter.lock().unwrap_or_else(PoisonError::into_inner);
        meter.note(event, now);
        if let Some(line) = show(&mut meter, event, now) {
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    })
}

/// The plain line for an event: every warning, every phase, and at intervals the counts.
fn plain_line(meter: &mut Meter, event: Event<'_>, now: Duration) -> Option<String> {
    if let Some(line) = meter.line_of(event) {
        return Some(line);
    }
    let is_due = match event {
        Event::Phase(_) => true,
        // The same again.
        Event::Note(_) | Event::Warning(_) | Event::Retry { .. } => false,
        _ => now >= meter.shown + EVERY,
    };
    is_due.then(|| {
        meter.shown = now;
        meter.line(now, Style::UNLIMITED)
    })
}

/// Sums the events of a phase over both sides.
#[derive(Debug, Default)]
struct Meter {
    phase: String,
    since: Duration,
    shown: Duration,
    tables: u64,
    tables_done: u64,
    bytes_planned: u64,
    bytes: u64,
    rows: u64,
    written: u64,
    /// What was warned of since the last phase: said once.
    warned: HashSet<String>,
}

impl Meter {
    /// Events that have a line of their own, the first time.
    fn line_of(&mut self, event: Event<'_>) -> Option<String> {
        let (warning, attempt) = match event {
            Event::Warning(text) => (format!("warning: {}", printable(text.full())), String::new()),
            Event::Retry { doing, attempt, reason } => {
                (format!("warning: {}: {}", printable(doing), printable(reason.full())), format!("; attempt {attempt}"))
            }
            Event::Note(text) => (printable(text.full()), String::new()),
            Event::Phase(_)
            | Event::Planned { .. }
            | Event::Read { .. }
            | Event::Written { .. }
            | Event::TableDone { .. } => return None,
        };
        let line = format!("{warning}{attempt}");
        self.warned.insert(warning).then_some(line)
    }

    fn note(&mut self, event: Event<'_>, now: Duration) {
        match event {
            Event::Phase(text) => {
                *self = Self { phase: printable(text), since: now, shown: self.shown, ..Self::default() };
            }
            Event::Planned { tables, bytes, .. } => {
                self.tables += tables;
                self.bytes_planned += bytes;
            }
            Event::Read { rows, bytes, .. } => {
                self.rows += rows;
                self.bytes += bytes;
            }
            Event::Written { bytes } => self.written += bytes,
            Event::TableDone { .. } => self.tables_done += 1,
            Event::Note(_) | Event::Retry { .. } | Event::Warning(_) => {}
        }
    }

    /// `read rows  62 %, 2 min left, 7 of 24 tables, 1,203,000 rows, 410,000 rows/s`; what does not fit into the width is left out as a
    /// whole, so that no number is cut.
    fn line(&self, now: Duration, width: usize) -> String {
        let mut line = cut(&self.phase, width);
        let mut separator = "  ";
        for part in self.parts(now) {
            if cells(&line) + cells(separator) + cells(&part) > width {
                break;
            }
            line = format!("{line}{separator}{part}");
            separator = ", ";
        }
        line
    }

    /// What people look for comes first.
    fn parts(&self, now: Duration) -> Vec<String> {
        let spent = now.saturating_sub(self.since);
        let mut parts = Vec::new();
        if let Some(percent) = self.percent() {
            parts.push(format!("{percent} %"));
        }
        let is_settled = self.rows > 0 && spent >= SETTLED;
        if is_settled {
            parts.extend(self.left(spent).map(|left| format!("{} left", duration(left))));
        }
        if self.tables > 0 {
            parts.push(format!("{} of {}", grouped(self.tables_done), grouped_noun(self.tables, "table")));
        }
        if self.rows > 0 {
            parts.push(grouped_noun(self.rows, "row"));
        }
        if self.written > 0 {
            parts.push(format!("{} written", bytes(self.written)));
        }
        if is_settled {
            parts.push(format!("{} rows/s", grouped(per_second(self.rows, spent))));
        }
        parts
    }

    fn percent(&self) -> Option<u64> {
        let percent = u128::from(self.bytes) * 100;
        let percent = percent.checked_div(u128::from(self.bytes_planned))?;
        Some(u64::try_from(percent).unwrap_or(99).min(99))
    }

    fn left(&self, spent: Duration) -> Option<Duration> {
        let rate = per_second(self.bytes, spent);
        let bytes = self.bytes_planned.checked_sub(self.bytes)?;
        bytes.checked_div(rate).map(Duration::from_secs)
    }
}

fn per_second(count: u64, spent: Duration) -> u64 {
    let per_second = u128::from(count) * 1000 / spent.as_millis().max(1);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

/// `8 s`, `2 min`, `3 h 5 min`: precise enough for an estimate.
fn duration(left: Duration) -> String {
    let minutes = left.as_secs().div_ceil(60);
    match left.as_secs() {
        seconds @ 0..90 => format!("{seconds} s"),
        90..7200 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::progress::Side;

    const READ: Event<'_> = Event::Read { side: Side::Actual, table: "a.b", rows: 1_000_000, bytes: 50 };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn told(events: &[(u64, Event<'_>)]) -> Vec<String> {
        let mut meter = Meter::default();
        let mut lines = Vec::new();
        for (seconds, event) in events {
            meter.note(*event, at(*seconds));
            lines.extend(plain_line(&mut meter, *event, at(*seconds)));
        }
        lines
    }

    #[test]
    fn plain_lines_come_at_phases_and_every_ten_seconds() {
        let planned = |side| Event::Planned { side, tables: 2, bytes: 200 };
        let lines = told(&[
            (0, Event::Phase("read rows")),
            (0, planned(Side::Expected)),
            (0, planned(Side::Actual)),
            (5, READ),
            (10, READ),
            (12, Event::TableDone { side: Side::Actual, table: "a.b" }),
            (20, READ),
            (21, Event::Phase("compare")),
        ]);
        assert_eq!(
            lines,
            [
                "read rows",
                "read rows  25 %, 30 s left, 0 of 4 tables, 2,000,000 rows, 200,000 rows/s",
                "read rows  37 %, 35 s left, 1 of 4 tables, 3,000,000 rows, 150,000 rows/s",
                "compare",
            ]
        );
    }

    #[test]
    fn an_estimate_that_was_too_low_never_says_100_percent() {
        let planned = Event::Planned { side: Side::Expected, tables: 1, bytes: 10 };
        let lines = told(&[(0, Event::Phase("read rows")), (0, planned), (10, READ)]);
        assert_eq!(lines[1], "read rows  99 %, 0 of 1 table, 1,000,000 rows, 100,000 rows/s");
    }

    #[test]
    fn warnings_are_told_at_once_and_cannot_control_the_terminal() {
        let retry = Event::Retry { doing: "connect", attempt: 2, reason: &"refused\u{1b}[2J".into() };
        let lines = told(&[(0, Event::Warning(&"clock\nskew".into())), (1, retry)]);
        assert_eq!(lines, ["warning: clock\\nskew", "warning: connect: refused\\u{1b}[2J; attempt 2"]);
    }

    #[test]
    fn the_same_warning_is_told_once_in_a_phase() {
        let (wrong, refused) = ("wrong password".into(), "refused".into());
        let retry = |attempt, reason| Event::Retry { doing: "log in", attempt, reason };
        let mut events = vec![(0, Event::Phase("log in"))];
        for attempt in 2..540 {
            let reason = if attempt % 2 == 0 { &wrong } else { &refused };
            events.push((u64::from(attempt) * 10, retry(attempt, reason)));
        }
        events.extend([(6000, Event::Phase("dump")), (6010, retry(2, &refused))]);
        assert_eq!(
            told(&events),
            [
                "log in",
                "warning: log in: wrong password; attempt 2",
                "warning: log in: refused; attempt 3",
                "dump",
                "warning: log in: refused; attempt 2",
            ]
        );
    }

    #[test]
    fn a_narrow_line_leaves_parts_out_and_cuts_none() {
        let mut meter = Meter::default();
        meter.note(Event::Phase("read rows"), at(0));
        meter.note(Event::Planned { side: Side::Actual, tables: 2, bytes: 200 }, at(0));
        meter.note(READ, at(5));
        let whole = "read rows  25 %, 15 s left, 0 of 2 tables, 1,000,000 rows, 200,000 rows/s";
        for width in 0..=whole.len() {
            let line = meter.line(at(5), width);
            assert!(cells(&line) <= width.max(1), "{width}: {line}");
            let cut_at = whole.strip_prefix(&line).and_then(|rest| rest.chars().next());
            assert!(matches!(cut_at, None | Some(',' | ' ')) || line.ends_with('…'), "{width}: {line}");
        }
        assert_eq!(meter.line(at(5), 69), "read rows  25 %, 15 s left, 0 of 2 tables, 1,000,000 rows");
        assert_eq!(meter.line(at(5), whole.len()), whole);
    }

    #[test]
    fn quiet_is_quiet() {
        let terminal = Terminal { is_terminal: true, has_color: false, width: 80 };
        assert!(Progress::new(true, terminal).bar.is_none());
    }
}
