//! A message as HTML: the contents of the text, with a colour.
//!
//! No image, no link, no script. Colours only accompany words; text and background stay as the reader has set them, light or
//! dark.

use maud::{DOCTYPE, Markup, html};

use super::sections::{List, Told};
use crate::model::status::Status;

const BODY: &str =
    "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;max-width:46em;margin:0 auto;padding:16px";
const CELL: &str = "text-align:left;vertical-align:top;padding:2px 14px 2px 0;overflow-wrap:anywhere";
const LABEL: &str =
    "text-align:left;vertical-align:top;padding:2px 14px 2px 0;font-weight:normal;opacity:.75;white-space:nowrap";
const CODE: &str =
    "font:13px/1.45 ui-monospace,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:0";
const HEADING: &str = "font-size:16px;margin:22px 0 6px";

/// The whole page.
pub fn html(told: &Told) -> String {
    let color = color(told.status);
    page(
        &told.headline,
        &html! {
            div style=(format!("border-left:6px solid {color};padding:2px 0 2px 14px")) {
                h1 style="font-size:19px;margin:0 0 6px;overflow-wrap:anywhere" { (told.headline) }
                @if let Some(alarm) = &told.alarm { p style="margin:0 0 6px;font-weight:bold" { (alarm) } }
                p style="margin:0" { (told.meaning) }
            }
            @for list in &told.lists { (section(list)) }
            h2 style=(HEADING) { "the run" }
            table style="border-collapse:collapse" {
                @for (label, text) in &told.facts {
                    tr { th scope="row" style=(LABEL) { (label) } td style=(CELL) { bdi { (text) } } }
                }
            }
            @if !told.steps.is_empty() {
                h2 style=(HEADING) { "steps" }
                table style="border-collapse:collapse" {
                    @for (name, duration, result) in &told.steps {
                        tr { th scope="row" style=(LABEL) { (name) } td style=(CELL) { (duration) } td style=(CELL) { bdi { (result) } } }
                    }
                }
            }
        },
    )
}

/// A page with this body.
pub fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="color-scheme" content="light dark";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
            }
            body style=(BODY) { (body) }
        }
    };
    page.into_string()
}

fn section(list: &List) -> Markup {
    html! {
        h2 style=(HEADING) { (list.title) }
        ul style="margin:0;padding-left:20px" {
            @for item in &list.items { li { pre style=(CODE) { bdi { (item.join("\n")) } } } }
            @if list.more > 0 { li { "… and " (list.more) " more" } }
        }
    }
}

/// Legible on white and on black.
fn color(status: Status) -> &'static str {
    match status {
        Status::Sound => "#2e9e5b",
        Status::Damaged => "#d6453d",
        _ => "#c98500",
    }
}
