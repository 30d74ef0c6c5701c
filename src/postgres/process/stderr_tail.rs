//! What a child writes to standard error, line by line.
//!
//! Reads all output, so that the child does not wait, and keeps a fixed amount of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::base::marked::MarkedText;

/// Kept of a line; the rest of it is dropped.
const LINE_BYTES: usize = 4096;
const FIRST_LINES: usize = 20;
const LAST_LINES: usize = 20;
const ERRORS: usize = 50;
const WARNINGS: usize = 50;

/// The output of a child: enough for a message.
#[derive(Debug, Default, Clone)]
pub struct Said {
    first: Vec<String>,
    last: VecDeque<String>,
    /// Lines with `error:` or `fatal:`, up to a limit.
    pub errors: Vec<String>,
    /// Lines with `warning:` and what belongs to them, up to a limit.
    warnings: Vec<String>,
    was_warning: bool,
    was_error: bool,
}

impl Said {
    pub(crate) fn add(&mut self, line: &str) {
        let message = line.split_once(": ").map_or(line, |(_, message)| message);
        let is_more = ["detail: ", "hint: "].iter().any(|start| message.starts_with(start));
        let is_warning = message.starts_with("warning: ") || (is_more && self.was_warning);
        let is_error = message.starts_with("error: ") || message.starts_with("fatal: ");
        let detail = if self.was_error { detail_of(line, message) } else { None };
        if is_error {
            push(&mut self.errors, line, ERRORS);
        } else if let (Some(detail), Some(error)) = (&detail, self.errors.last_mut()) {
            append(error, detail);
        } else if is_warning {
            push(&mut self.warnings, line, WARNINGS);
        }
        self.was_warning = is_warning;
        // Details stand below their error, on several lines; progress ends them.
        self.was_error = is_error || (self.was_error && !PROGRESS.iter().any(|start| message.starts_with(start)));
        if self.first.len() < FIRST_LINES {
            self.first.push(line.to_owned());
        } else {
            self.last.push_back(line.to_owned());
            if self.last.len() > LAST_LINES {
                self.last.pop_front();
            }
        }
    }

    /// The line with the cause of the failure: the first error, since later ones follow from it; otherwise the last line.
    pub fn cause(&self, program: &str) -> MarkedText {
        let line = self.errors.first().or(self.last.back()).or(self.first.last());
        let said = |line: &String| MarkedText::with_values(line, format!("{program} reported an error"));
        line.map_or_else(|| "it said nothing".into(), said)
    }

    /// Its warnings, each a line.
    pub fn warnings(&self, program: &str) -> Vec<MarkedText> {
        let said = |line: &String| MarkedText::with_values(line, format!("{program} reported a warning"));
        self.warnings.iter().map(said).collect()
    }
}

/// How progress begins, which has no word for its kind.
const PROGRESS: &[&str] = &["dumping ", "reading ", "creating ", "processing ", "finished ", "launching "];

/// `pg_dump: detail: Error message from server: ERROR:  …`, and the lines of the server that follow it. What was asked is
/// left out, since the error names the table, and so is the context, which may show a row.
fn detail_of(line: &str, message: &str) -> Option<String> {
    if let Some(detail) = message.strip_prefix("detail: ") {
        let detail = detail.strip_prefix("Error message from server: ").unwrap_or(detail);
        return (!detail.starts_with("Command was: ")).then(|| format!(": {}", detail.trim()));
    }
    let ours = message.strip_prefix("hint: ").map(|hint| format!("; hint: {hint}"));
    let theirs = ["DETAIL:  ", "HINT:  "].iter().find_map(|start| line.strip_prefix(start));
    ours.or(theirs.map(|text| format!("; {}", text.trim())))
}

/// A part of a message, up to the length of a line.
fn append(error: &mut String, detail: &str) {
    if detail.starts_with(':') && error.ends_with('.') {
        error.pop();
    }
    if error.len() + detail.len() <= LINE_BYTES {
        error.push_str(detail);
    }
}

fn push(lines: &mut Vec<String>, line: &str, limit: usize) {
    if lines.len() < limit {
        lines.push(line.to_owned());
    }
}

/// Reads to the end. `heard` counts bytes, which is progress.
pub(super) async fn listen(
    mut pipe: impl AsyncRead + Unpin,
    hear: &mut (dyn FnMut(&str) + Send),
    heard: &AtomicU64,
) -> Said {
    let (mut said, mut buffer, mut line) = (Said::default(), vec![0; 16 * 1024], Vec::new());
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        heard.fetch_add(count as u64, Ordering::Relaxed);
        for part in buffer[..count].split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_BYTES - line.len();
            line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                tell(&mut line, hear, &mut said);
            }
        }
    }
    if !line.is_empty() {
        tell(&mut line, hear, &mut said);
    }
    said
}

fn tell(line: &mut Vec<u8>, hear: &mut (dyn FnMut(&str) + Send), said: &mut Said) {
    let text = String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned();
    line.clear();
    hear(&text);
    if !text.trim().is_empty() {
        said.add(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_details_that_stand_below_it() {
        let mut said = Said::default();
        for line in [
            "pg_dump: dumping contents of table \"public.t\"",
            "pg_dump: error: Dumping the contents of table \"t\" failed: PQgetResult() failed.",
            "pg_dump: detail: Error message from server: ERROR:  invalid byte sequence for encoding \"UTF8\": 0xe4",
            "DETAIL:  Key (id)=(1)",
            "CONTEXT:  COPY t, line 1",
            "pg_dump: detail: Command was: COPY public.t (a) TO stdout;",
            "pg_dump: dumping contents of table \"public.u\"",
            "DETAIL:  of something else",
        ] {
            said.add(line);
        }
        let expected = "pg_dump: error: Dumping the contents of table \"t\" failed: PQgetResult() failed: ERROR:  invalid byte \
                        sequence for encoding \"UTF8\": 0xe4; Key (id)=(1)";
        assert_eq!(said.cause("pg_dump").full(), expected);
        assert_eq!(said.cause("pg_dump").safe(), "pg_dump reported an error");
        assert_eq!(said.errors.len(), 1);
    }

    #[test]
    fn a_hint_below_an_error_belongs_to_it() {
        let mut said = Said::default();
        said.add("pg_dump: error: connection to server failed");
        said.add("pg_dump: hint: is it running?");
        assert_eq!(said.cause("pg_dump").full(), "pg_dump: error: connection to server failed; hint: is it running?");
    }
}
