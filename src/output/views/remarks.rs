//! Unchecked objects, waivers and remarks.

use std::collections::BTreeMap;

use crate::base::marked::{Disclosure, MarkedText};
use crate::base::text::{grouped, grouped_noun};
use crate::model::finding::{AppliedWaiver, Unchecked};
use crate::output::document::{Block, Item, Section, Text, Tone, name, outside, quiet};

/// Number of objects with one reason that are named before the reason.
const NAMED: usize = 3;

pub fn unchecked(unchecked: &[Unchecked], disclosure: Disclosure) -> Section {
    Section::new("unchecked", "Unchecked")
        .heading(format!("{} unchecked", grouped_noun(unchecked.len() as u64, "thing")))
        .note("What could not be checked: it is not known whether it is right.")
        .with(items(unchecked, disclosure))
}

/// Entries of one reason are one item.
fn items(unchecked: &[Unchecked], disclosure: Disclosure) -> Option<Block> {
    let items: Vec<Item> = by_reason(unchecked)
        .into_iter()
        .map(|of_one| {
            let mut blocks = vec![Block::Paragraph(outside(of_one[0].reason.shown(disclosure)))];
            if of_one.len() > NAMED {
                let names = of_one.iter().map(|entry| entry.object.to_string()).collect();
                blocks.push(Block::Names { label: "all of them", names });
            }
            Item { title: title(&of_one), blocks }
        })
        .collect();
    (!items.is_empty()).then_some(Block::Items(Tone::Unsure, items))
}

/// Entries with the same side and reason, in the order of the first of each.
fn by_reason(unchecked: &[Unchecked]) -> Vec<Vec<&Unchecked>> {
    let mut places = BTreeMap::new();
    let mut groups: Vec<Vec<&Unchecked>> = Vec::new();
    for entry in unchecked {
        let place = *places.entry((&entry.side, &entry.reason)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    groups
}

/// `rows of a, rows of b, rows of c and 101 more (actual)`
fn title(of_one: &[&Unchecked]) -> Text {
    let mut title = Text::default();
    for (at, entry) in of_one.iter().take(NAMED).enumerate() {
        title = if at == 0 { name(entry.object.as_str()) } else { title.and(", ").and(name(entry.object.as_str())) };
    }
    if of_one.len() > NAMED {
        title = title.and(format!(" and {} more", grouped((of_one.len() - NAMED) as u64)));
    }
    let side = of_one.first().map_or("", |entry| entry.side.as_str());
    title.and(quiet(&format!(" ({side})")))
}

pub fn waivers(waivers: &[AppliedWaiver]) -> Section {
    let item = |applied: &AppliedWaiver| {
        let waiver = &applied.waiver;
        let title = name(&format!("{} {}", waiver.kind, waiver.object)).and(quiet("  by ")).and(quiet(&waiver.by));
        let covered = match applied.covered.is_empty() {
            true => Block::Paragraph(quiet("not needed")),
            false => Block::Names { label: "covered", names: applied.covered.clone() },
        };
        Item { title, blocks: vec![Block::Paragraph(outside(&waiver.reason)), covered] }
    };
    let items: Vec<Item> = waivers.iter().map(item).collect();
    Section::new("waivers", "Waivers")
        .counted(waivers.len(), "waiver")
        .note("Differences that are declared as expected. They are signed with the report.")
        .with((!items.is_empty()).then_some(Block::Items(Tone::Quiet, items)))
}

pub fn remarks(remarks: &[MarkedText]) -> Section {
    let list = Block::List(remarks.iter().map(|remark| outside(remark.full())).collect());
    Section::new("remarks", "Remarks").counted(remarks.len(), "remark").with((!remarks.is_empty()).then_some(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_one_reason_are_one_item_that_names_them_all() {
        let entry = |object: String, reason: &str| Unchecked::new(object, "actual", reason);
        let mut all: Vec<Unchecked> = (0..104).map(|n| entry(format!("rows of t{n}"), "permission denied")).collect();
        all.push(entry("rows of x".into(), "gone"));
        let section = unchecked(&all, Disclosure::Full);
        let [Block::Items(_, items)] = section.blocks.as_slice() else { unreachable!("{section:?}") };
        let titles: Vec<String> = items.iter().map(|item| item.title.plain()).collect();
        assert_eq!(titles, ["rows of t0, rows of t1, rows of t2 and 101 more (actual)", "rows of x (actual)"]);
        assert_eq!(section.heading.as_deref(), Some("105 things unchecked"));
        let Some(Block::Names { names, .. }) = items[0].blocks.last() else { unreachable!("{items:?}") };
        assert_eq!(names.len(), 104);
    }
}
