//! The text below the options of a help, as sections of a page.

use clap_mangen::roff::{Roff, bold, roman};

const EXIT_CODES: &str = "Exit codes:";
const EXAMPLES: &str = "\nExamples:\n";

/// The three parts of the text.
pub struct HelpText<'a> {
    /// What is before the exit codes.
    pub description: &'a str,
    /// Below `Exit codes:`.
    pub exit_codes: &'a str,
    /// Below `Examples:`.
    pub examples: &'a str,
}

impl<'a> HelpText<'a> {
    /// A part that is missing is empty.
    pub fn split(text: &'a str) -> Self {
        let (description, rest) = text.split_once(EXIT_CODES).unwrap_or((text, ""));
        let (exit_codes, examples) = rest.split_once(EXAMPLES).unwrap_or((rest, ""));
        Self { description, exit_codes, examples }
    }
}

/// Paragraphs, lists (`  * `) and lines that stay as they are (indented by two spaces).
pub fn prose(roff: &mut Roff, text: &str) {
    for block in text.split("\n\n") {
        pieces(block.trim_matches('\n')).into_iter().for_each(|piece| piece.render(roff));
    }
}

/// `  0  sound: …`, with further lines indented more, and paragraphs.
pub fn exit_codes(roff: &mut Roff, text: &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if !first.trim().is_empty() {
        roff.control("PP", []).text([roman(first.trim())]);
    }
    let (codes, rest) = rest.split_once("\n\n").unwrap_or((rest, ""));
    for line in codes.lines() {
        match line.trim_start().split_once("  ") {
            Some((code, meaning)) if line.starts_with("  ") && !line.starts_with("   ") => {
                roff.control("TP", []).text([bold(code)]).text([roman(meaning.trim())]);
            }
            _ => {
                roff.text([roman(line.trim())]);
            }
        }
    }
    prose(roff, rest);
}

/// Lines that stay as they are.
pub fn verbatim<'a>(roff: &mut Roff, lines: impl IntoIterator<Item = &'a str>) {
    roff.control("PP", []).control("RS", ["4"]).control("EX", []);
    for line in lines {
        roff.text([roman(line)]);
    }
    roff.control("EE", []).control("RE", []);
}

enum HelpPiece<'a> {
    Paragraph(Vec<&'a str>),
    Item(Vec<&'a str>),
    Verbatim(Vec<&'a str>),
}

impl HelpPiece<'_> {
    fn render(&self, roff: &mut Roff) {
        match self {
            Self::Paragraph(lines) => {
                roff.control("PP", []).text([roman(lines.join("\n"))]);
            }
            Self::Item(lines) => {
                roff.control("IP", ["\\(bu", "2"]).text([roman(lines.join("\n"))]);
            }
            Self::Verbatim(lines) => verbatim(roff, lines.iter().copied()),
        }
    }
}

/// The pieces of one block, in which no line is empty.
fn pieces(block: &str) -> Vec<HelpPiece<'_>> {
    let mut pieces = Vec::new();
    for line in block.lines() {
        if let Some(item) = line.strip_prefix("  * ") {
            pieces.push(HelpPiece::Item(vec![item]));
            continue;
        }
        match (line.strip_prefix("  "), pieces.last_mut()) {
            (Some(more), Some(HelpPiece::Item(lines))) => lines.push(more.trim_start()),
            (Some(more), Some(HelpPiece::Verbatim(lines))) => lines.push(more),
            (Some(first), _) => pieces.push(HelpPiece::Verbatim(vec![first])),
            (None, Some(HelpPiece::Paragraph(lines))) => lines.push(line),
            (None, _) if line.is_empty() => {}
            (None, _) => pieces.push(HelpPiece::Paragraph(vec![line])),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_help_text_becomes_paragraphs_lists_and_lines() {
        let mut roff = Roff::new();
        prose(&mut roff, "One\ntwo.\n\nA list:\n  * first\n    more of it\n  * second\n\nLines:\n  a = 1\n    b\n\n");
        let expected = [
            ".PP\nOne\ntwo.\n.PP\nA list:\n.IP \\(bu 2\nfirst\nmore of it\n.IP \\(bu 2\nsecond\n.PP\nLines:\n",
            ".PP\n.RS 4\n.EX\na = 1\n  b\n.EE\n.RE\n",
        ];
        assert_eq!(roff.to_roff(), expected.concat());
    }

    #[test]
    fn exit_codes_have_further_lines_and_paragraphs() {
        let mut roff = Roff::new();
        let text = HelpText::split(
            "Before.\n\nExit codes: as printed\n  0  good\n  2  bad, or\n     worse\n\nAfter.\n\nExamples:\n  x",
        );
        exit_codes(&mut roff, text.exit_codes);
        assert_eq!((text.description, text.examples), ("Before.\n\n", "  x"));
        let expected = ".PP\nas printed\n.TP\n\\fB0\\fR\ngood\n.TP\n\\fB2\\fR\nbad, or\nworse\n.PP\nAfter.\n";
        assert_eq!(roff.to_roff(), expected);
    }

    #[test]
    fn a_line_of_text_is_never_a_request() {
        let mut roff = Roff::new();
        prose(&mut roff, ".pgpass is read\n'quoted'\n\n  .so /etc/passwd\n  'br\n  \\n");
        let lines: Vec<String> = roff.render().lines().skip(2).map(str::to_owned).collect();
        let requests: Vec<&String> = lines.iter().filter(|line| line.starts_with(['.', '\''])).collect();
        assert_eq!(requests, [".PP", ".PP", ".RS 4", ".EX", ".EE", ".RE"], "{lines:#?}");
        assert!(lines.contains(&"\\\\n".to_owned()), "{lines:#?}");
    }
}
