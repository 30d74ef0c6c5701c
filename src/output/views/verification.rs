//! How far a report is proven, and how to check it and its files without pgwitness.
//!
//! A page does not replace the check: it is not signed.

use crate::base::printable::printable;
use crate::base::text::{bytes, grouped_noun};
use crate::model::post_report::PostReport;
use crate::model::report::Report;
use crate::model::run::CLOSING;
use crate::output::document::{
    Block, Column, ColumnKind, Row, Section, Table, Text, Tone, name, outside, quiet, time, word,
};
use crate::storage::history::{ChainState, Content, NightEntry, Review, ReviewState, SignatureState};
use crate::storage::reports::REPORT;
use crate::storage::signature::NAMESPACE;

/// The result of the signature check in a word: of the report, and of what came after it.
pub fn signature(run: &NightEntry) -> Text {
    let is_part = run.aftermath == (PostReport::Absent { may_be_running: false });
    match (&run.content, &run.signature) {
        (Content::NoReport { .. } | Content::Missing { .. }, _) => "–".into(),
        (_, SignatureState::Unsigned) if run.is_checked => word(Tone::Bad, "unsigned"),
        (_, SignatureState::Unsigned) => "unsigned".into(),
        (_, SignatureState::Bad(_)) => word(Tone::Bad, "bad"),
        (_, SignatureState::UnknownSigner(_)) => word(Tone::Bad, "not allowed"),
        _ if matches!(run.aftermath, PostReport::Void(_)) => word(Tone::Bad, "closing bad"),
        _ if is_part => word(Tone::Bad, "no closing"),
        (_, SignatureState::Good(_)) => "good".into(),
        (_, SignatureState::NotChecked) => "not checked".into(),
    }
}

/// The place in the chain in a word.
pub fn chain(state: &ChainState) -> Text {
    match state {
        ChainState::First => "first".into(),
        ChainState::Linked(_) => "linked".into(),
        ChainState::PreviousPruned => "pruned".into(),
        ChainState::PreviousMissing | ChainState::PreviousEdited(_) => word(Tone::Bad, "broken"),
        ChainState::Misplaced(_) => word(Tone::Bad, "misplaced"),
        ChainState::Unknown => "–".into(),
    }
}

fn signature_in_full(state: &SignatureState) -> Text {
    match state {
        SignatureState::Good(signer) => word(Tone::Good, "good").and(", of ").and(outside(signer)),
        SignatureState::Unsigned => word(Tone::Unsure, "unsigned").and(": nothing proves who wrote it"),
        SignatureState::Bad(why) => word(Tone::Bad, "bad").and(": ").and(outside(why)),
        SignatureState::UnknownSigner(why) => word(Tone::Bad, "signer not allowed").and(": ").and(outside(why)),
        SignatureState::NotChecked => word(Tone::Unsure, "not checked").and(": there is one; use the command above"),
    }
}

fn chain_in_full(state: &ChainState) -> Text {
    match state {
        ChainState::First => word(Tone::Good, "first").and(": the first report of all"),
        ChainState::Linked(id) => word(Tone::Good, "linked").and(" to ").and(name(id)),
        ChainState::PreviousPruned => {
            word(Tone::Good, "pruned").and(": the report before it was removed by report.keep_days")
        }
        ChainState::PreviousMissing => chain(state).and(": the report before it is missing, or was edited"),
        ChainState::PreviousEdited(id) => chain(state).and(": ").and(name(id)).and(" was edited since"),
        ChainState::Misplaced(why) => chain(state).and(": ").and(outside(why)),
        ChainState::Unknown => "not known".into(),
    }
}

/// The state of closing.json.
fn closing(post: &PostReport, is_checked: bool) -> Text {
    match post {
        PostReport::Nothing => "nothing: not a run".into(),
        PostReport::Told(_) if is_checked => word(Tone::Good, "signed").and(" by itself"),
        PostReport::Told(_) => word(Tone::Unsure, "not checked").and(": it is of this report"),
        PostReport::Absent { may_be_running: true } => word(Tone::Unsure, "not yet"),
        PostReport::Absent { may_be_running: false } => word(Tone::Bad, "not known").and(": there is no closing.json"),
        PostReport::Void(why) => word(Tone::Bad, "no proof").and(": ").and(outside(why)),
    }
}

/// The section on signature, chain and reviews.
pub fn section(run: &NightEntry, sha256: &str) -> Section {
    let intro = Text::from("This page is not signed; any program could have written it. What is signed is ")
        .and(name(REPORT))
        .and(", from which it was made. Check it in the directory of the report, with a tool that you already have:");
    let mut facts = vec![("Signature, when this page was made", signature_in_full(&run.signature))];
    if run.aftermath != PostReport::Nothing {
        facts.push(("What came after", closing(&run.aftermath, run.is_checked)));
    }
    facts.push(("Chain", chain_in_full(&run.chain)));
    let problems = Block::List(run.troubles.iter().map(|problem| outside(problem)).collect());
    Section::new("verify", "How to check this page")
        .with([Block::Paragraph(intro)])
        .with(commands(run, sha256))
        .with([Block::Facts(facts)])
        .with((!run.troubles.is_empty()).then_some(problems))
        .with(reviews(&run.reviews))
}

fn commands(run: &NightEntry, sha256: &str) -> Vec<Block> {
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
        if run.aftermath.closing().is_some() {
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
        let cells = vec![outside(&review.identity).into(), when.into(), outside(&review.note).into(), counts.into()];
        Row { cells, ..Row::default() }
    };
    let columns = ["who", "when", "note", "counts"].map(|head| Column::new(head, ColumnKind::Text)).to_vec();
    let groups = vec![(None, reviews.iter().map(row).collect())];
    let table = Table { caption: "Reviews".into(), columns, groups, ..Table::default() };
    (!reviews.is_empty()).then_some(Block::Table(table))
}

/// Up to this number, the files of a dump are open.
const OPEN: usize = 20;

/// The section of files with their hashes.
pub fn files(report: &Report, run: &NightEntry, sha256: &str) -> Section {
    let row = |file: &str, size: Option<u64>, hash: Text, folded: Option<String>| Row {
        cells: vec![name(file).into(), size.map(bytes).unwrap_or_default().into(), hash.into()],
        weight: size.unwrap_or_default(),
        folded,
        ..Row::default()
    };
    let digest = |hash: &str| Text::from(hash);
    let mut rows = vec![row(REPORT, None, digest(sha256), None)];
    rows.extend(report.side_files.iter().map(|file| row(&file.name, Some(file.bytes), digest(&file.sha256), None)));
    if run.aftermath.closing().is_some() {
        rows.push(row(CLOSING, None, quiet("signed by itself"), None));
    }
    let dump = report.night.iter().filter_map(|facts| facts.dump.as_ref());
    rows.extend(dump.flat_map(|dump| {
        let path = |file: &str| format!("{}/{file}", dump.backup);
        dump.files
            .iter()
            .map(move |file| row(&path(&file.path), Some(file.bytes), digest(&file.sha256), Some(String::new())))
    }));
    let columns = vec![
        Column::new("file", ColumnKind::Name),
        Column::new("size", ColumnKind::Number),
        Column::new("SHA-256", ColumnKind::Digest),
    ];
    Section::new("files", "Files").with([Block::Table(Table {
        class: "digests",
        caption: "Beside this page".into(),
        columns,
        groups: vec![(None, rows)],
        folded: Some((OPEN, |rows| {
            let size = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.weight));
            format!(
                "{} of the dump, {}, below the directory of backups",
                grouped_noun(rows.len() as u64, "file"),
                bytes(size)
            )
        })),
        legend: None,
    })])
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
