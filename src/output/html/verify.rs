//! How to check the report and its files without pgwitness.
//!
//! The page does not replace the check: it is not signed.

use maud::{Markup, html};

use super::text::{code, shown, wide};
use super::{ReportPage, post_report};
use crate::base::text::{bytes, grouped_noun};
use crate::model::post_report::PostReport;
use crate::model::run::CLOSING;
use crate::storage::history::{ChainState, Review, ReviewState, SignatureState};
use crate::storage::reports::REPORT;
use crate::storage::signature::NAMESPACE;

/// Number of files of a dump that are open.
const OPEN: usize = 20;

/// The section on signature, chain and reviews.
pub fn section(paper: &ReportPage<'_>, sha256: &str) -> Markup {
    html! {
        section aria-labelledby="verify" {
            h2 #verify { "How to check this page" }
            p { "This page is not signed; any program could have written it. What is signed is " code { (REPORT) }
                ", from which it was made. Check it in the directory of the report, with a tool that you already have:" }
            (commands(paper, sha256))
            dl.facts.small {
                div { dt { "Signature, when this page was made" } dd { (signature(&paper.entry.signature)) } }
                @if paper.entry.aftermath != PostReport::Nothing {
                    div { dt { "What came after" } dd { (post_report::state(&paper.entry.aftermath, paper.entry.is_checked)) } }
                }
                div { dt { "Chain" } dd { (chain(&paper.entry.chain)) } }
            }
            @if !paper.entry.troubles.is_empty() {
                ul { @for trouble in &paper.entry.troubles { li { (shown(trouble)) } } }
            }
            (reviews(&paper.entry.reviews))
        }
    }
}

fn commands(paper: &ReportPage<'_>, sha256: &str) -> Markup {
    let identity = match &paper.entry.signature {
        SignatureState::Good(principals) => principals.split(',').next().unwrap_or_default(),
        _ => "IDENTITY",
    };
    let verify = |file: &str| {
        let command = format!(
            "ssh-keygen -Y verify -f allowed_signers -I {} -n {NAMESPACE} -s {file}.sig < {file}",
            quoted(identity)
        );
        html! { pre.command { (crate::base::printable::printable(&command)) } }
    };
    html! {
        @if paper.entry.signature != SignatureState::Unsigned {
            p { "The signature (" code { "allowed_signers" } " is your own list of who may sign):" }
            (verify(REPORT))
            @if paper.entry.aftermath.closing().is_some() {
                p { "What came after it was signed has a signature of its own:" }
                (verify(CLOSING))
            }
        }
        p { "The file that this page shows:" }
        pre.command { "echo '" (sha256) "  " (REPORT) "' | sha256sum --check" }
        p { "Signatures, files beside the reports and the chain of all nights at once; " code { "--files --backups DIR" } " reads the dumps too:" }
        pre.command { "pgwitness report verify --allowed-signers allowed_signers .." }
    }
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

/// The result of the signature check.
pub fn signature(state: &SignatureState) -> Markup {
    match state {
        SignatureState::Good(signer) => html! { span.word.sound { "good" } ", of " (shown(signer)) },
        SignatureState::Unsigned => html! { span.word.inconclusive { "unsigned" } ": nothing proves who wrote it" },
        SignatureState::Bad(why) => html! { span.word.damaged { "bad" } ": " (shown(why)) },
        SignatureState::UnknownSigner(why) => html! { span.word.damaged { "signer not allowed" } ": " (shown(why)) },
        SignatureState::NotChecked => {
            html! { span.word.inconclusive { "not checked" } ": there is one; use the command above" }
        }
    }
}

fn chain(state: &ChainState) -> Markup {
    match state {
        ChainState::First => html! { span.word.sound { "first" } ": the first report of all" },
        ChainState::Linked(id) => html! { span.word.sound { "linked" } " to " (code(id)) },
        ChainState::PreviousPruned => {
            html! { span.word.sound { "pruned" } ": the report before it was removed by report.keep_days" }
        }
        ChainState::PreviousMissing => {
            html! { span.word.damaged { "broken" } ": the report before it is missing, or was edited" }
        }
        ChainState::PreviousEdited(id) => html! { span.word.damaged { "broken" } ": " (code(id)) " was edited since" },
        ChainState::Misplaced(why) => html! { span.word.damaged { "misplaced" } ": " (shown(why)) },
        ChainState::Unknown => html! { "not known" },
    }
}

fn reviews(reviews: &[Review]) -> Markup {
    html! {
        @if !reviews.is_empty() {
            (wide("Reviews", &html! {
            table {
                caption { "Reviews" }
                thead { tr { th scope="col" { "Who" } th scope="col" { "When" } th scope="col" { "Note" } th scope="col" { "Counts" } } }
                tbody { @for review in reviews {
                    tr {
                        th scope="row" { (shown(&review.identity)) }
                        td { @if let Some(at) = review.reviewed_at { (super::text::time(at)) } }
                        td { (shown(&review.note)) }
                        td { @match &review.state {
                            ReviewState::Counts => { span.word.sound { "yes" } }
                            ReviewState::NotChecked => { "not checked" }
                            ReviewState::Void(why) => { span.word.damaged { "no" } ": " (shown(why)) }
                        } }
                    }
                } }
            }
            }))
        }
    }
}

/// The section of files with their hashes.
pub fn files(paper: &ReportPage<'_>, sha256: &str) -> Markup {
    let report = paper.report;
    let dump = report.night.iter().filter_map(|night| night.dump.as_ref()).flat_map(|dump| {
        dump.files.iter().map(move |file| (format!("{}/{}", dump.backup, file.path), file.bytes, file.sha256.as_str()))
    });
    let dump: Vec<_> = dump.collect();
    let beside = report.side_files.iter().map(|file| (file.name.clone(), file.bytes, file.sha256.as_str()));
    let beside: Vec<_> = beside.collect();
    html! {
        section aria-labelledby="files" {
            h2 #files { "Files" }
            (wide("Files beside the report", &html! {
                table.digests {
                    caption { "Beside this page" }
                    (head())
                    tbody {
                        tr { th scope="row" { code { (REPORT) } } td.n { "" } td { code.digest { (sha256) } } }
                        @for file in &beside { (row(file)) }
                        @if paper.entry.aftermath.closing().is_some() {
                            tr { th scope="row" { code { (CLOSING) } } td.n { "" } td { span.quiet { "signed by itself" } } }
                        }
                    }
                }
            }))
            @if !dump.is_empty() {
                details open[dump.len() <= OPEN] {
                    summary { (grouped_noun(dump.len() as u64, "file")) " of the dump, "
                        (bytes(dump.iter().fold(0, |sum: u64, file| sum.saturating_add(file.1)))) }
                    (wide("Files of the dump", &html! {
                        table.digests { caption { "Files of the dump, below the directory of backups" } (head()) tbody { @for file in &dump { (row(file)) } } }
                    }))
                }
            }
        }
    }
}

fn head() -> Markup {
    html! { thead { tr { th scope="col" { "File" } th.n scope="col" { "Size" } th scope="col" { "SHA-256" } } } }
}

fn row((name, size, sha256): &(String, u64, &str)) -> Markup {
    html! { tr { th scope="row" { (code(name)) } td.n { (bytes(*size)) } td { code.digest { (sha256) } } } }
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
