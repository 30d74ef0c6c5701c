//! A document as the HTML part of a mail.
//!
//! The elements are those of a page. Mail programs drop style sheets, so each element has its style inline. No image, no link, no
//! script. Colours only accompany words; text and background stay as the reader has set them, light or dark.

use maud::{DOCTYPE, Markup, html};

use super::blocks::{block, capitalized, text};
use super::sign::class;
use crate::output::document::{Document, Section};

/// The styles of elements, of classes and of classes that stand together; a later one goes before. Colours are legible on white and
/// on black.
const STYLES: &[(&[&str], &str)] = &[
    (&["body"], "font:15px/1.5 system-ui,'Segoe UI',sans-serif;max-width:46em;margin:0 auto;padding:16px"),
    (&["h1"], "font-size:19px;margin:0 0 6px;overflow-wrap:anywhere"),
    (&["h2"], "font-size:16px;margin:22px 0 6px"),
    (&["h3", "h4"], "font-size:15px;margin:8px 0 4px;overflow-wrap:anywhere"),
    (&["p", "pre"], "margin:2px 0;overflow-wrap:anywhere"),
    (&["ul"], "margin:0;padding-left:20px;overflow-wrap:anywhere"),
    (&["dl"], "margin:0"),
    // A label and its value.
    (&["div"], "display:flex;flex-wrap:wrap"),
    (&["dt"], "flex:0 0 12em"),
    (&["dd"], "flex:1 1 20em;margin:0;overflow-wrap:anywhere"),
    (&["table"], "border-collapse:collapse"),
    (&["caption"], "text-align:left"),
    (&["th", "td"], "text-align:left;vertical-align:top;padding:2px 14px 2px 0;font-weight:normal"),
    (&["n"], "text-align:right;white-space:nowrap"),
    (&["pre", "code"], "font:13px/1.45 ui-monospace,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere"),
    (&["dt", "caption", "quiet", "count"], "opacity:.75;font-weight:normal"),
    (&["wide"], "display:block;overflow-x:auto"),
    (&["title"], "display:block;border-left:6px solid;padding:2px 0 2px 14px"),
    (&["finding"], "border-left:2px solid;padding-left:10px;margin:0 0 8px"),
    (&["sound"], "border-color:#2e9e5b"),
    (&["damaged"], "border-color:#d6453d"),
    (&["inconclusive"], "border-color:#c98500"),
    (&["del", "ins"], "text-decoration:none"),
    (&["ins", "word sound"], "color:#2e9e5b"),
    (&["del", "word damaged"], "color:#d6453d"),
    (&["word inconclusive"], "color:#c98500"),
];

/// A complete page without external resources.
pub fn mail(document: &Document) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="color-scheme" content="light dark";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (document.title) }
            }
            body {
                div class={ "title " (class(document.tone)) } {
                    h1 { (document.title) }
                    @for words in &document.intro { p { (text(words)) } }
                }
                @for one in &document.sections { (section(one)) }
            }
        }
    };
    inlined(&unfolded(&page.into_string()))
}

fn section(section: &Section) -> Markup {
    html! {
        h2 { (capitalized(section.heading.as_deref().unwrap_or(section.title))) }
        @if let Some(legend) = section.legend { p.quiet { (legend) } }
        @for one in &section.blocks { (block(one, 3)) }
    }
}

/// Of what a page folds, a mail has the count.
fn unfolded(page: &str) -> String {
    let mut parts = page.split("<details>");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.filter_map(|part| part.split_once("</details>")).fold(first, |page, (folded, rest)| {
        let summary = folded.split_once("</summary>").map_or("", |(summary, _)| summary);
        page + &summary.replace("<summary>", "<p class=\"quiet\">") + "</p>" + rest
    })
}

/// Replaces the class of each element by its style.
fn inlined(page: &str) -> String {
    // In texts and attributes these signs are escaped: what is left of them are tags.
    let tags = page.split('<').filter_map(|part| part.split_once('>'));
    tags.map(|(tag, text)| format!("<{}>{text}", styled(tag))).collect()
}

fn styled(tag: &str) -> String {
    let (element, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
    let (before, classes, after) = match attributes.split_once("class=\"") {
        Some((before, rest)) => {
            rest.split_once('"').map_or((before, rest, ""), |(classes, after)| (before, classes, after))
        }
        None => ("", "", attributes),
    };
    let is_of = |of: &&str| *of == element || *of == classes || classes.split(' ').any(|class| class == *of);
    let styles = STYLES.iter().filter(|(of, _)| of.iter().any(is_of)).map(|(_, style)| *style);
    let styles = styles.collect::<Vec<_>>().join(";");
    let style = if styles.is_empty() { String::new() } else { format!("style=\"{styles}\"") };
    let attributes = [before.trim(), after.trim(), style.as_str()];
    let attributes = attributes.into_iter().filter(|text| !text.is_empty());
    std::iter::once(element).chain(attributes).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_takes_the_place_of_a_class_and_nothing_else_changes() {
        let own = html! { p.quiet title="a > b" { "x < y" } br; span.word.sound { "\"" } };
        let wanted = "<p title=\"a &gt; b\" style=\"margin:2px 0;overflow-wrap:anywhere;opacity:.75;font-weight:normal\">x &lt; y</p><br>\
             <span style=\"border-color:#2e9e5b;color:#2e9e5b\">&quot;</span>";
        assert_eq!(inlined(&own.into_string()), wanted);
    }

    #[test]
    fn folded_lines_are_counted() {
        let folded = html! { p { "a" } details { summary { "2 more" } p { "b" } } p { "c" } };
        assert_eq!(unfolded(&folded.into_string()), "<p>a</p><p class=\"quiet\">2 more</p><p>c</p>");
    }
}
