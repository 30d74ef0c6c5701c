//! The result of `report verify`.

use crate::model::verdict::counted;
use crate::output::document::{Block, Item, Section, Text, Tone, outside, word};
use crate::storage::history::ReportCheck;

/// All reports, below the line on the newest; a report alone has a line for each thing that was found.
pub fn section(newest: Option<&str>, checks: &[ReportCheck]) -> Section {
    let blocks = match (newest, checks) {
        (None, [check]) => {
            let mut found = check.lines.iter();
            let first = colored(check, &format!("{}: {}", check.id, found.next().map_or("", String::as_str)));
            vec![Block::List(
                [first].into_iter().chain(found.map(|line| outside(line))).chain(contents(check)).collect(),
            )]
        }
        _ => vec![
            Block::List(newest.into_iter().map(Text::from).collect()),
            Block::Items(Tone::Quiet, checks.iter().map(item).collect()),
            Block::Paragraph(closing(checks).into()),
        ],
    };
    Section::new("checks", "Checks").with(blocks)
}

fn item(check: &ReportCheck) -> Item {
    let title = colored(check, &format!("{}: {}", check.id, check.lines.join("; ")));
    Item { title, blocks: vec![Block::List(contents(check).collect())] }
}

fn colored(check: &ReportCheck, text: &str) -> Text {
    let tone = match check.code {
        0 => Tone::Good,
        _ if check.is_pending => Tone::Unsure,
        _ => Tone::Bad,
    };
    word(tone, text)
}

/// What a report with a good signature says.
fn contents(check: &ReportCheck) -> impl Iterator<Item = Text> {
    let verdict = check.verdict_line.iter().map(|line| Text::from(format!("it says: {line}")));
    verdict.chain(check.later_failures.iter().map(|line| word(Tone::Unsure, &format!("after it: {line}"))))
}

fn closing(checks: &[ReportCheck]) -> String {
    let count = |is: &dyn Fn(&ReportCheck) -> bool| checks.iter().filter(|check| is(check)).count();
    let result = match (count(&|check| check.code != 0 && !check.is_pending), count(&|check| check.is_pending)) {
        (0, 0) => "all proven, the chain is whole".to_owned(),
        (0, pending) => format!("not all can be proven yet: {pending} is not finished, or was killed"),
        (wrong, _) => format!("{wrong} not proven or not whole"),
    };
    let after = match count(&|check| !check.later_failures.is_empty()) {
        0 => String::new(),
        count => format!("; {count} with a problem after the report"),
    };
    format!("{}: {result}{after}", counted(checks.len(), "run"))
}
