//! The evidence of a period: a part for each source, and what is not proven.

use super::history::age;
use crate::base::text::{duration, grouped, grouped_noun};
use crate::base::time::Timestamp;
use crate::model::period::{
    DirectoryPeriod, Measure, NotProven, PeriodAnswer, PeriodSummary, ProvenRun, ReviewNote, SourcePeriod, WaiverUse,
};
use crate::model::status::Status;
use crate::output::document::{
    Block, Document, DocumentTable, Item, Look, Row, Section, TableCell, TableColumn, Text, Tone, name, or_dash,
    outside, quiet, status_tone, strong, time, word,
};

/// Findings of one run that are named.
const NAMED: usize = 10;
/// The order in which columns are left out where there is no room.
const SPARE: [u8; 9] = [0, 0, 5, 1, 2, 3, 4, 0, 6];
const NOT_MEASURED: &str = "not measured";

/// The sign and colour of an answer.
pub fn status(answer: PeriodAnswer) -> Status {
    match answer {
        PeriodAnswer::Complete => Status::Sound,
        PeriodAnswer::CompleteWithWarnings => Status::SoundWithWarnings,
        PeriodAnswer::NotProven => Status::Inconclusive,
        PeriodAnswer::Damaged => Status::Damaged,
    }
}

/// The answer in words.
pub fn answer(answer: PeriodAnswer) -> &'static str {
    match answer {
        PeriodAnswer::Complete => "complete: every expected run is proven and sound, and its backup is verified",
        PeriodAnswer::CompleteWithWarnings => "complete, but something failed after a report was signed",
        PeriodAnswer::NotProven => "not proven in every part",
        PeriodAnswer::Damaged => "damaged: a run of the period found damage",
    }
}

/// `2026-06-01T00:00:00Z to 2026-07-01T00:00:00Z (30 days)`
pub fn period(summary: &PeriodSummary) -> Text {
    let period = summary.period;
    time(period.since).and(" to ").and(time(period.until)).and(format!(" ({})", age(period.seconds())))
}

/// The whole summary for a terminal: all sections one after the other, the answer last.
pub fn document(summary: &PeriodSummary) -> Document {
    let mut sections = Vec::new();
    for directory in &summary.directories {
        for source in &directory.sources {
            let [first, rest @ ..] = source_sections(source);
            sections.push(Section { heading: Some(source_name(source)), ..first });
            sections.extend(rest);
        }
        sections.extend(directory_sections(directory).map(|section| of_directory(section, directory)));
    }
    let last = word(status_tone(status(summary.answer)), answer(summary.answer));
    sections.push(Section::new("answer", "Answer").with([Block::Paragraph(last)]));
    let title = format!("Backups from {} to {}", summary.period.since, summary.period.until);
    Document { tone: status_tone(status(summary.answer)), title, intro: Vec::new(), sections }
}

fn of_directory(section: Section, directory: &DirectoryPeriod) -> Section {
    let heading = section.heading.as_ref().map(|heading| format!("{heading} in {}", directory.path));
    Section { heading, ..section }
}

/// What was backed up.
pub fn source_name(source: &SourcePeriod) -> String {
    source.source.clone().unwrap_or_else(|| "a source that the reports do not name".to_owned())
}

/// Figures, missing runs, runs, findings and reviews, waivers; all of them, empty or not.
pub fn source_sections(source: &SourcePeriod) -> [Section; 5] {
    let shortfalls: Vec<Text> =
        source.shortfalls.iter().map(|line| word(status_tone(status(source.answer)), line)).collect();
    let figures = Section::new("figures", "Figures")
        .with((!shortfalls.is_empty()).then_some(Block::List(shortfalls)))
        .with([Block::Facts(facts(source))]);
    [figures, missing(source), runs(source), reviews(source), waivers(&source.waivers)]
}

fn facts(source: &SourcePeriod) -> Vec<(&'static str, Text)> {
    let counts = source.counts;
    let backups = match counts.verified_backups {
        0 => word(Tone::Bad, "none"),
        _ => Text::from(format!(
            "{}: {} on site, {} off site",
            grouped(counts.verified_backups),
            grouped(counts.on_site),
            grouped(counts.off_site)
        )),
    };
    let gap = source.longest_gap;
    let gap = Text::from(format!("{}, ", age(gap.seconds))).and(time(gap.from)).and(" to ").and(time(gap.to));
    let seconds = |value: u64| duration(value.saturating_mul(1000));
    vec![
        ("runs", expected(source)),
        ("verdicts", verdicts(source)),
        ("verified backups", backups),
        ("age of data (RPO)", measure(source.data_age_s.as_ref(), &seconds)),
        ("restore time (RTO)", measure(source.restore_ms.as_ref(), &duration)),
        ("longest gap", gap),
        ("reviews", reviewed(source)),
    ]
}

fn expected(source: &SourcePeriod) -> Text {
    match &source.schedule {
        None => Text::from(format!("{} proven; ", grouped(source.counts.runs)))
            .and(word(Tone::Unsure, "expected number not known (--every)")),
        Some(schedule) => {
            let tone = if schedule.missing() == 0 { Tone::Good } else { Tone::Bad };
            let text = format!("{} of {} expected are proven", grouped(schedule.present), grouped(schedule.expected));
            let extra = source.counts.runs.saturating_sub(schedule.present);
            let extra = if extra == 0 { String::new() } else { format!(", {} more", grouped(extra)) };
            word(tone, &text).and(extra)
        }
    }
}

fn verdicts(source: &SourcePeriod) -> Text {
    let counts = source.counts;
    let of = [(counts.sound, "sound"), (counts.damaged, "damaged"), (counts.inconclusive, "inconclusive")];
    let parts: Vec<String> =
        of.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{} {word}", grouped(*count))).collect();
    if parts.is_empty() { "none".into() } else { parts.join(", ").into() }
}

/// `6 min 02 s to 9 min 10 s, median 7 min 00 s (29 runs); from 6 min 10 s to 8 min 00 s, +29 %`
fn measure(measure: Option<&Measure>, tell: &dyn Fn(u64) -> String) -> Text {
    let Some(measure) = measure else { return word(Tone::Unsure, NOT_MEASURED) };
    let range = match measure.min == measure.max {
        true => tell(measure.min),
        false => format!("{} to {}, median {}", tell(measure.min), tell(measure.max), tell(measure.median)),
    };
    let trend = match &measure.trend {
        None => "too few runs for a trend".to_owned(),
        Some(trend) => {
            let change = trend.change_percent.map(|percent| format!(" ({percent:+} %)")).unwrap_or_default();
            format!("first third {}, last third {}{change}", tell(trend.first), tell(trend.last))
        }
    };
    format!("{range} ({}); {trend}", grouped_noun(measure.runs, "run")).into()
}

fn reviewed(source: &SourcePeriod) -> Text {
    match source.counts.reviewed + source.counts.not_reviewed {
        0 => "none needed: every proven run is sound".into(),
        all => {
            let tone = if source.counts.not_reviewed == 0 { Tone::Good } else { Tone::Bad };
            let runs = format!("{} without a sound verdict reviewed", grouped_noun(all, "run"));
            word(tone, &format!("{} of {runs}", grouped(source.counts.reviewed)))
        }
    }
}

fn missing(source: &SourcePeriod) -> Section {
    let lines: Vec<Text> =
        source.schedule.iter().flat_map(|schedule| &schedule.missing_at).map(|at| time(*at)).collect();
    let count = source.schedule.as_ref().map_or(0, |schedule| schedule.missing());
    let named = lines.len() as u64;
    let more = count.saturating_sub(named);
    let more = (more > 0).then(|| {
        let text = format!("{}: the runs were further apart than expected", grouped_noun(more, "further run"));
        Block::Paragraph(text.into())
    });
    Section::new("missing", "Expected runs without a proven report")
        .heading(format!("{} without a proven report, due about", grouped_noun(count, "expected run")))
        .with((!lines.is_empty()).then_some(Block::List(lines)))
        .with(more)
}

fn runs(source: &SourcePeriod) -> Section {
    let columns = [
        TableColumn::Words("run"),
        TableColumn::Words("verdict"),
        TableColumn::Words("data of"),
        TableColumn::Numbers("data age"),
        TableColumn::Numbers("restore"),
        TableColumn::Words("on site"),
        TableColumn::Words("off site"),
        TableColumn::Words("backup"),
        TableColumn::Words("reviewed by"),
    ];
    let rows: Vec<Row> = source.runs.iter().map(row).collect();
    let note = "Data age: at the end of the verification. On site and off site: at the end of the run, as its signed closing.json has it.";
    let table = DocumentTable {
        class: "nights",
        spare: &SPARE,
        ..DocumentTable::new("Proven runs, oldest first", columns, rows)
    };
    Section::new("proven", "Proven runs").counted(source.runs.len(), "proven run").with(
        (!source.runs.is_empty())
            .then_some([Block::DocumentTable(table), Block::Paragraph(quiet(note))])
            .into_iter()
            .flatten(),
    )
}

fn row(run: &ProvenRun) -> Row {
    let status = Status::from(run.verdict);
    let counts: Vec<&str> = run.reviews.iter().filter(|review| review.not_counted.is_none()).map(who).collect();
    let backup = if run.is_backup_verified() { word(Tone::Good, "verified") } else { word(Tone::Bad, "not verified") };
    let cells: [TableCell; 9] = [
        Text::shown(crate::base::printable::printable(&run.id), Look::Run { href: None, at: Some(run.started_at) })
            .into(),
        Text::shown(status.word().to_owned(), Look::Badge(status)).into(),
        run.data_as_of.map_or_else(|| "–".into(), time).into(),
        or_dash(run.data_age_s.map(|seconds| duration(seconds.saturating_mul(1000)))),
        or_dash(run.restore_ms.map(duration)),
        place(run.is_on_site).into(),
        place(run.is_off_site).into(),
        backup.into(),
        outside(&counts.join(", ")).into(),
    ];
    Row { tone: Some(status_tone(status)), ..Row::new(cells) }
}

fn who(review: &ReviewNote) -> &str {
    &review.identity
}

fn place(is_there: Option<bool>) -> Text {
    match is_there {
        Some(true) => "yes".into(),
        Some(false) => "no".into(),
        None => word(Tone::Unsure, "not proven"),
    }
}

/// The runs without a sound verdict, what they found, and who has looked at it.
fn reviews(source: &SourcePeriod) -> Section {
    let item = |run: &ProvenRun| {
        let more = run.findings.len().saturating_sub(NAMED);
        let named = run.findings.iter().take(NAMED).map(|found| format!("{} {}", found.kind, found.object));
        let mut lines: Vec<Text> = named.map(|line| name(&line)).collect();
        if more > 0 {
            lines.push(quiet(&format!("and {}", grouped_noun(more as u64, "more finding"))));
        }
        if run.unchecked > 0 {
            lines.push(format!("{} not checked", grouped_noun(run.unchecked, "thing")).into());
        }
        let reviews = review_lines(&run.reviews);
        if !run.is_reviewed() {
            lines.push(word(Tone::Bad, "not reviewed"));
        }
        lines.extend(reviews);
        let status = Status::from(run.verdict);
        Item { title: name(&run.id).and(": ").and(strong(status.word())), blocks: vec![Block::List(lines)] }
    };
    let items: Vec<Item> = source.runs.iter().filter(|run| run.needs_review()).map(item).collect();
    Section::new("reviews", "Findings and reviews")
        .heading(format!("{} without a sound verdict", grouped_noun(items.len() as u64, "run")))
        .with((!items.is_empty()).then_some(Block::Items(Tone::Bad, items)))
}

fn review_lines(reviews: &[ReviewNote]) -> Vec<Text> {
    let line = |review: &ReviewNote| {
        let when = review.reviewed_at.map_or_else(Text::default, |at| Text::from(" on ").and(time(at)));
        let who = outside(&review.identity).and(when);
        match &review.not_counted {
            None => Text::from("reviewed by ").and(who).and(": ").and(outside(&review.note)),
            Some(why) => Text::from("a review that does not count (").and(outside(why)).and("), by ").and(who),
        }
    };
    reviews.iter().map(line).collect()
}

fn waivers(waivers: &[WaiverUse]) -> Section {
    let item = |used: &WaiverUse| {
        let title = name(&format!("{} {}", used.kind, used.object)).and(quiet(&format!("  by {}", used.by)));
        let applied = match used.applied {
            0 => "not needed".to_owned(),
            applied => {
                format!("covered {} in {}", grouped_noun(used.covered, "difference"), grouped_noun(applied, "run"))
            }
        };
        let text = format!("in force in {}, last in {}; {applied}", grouped_noun(used.runs, "run"), used.last);
        Item { title, blocks: vec![Block::List(vec![outside(&used.reason), text.into()])] }
    };
    let items: Vec<Item> = waivers.iter().map(item).collect();
    Section::new("waivers", "Waivers")
        .counted(items.len(), "waiver")
        .with((!items.is_empty()).then_some(Block::Items(Tone::Quiet, items)))
}

/// What is not proven, and the signers.
pub fn directory_sections(directory: &DirectoryPeriod) -> [Section; 2] {
    [not_proven(directory), signers(directory)]
}

fn not_proven(directory: &DirectoryPeriod) -> Section {
    let item = |entry: &NotProven| {
        let when = entry.started_at.map_or_else(Text::default, |at: Timestamp| Text::from(", ").and(time(at)));
        let lines = entry.reasons.iter().map(|reason| outside(reason)).chain(review_lines(&entry.reviews)).collect();
        Item { title: name(&entry.id).and(when), blocks: vec![Block::List(lines)] }
    };
    let mut blocks: Vec<Block> = directory.error.iter().map(|why| Block::Paragraph(word(Tone::Bad, why))).collect();
    if directory.error.is_none() && directory.sources.is_empty() {
        blocks.push(Block::Paragraph(word(Tone::Bad, "there is no proven run before the end of the period")));
    }
    let items: Vec<Item> = directory.not_proven.iter().map(item).collect();
    let count = items.len() as u64;
    blocks.extend((!items.is_empty()).then_some(Block::Items(Tone::Unsure, items)));
    Section::new("not-proven", "Not proven")
        .heading(format!("{} not proven", grouped_noun(count, "report")))
        .note("These count for nothing above, except that a signed report counts where only what came after it is not proven.")
        .with(blocks)
}

fn signers(directory: &DirectoryPeriod) -> Section {
    let columns = [
        TableColumn::Words("signer"),
        TableColumn::Names("key"),
        TableColumn::Words("valid from"),
        TableColumn::Words("valid until"),
        TableColumn::Numbers("reports"),
    ];
    let limit = |at: Option<Timestamp>| at.map_or_else(|| quiet("no limit"), time);
    let row = |key: &crate::model::period::SignerKey| {
        let cells: [TableCell; 5] = [
            outside(&key.principals).into(),
            name(&key.fingerprint).into(),
            limit(key.valid_after).into(),
            limit(key.valid_before).into(),
            grouped(key.reports).into(),
        ];
        Row::new(cells)
    };
    let rows: Vec<Row> = directory.signers.iter().map(row).collect();
    let table =
        DocumentTable::new("Keys that signed the proven runs, as the list of allowed signers has them", columns, rows);
    Section::new("signers", "Signers")
        .counted(directory.signers.len(), "signer")
        .with((!directory.signers.is_empty()).then_some(Block::DocumentTable(table)))
}
