//! How far a report is proven, and how to check it and its files without pgwitness.
//!
//! A page does not replace the check: it is not signed.

use crate::base::printable::printable;
use crate::base::text::{bytes, grouped_noun};
use crate::model::closing_state::ClosingState;
use crate::model::report::Report;
use crate::model::run::CLOSING;
use crate::output::document::{
    Block, DocumentTable, Look, Row, Section, TableCell, TableColumn, Text, Tone, name, outside, quiet, time, word,
};
use crate::storage::history::{ChainState, Content, ReportEntry, Review, ReviewState, SignatureState};
use crate::storage::reports::REPORT;
use crate::storage::signature::NAMESPACE;

/// The result of the signature check in a word: of the report, and of what came after it.
pub fn signature(run: &ReportEntry) -> Text {
    match (&run.content, &run.signature, &run.closing_state) {
        (Content::NoReport { .. } | Content::Missing { .. }, ..) => "–".into(),
        (_, SignatureState::Unsigned, _) if run.is_checked => word(Tone::Bad, "unsigned"),
        (_, SignatureState::Good(_) | SignatureState::NotChecked, ClosingState::Void(_)) => {
            word(Tone::Bad, "closing bad")
        }
        (_, SignatureState::Good(_) | SignatureState::NotChecked, ClosingState::Absent { may_be_running: false }) => {
            word(Tone::Bad, "no closing")
        }
        (_, signature, _) => in_a_table(signature_words(signature).0),
    }
}

/// The place in the chain in a word.
pub fn chain(state: &ChainState) -> Text {
    in_a_table(chain_words(state).0)
}

/// Only what is wrong has a colour.
fn in_a_table(text: Text) -> Text {
    let is_wrong = text.0.iter().any(|span| span.look == Look::Word(Tone::Bad));
    if is_wrong { text } else { text.plain().into() }
}

/// In a word, and what follows it in a sentence.
fn signature_words(state: &SignatureState) -> (Text, Text) {
    match state {
        SignatureState::Good(signer) => (word(Tone::Good, "good"), Text::from(", of ").and(outside(signer))),
        SignatureState::Unsigned => (word(Tone::Unsure, "unsigned"), ": nothing proves who wrote it".into()),
        SignatureState::Bad(why) => (word(Tone::Bad, "bad"), because(why)),
        SignatureState::UnknownSigner(why) => (word(Tone::Bad, "not allowed"), because(why)),
        SignatureState::NotChecked => {
            (word(Tone::Unsure, "not checked"), ": there is one; use the command above".into())
        }
    }
}

fn because(why: &str) -> Text {
    Text::from(": ").and(outside(why))
}

/// In a word, and what follows it in a sentence.
fn chain_words(state: &ChainState) -> (Text, Text) {
    let good = |text| word(Tone::Good, text);
    let broken = || word(Tone::Bad, "broken");
    match state {
        ChainState::First => (good("first"), ": the first report of all".into()),
        ChainState::Linked(id) => (good("linked"), Text::from(" to ").and(name(id))),
        ChainState::PreviousPruned => (good("pruned"), ": the report before it was removed by report.keep_days".into()),
        ChainState::PreviousMissing => (broken(), ": the report before it is missing, or was edited".into()),
        ChainState::PreviousEdited(id) => (broken(), Text::from(": ").and(name(id)).and(" was edited since")),
        ChainState::Misplaced(why) => (word(Tone::Bad, "misplaced"), because(why)),
        ChainState::Unknown => ("–".into(), " not known".into()),
    }
}

/// The state of closing.json.
fn closing(post: &ClosingState, is_checked: bool) -> Text {
    match post {
        ClosingState::Nothing => "nothing: not a run".into(),
        ClosingState::Told(_) if is_checked => word(Tone::Good, "signed").and(" by itself"),
        ClosingState::Told(_) => word(Tone::Unsure, "not checked").and(": it is of this report"),
        ClosingState::Absent { may_be_running: true } => word(Tone::Unsure, "not yet"),
        ClosingState::Absent { may_be_running: false } => {
            word(Tone::Bad, "not known").and(": there is no closing.json")
        }
        ClosingState::Void(why) => word(Tone::Bad, "no proof").and(": ").and(outside(why)),
    }
}

fn in_full((word, rest): (Text, Text)) -> Text {
    word.and(rest)
}

/// The section on signature, chain and reviews.
pub fn section(run: &ReportEntry, sha256: &str) -> Section {
    let intro = Text::from("This page is not signed; any program could have written it. What is signed is ")
        .and(name(REPORT))
        .and(", from which it was made. Check it in the directory of the report, with a tool that you already have:");
    let mut facts = vec![("Signature, when this page was made", in_full(signature_words(&run.signature)))];
    if run.closing_state != ClosingState::Nothing {
        facts.push(("What came after", closing(&run.closing_state, run.is_checked)));
    }
    facts.push(("Chain", in_full(chain_words(&run.chain))));
    let problems = Block::List(run.troubles.iter().map(|problem| outside(problem)).collect());
    Section::new("verify", "How to check this page")
        .with([Block::Paragraph(intro)])
        .with(commands(run, sha256))
        .with([Block::Facts(facts)])
        .with((!run.troubles.is_empty()).then_some(problems))
        .with(reviews(&run.reviews))
}

fn commands(run: &ReportEntry, sha256: &str) -> Vec<Block> {
    let identity = match &run.signature {
        SignatureState::Good(principals) => principals.split(',').next().unwrap_or_default(),
        _ => "IDENTITY",
    };
    let command = |text: &str| Block::Command(vec![printable(text)]);
    let verify = |file: &str| {
        let identity = quoted(identity);
        command(&format!("ssh-keygen -Y verify -f allowed_signers -I {identity} -n {NAMESPACE} -s {file}.sig < {file}"))
    };
    let mut blocks = Vec::new();
    if run.signature != SignatureState::Unsigned {
        let list =
            Text::from("The signature (").and(name("allowed_signers")).and(" is your own list of who may sign):");
        blocks.extend([Block::Paragraph(list), verify(REPORT)]);
        if run.closing_state.closing().is_some() {
            let own = "What came after it was signed has a signature of its own:";
            blocks.extend([Block::Paragraph(own.into()), verify(CLOSING)]);
        }
    }
    let files = Text::from("Signatures, files beside the reports and the chain of all runs at once; ")
        .and(name("--files --backups DIR"))
        .and(" reads the dumps too:");
    blocks.extend([
        Block::Paragraph("The file that this page shows:".into()),
        command(&format!("echo '{sha256}  {REPORT}' | sha256sum --check")),
        Block::Paragraph(files),
        command("pgwitness report verify --allowed-signers allowed_signers .."),
    ]);
    blocks
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@._+-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn reviews(reviews: &[Review]) -> Option<Block> {
    let row = |review: &Review| {
        let counts = match &review.state {
            ReviewState::Counts => word(Tone::Good, "yes"),
            ReviewState::NotChecked => "not checked".into(),
            ReviewState::Void(why) => word(Tone::Bad, "no").and(": ").and(outside(why)),
        };
        let when = review.reviewed_at.map_or_else(Text::default, time);
        Row::new([outside(&review.identity).into(), when.into(), outside(&review.note).into(), counts.into()])
    };
    let columns = ["who", "when", "note", "counts"].map(TableColumn::Words);
    let table = DocumentTable::new("Reviews", columns, reviews.iter().map(row).collect());
    (!reviews.is_empty()).then_some(Block::DocumentTable(table))
}

/// Up to this number, the files of a dump are open.
const OPEN: usize = 20;

/// The section of files with their hashes.
pub fn files(report: &Report, run: &ReportEntry, sha256: &str) -> Section {
    let row = |file: &str, size: Option<u64>, hash: TableCell| {
        let cells = [name(file).into(), size.map(bytes).unwrap_or_default().into(), hash];
        Row { weight: size.unwrap_or_default(), ..Row::new(cells) }
    };
    let digest = |hash: &str| TableCell::Digests(vec![hash.to_owned()]);
    let mut rows = vec![row(REPORT, None, digest(sha256))];
    rows.extend(report.side_files.iter().map(|file| row(&file.name, Some(file.bytes), digest(&file.sha256))));
    if run.closing_state.closing().is_some() {
        rows.push(row(CLOSING, None, quiet("signed by itself").into()));
    }
    for dump in report.night.iter().filter_map(|facts| facts.dump.as_ref()) {
        let path = |file: &str| format!("{}/{file}", dump.backup);
        let files = dump.files.iter().map(|file| row(&path(&file.path), Some(file.bytes), digest(&file.sha256)));
        rows.extend(files.map(|row| Row { folded: Some(String::new()), ..row }));
    }
    let columns = [TableColumn::Names("file"), TableColumn::Numbers("size"), TableColumn::Digests("SHA-256")];
    let table = DocumentTable::new("Beside this page", columns, rows);
    let table = DocumentTable { class: "digests", folded: Some((OPEN, of_dump)), ..table };
    Section::new("files", "Files").with([Block::DocumentTable(table)])
}

/// `3 files of the dump, 1.2 GB`
fn of_dump(rows: &[&Row]) -> String {
    let size = bytes(rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.weight)));
    format!("{} of the dump, {size}, below the directory of backups", grouped_noun(rows.len() as u64, "file"))
}

/// A review in one line.
pub fn review(review: &Review) -> Text {
    let when = review.reviewed_at.map(|at| format!(" at {at}")).unwrap_or_default();
    let who = outside(&review.identity).and(when);
    match &review.state {
        ReviewState::Counts => Text::from("reviewed by ").and(who).and(": ").and(outside(&review.note)),
        ReviewState::NotChecked => {
            Text::from("reviewed by ").and(who).and(" (signature not checked): ").and(outside(&review.note))
        }
        ReviewState::Void(why) => Text::from("a review that does not count (").and(outside(why)).and("), by ").and(who),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_cannot_become_a_command() {
        assert_eq!(quoted("backup@db.example.com"), "backup@db.example.com");
        assert_eq!(quoted("a'; rm -rf / #"), r"'a'\''; rm -rf / #'");
        assert_eq!(quoted(""), "''");
    }
}
