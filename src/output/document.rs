//! A document: what a person reads of a report, a run or a history, without markup, colours or layout.
//!
//! The views build it, the back-ends (terminal, HTML, e-mail) print it. Every text passes [`printable()`] exactly once, here: a
//! [`Text`] cannot hold a character that a terminal would obey or not show.

use crate::base::printable::printable;
use crate::base::text::grouped_noun;
use crate::base::time::Timestamp;
use crate::model::status::Status;

/// What a colour says; the words say it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Bad,
    Unsure,
    Quiet,
}

/// What the colour of a status says.
pub fn status_tone(status: Status) -> Tone {
    match status {
        Status::Sound => Tone::Good,
        Status::Damaged | Status::Unproven | Status::Missing => Tone::Bad,
        Status::SoundWithWarnings
        | Status::Inconclusive
        | Status::Interrupted
        | Status::Unreadable
        | Status::NoReport => Tone::Unsure,
        Status::SoundSoFar | Status::Running => Tone::Quiet,
    }
}

/// How a piece of text is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Our own words.
    Plain,
    Strong,
    /// Our own word for a result.
    Word(Tone),
    /// A sentence of a server, a program or a person.
    Outside,
    /// A name or a value from outside.
    Name,
    Time(Timestamp),
    /// The same without its day, where a neighbour shows that.
    Clock(Timestamp),
    /// The state of a run: a sign and a word.
    Badge(Status),
    /// The text as a link to a page of ours.
    Page {
        href: String,
    },
    /// The id of a run, or its time as a link to its page.
    Run {
        href: Option<String>,
        at: Option<Timestamp>,
    },
}

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextPart {
    /// Printable.
    pub text: String,
    pub look: Look,
}

/// Pieces of text on one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(pub Vec<TextPart>);

impl Text {
    fn of(text: &str, look: Look) -> Self {
        Self::shown(printable(text), look)
    }

    /// A text that was made printable before, such as a part of a value.
    pub fn shown(text: String, look: Look) -> Self {
        Self(vec![TextPart { text, look }])
    }

    /// These and more.
    pub fn and(mut self, more: impl Into<Self>) -> Self {
        self.0.extend(more.into().0);
        self
    }

    /// All pieces in one line.
    pub fn plain(&self) -> String {
        self.0.iter().map(|span| span.text.as_str()).collect()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::of(text, Look::Plain)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::of(&text, Look::Plain)
    }
}

pub fn outside(text: &str) -> Text {
    Text::of(text, Look::Outside)
}

pub fn name(text: &str) -> Text {
    Text::of(text, Look::Name)
}

pub fn word(tone: Tone, text: &str) -> Text {
    Text::of(text, Look::Word(tone))
}

pub fn quiet(text: &str) -> Text {
    word(Tone::Quiet, text)
}

pub fn strong(text: &str) -> Text {
    Text::of(text, Look::Strong)
}

pub fn time(at: Timestamp) -> Text {
    Text::of(&at.to_string(), Look::Time(at))
}

pub fn clock(at: Timestamp) -> Text {
    Text::of(&at.to_string(), Look::Clock(at))
}

/// A document of its own, in reading order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub tone: Tone,
    /// Printable.
    pub title: String,
    pub intro: Vec<Text>,
    pub sections: Vec<Section>,
}

/// A part of a document, in reading order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// For links.
    pub id: &'static str,
    /// For a reader who turns pages.
    pub title: &'static str,
    /// The heading with its count, for a reader who scrolls: `13 findings`. Without it, the contents need no heading.
    pub heading: Option<String>,
    /// The meaning of signs: `- expected, + actual`.
    pub legend: Option<&'static str>,
    /// The meaning of the section, where there is room for it.
    pub note: &'static str,
    pub blocks: Vec<Block>,
}

impl Section {
    pub fn new(id: &'static str, title: &'static str) -> Self {
        Self { id, title, ..Self::default() }
    }

    pub fn heading(self, heading: impl Into<String>) -> Self {
        Self { heading: Some(heading.into()), ..self }
    }

    /// `13 findings`
    pub fn counted(self, count: usize, noun: &str) -> Self {
        self.heading(grouped_noun(count as u64, noun))
    }

    pub fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    pub fn with(mut self, blocks: impl IntoIterator<Item = Block>) -> Self {
        self.blocks.extend(blocks);
        self
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    Paragraph(Text),
    List(Vec<Text>),
    /// Label and value.
    Facts(Vec<(&'static str, Text)>),
    DocumentTable(DocumentTable),
    /// Items of one kind under a heading.
    Group {
        title: &'static str,
        meaning: &'static str,
        items: Vec<Item>,
    },
    Items(Tone, Vec<Item>),
    /// The values of both sides, in lines.
    Sides {
        expected: Option<Vec<String>>,
        actual: Option<Vec<String>>,
    },
    /// A definition with its changes.
    Difference(Vec<RowLine>),
    /// Rows that one side alone has, and rows that both have.
    Rows {
        lone: Vec<RowLine>,
        changed: Vec<ChangedValues>,
        are_cut: bool,
    },
    /// Lines to copy.
    Command(Vec<String>),
    /// Names after a word, as many as there is room for.
    Names {
        label: &'static str,
        names: Vec<String>,
    },
}

/// A thing with what is to be said of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    pub title: Text,
    pub blocks: Vec<Block>,
}

/// A line of a difference; printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowLine {
    Same(String),
    Expected(String),
    Actual(String),
    /// Omitted common lines.
    Gap,
}

/// The changed values of one row; printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedValues {
    pub key: String,
    /// Column, expected, actual.
    pub columns: Vec<(String, String, String)>,
}

/// What is said of folded rows.
pub type FoldSummary = fn(&[&Row]) -> String;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentTable {
    /// CSS class of the table.
    pub class: &'static str,
    pub caption: String,
    pub columns: Vec<TableColumn>,
    /// Where there is no room for all columns, those of the highest number go first; 0 stays.
    pub spare: &'static [u8],
    pub rows: Vec<Row>,
    /// Rows under a heading of their own.
    pub more: Option<(Text, Vec<Row>)>,
    /// Up to how many folded rows a page shows open, and what it says of them: `3 equal tables`.
    pub folded: Option<(usize, FoldSummary)>,
    /// Whether pages show it without pictures.
    pub is_plain: bool,
    /// Below the table.
    pub legend: Option<&'static str>,
}

impl DocumentTable {
    pub fn new(caption: impl Into<String>, columns: impl Into<Vec<TableColumn>>, rows: Vec<Row>) -> Self {
        Self { caption: caption.into(), columns: columns.into(), rows, ..Self::default() }
    }
}

/// A column by its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableColumn {
    Words(&'static str),
    /// May be broken into lines.
    Names(&'static str),
    Numbers(&'static str),
    /// Whole on a page, cut on a terminal.
    Digests(&'static str),
    /// A picture; only for pages.
    Bars(&'static str),
    /// What a command takes; not for pages.
    Typed(&'static str),
}

impl TableColumn {
    pub fn head(self) -> &'static str {
        match self {
            Self::Words(head) | Self::Names(head) | Self::Numbers(head) => head,
            Self::Digests(head) | Self::Bars(head) | Self::Typed(head) => head,
        }
    }

    pub fn is_number(self) -> bool {
        matches!(self, Self::Numbers(_))
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    pub cells: Vec<TableCell>,
    /// Colours the whole row where its words must not be overlooked.
    pub tone: Option<Tone>,
    /// More on the row, one line each.
    pub notes: Vec<Text>,
    /// A row with nothing new: the group that it may be folded into.
    pub folded: Option<String>,
    /// Of folded rows, the heaviest are shown first.
    pub weight: u64,
    /// On a page, rows of a lower rank come first.
    pub rank: u8,
    /// What a page can be filtered by.
    pub filter: Option<RowFilter>,
}

/// What a page can be filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowFilter {
    /// Of the run.
    pub status: Status,
    /// Place of the source in the list of all; `None`: not known.
    pub source: Option<usize>,
}

impl Row {
    pub fn new(cells: impl Into<Vec<TableCell>>) -> Self {
        Self { cells: cells.into(), ..Self::default() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableCell {
    Text(Text),
    Digests(Vec<String>),
    Bar(Bar),
}

impl<T: Into<Text>> From<T> for TableCell {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

/// A part of a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bar {
    pub from: u64,
    pub length: u64,
    pub whole: u64,
    /// CSS class.
    pub class: &'static str,
    pub label: String,
}

/// `–` for a number that is not known.
pub fn or_dash(text: Option<String>) -> TableCell {
    text.unwrap_or_else(|| "–".to_owned()).into()
}
