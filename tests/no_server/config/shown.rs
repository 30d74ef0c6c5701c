//! The examples: complete, right, and true about what holds without them.

use std::collections::BTreeSet;

use pgwitness::config::{CopyFate, CopySource, ReadBack, Source, examples};

use super::{every_full, list, parse, text};

/// Lines that begin with `#` and a key or a section: what may be made to count by taking the `#` away.
fn is_off(line: &str) -> bool {
    let rest = line.strip_prefix('#').unwrap_or_default();
    rest.starts_with('[')
        || rest.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
}

/// `section.key` of every line of a file, also of those that do not count.
fn keys_of(text: &str) -> BTreeSet<String> {
    let (mut section, mut keys) = (String::new(), BTreeSet::new());
    for line in text.lines().filter(|line| is_off(line) || !line.starts_with('#')) {
        let line = line.trim_start_matches('#');
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ") {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

#[test]
fn every_key_is_explained_in_the_example() {
    let explained = keys_of(examples::TOML);
    let mut full = every_full();
    let mut wanted = BTreeSet::new();
    for config in &mut full {
        config.restore.password_command = Some(list(&["x"]));
        config.restore.password_env = text("X");
        if let (Some(webhook), Some(ping)) = (&mut config.notify.webhook, &mut config.notify.ping) {
            (webhook.url_file, ping.url) = (Some("x".into()), text("x"));
        }
        wanted.extend(keys_of(&config.to_toml().unwrap()));
    }
    // The other places of a password are explained at [restore], those of a repository above [offsite].
    let elsewhere = ["source.password_", "notify.email.password_", "offsite.password_", "offsite.repository_"];
    let is_elsewhere = |key: &String| elsewhere.iter().any(|part| key.starts_with(part));
    let missing: Vec<&String> = wanted.difference(&explained).filter(|key| !is_elsewhere(key)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let surplus: Vec<&String> = explained.difference(&wanted).filter(|key| !is_elsewhere(key)).collect();
    assert!(surplus.is_empty(), "{surplus:?}");
}

/// As [`is_off`]; also the further lines of a text in three quotes, which `is_inside` remembers.
fn is_off_too(line: &str, is_inside: &mut bool) -> bool {
    let is_it = *is_inside || is_off(line);
    *is_inside ^= is_it && line.matches("\"\"\"").count() % 2 == 1;
    is_it
}

#[test]
fn what_the_example_shows_as_left_out_is_right_and_says_what_holds() {
    let lines: Vec<&str> = examples::TOML.lines().collect();
    let holds = serde_json::to_value(parse(examples::TOML)).unwrap();
    let mut from = 0;
    while from < lines.len() {
        let mut is_inside = false;
        let run = lines[from..].iter().take_while(|line| is_off_too(line, &mut is_inside)).count();
        if run > 0 && lines[from] != "#[source]" {
            let block = &lines[from..from + run];
            // Some keys have a meaning on a given restore server only.
            let needs_url = block.iter().any(|line| NEED_URL.iter().any(|key| line.starts_with(key)));
            let on = |(at, line): (usize, &&str)| {
                let is_url = needs_url && line.starts_with("#url = \"postgresql:///postgres?host=/run/");
                if is_url || (from..from + run).contains(&at) { line[1..].to_owned() } else { (*line).to_owned() }
            };
            let text: Vec<String> = lines.iter().enumerate().map(on).collect();
            let shown = serde_json::to_value(parse(&text.join("\n"))).unwrap();
            assert_defaults(&holds, &shown);
        }
        from += run.max(1);
    }
}

const NEED_URL: [&str; 3] = ["#password_", "#role = ", "#after_restore = "];

/// Where both have a value that is no list, it is the same.
fn assert_defaults(holds: &serde_json::Value, shown: &serde_json::Value) {
    let (Some(holds), Some(shown)) = (holds.as_object(), shown.as_object()) else {
        assert!(holds == shown || holds.is_null() || holds.is_array(), "{holds} holds, {shown} is shown");
        return;
    };
    holds.iter().for_each(|(key, value)| assert_defaults(value, &shown[key]));
}

#[test]
fn the_other_kind_of_source_in_the_example_is_right() {
    let (before, rest) = examples::TOML.split_once("\n[source]\n").unwrap();
    let (_, after) = rest.split_once("\n#[source]\n").unwrap();
    let (block, after) = after.split_once("\n#\n").unwrap();
    let block = block.replace('#', "");
    let config = parse(&format!("{before}\n[source]\n{block}\n{after}"));
    assert!(matches!(config.source, Source::Postgres(source) if source.password_file.is_some()));
}

#[test]
fn the_example_for_the_club_keeps_what_it_has_today() {
    let config = parse(examples::CLUB);
    assert_eq!((config.restore.database.as_str(), config.restore.copy), ("prod_load", CopyFate::Replace));
    assert!(
        config.restore.no_owner && config.restore.no_privileges && config.restore.role.as_deref() == Some("cobalt")
    );
    assert!(!config.hooks.after_restore.is_empty() && config.access.is_used() && !config.access.close.is_empty());
    let offsite = config.offsite.as_ref().unwrap();
    assert_eq!((config.restore.from, offsite.read_back), (CopySource::Offsite, ReadBack::All));
    assert!(offsite.forget.is_none(), "the key cannot delete");
    let text = examples::CLUB.replace("#exclude_table_data", "exclude_table_data");
    assert_eq!(parse(&text).dump.exclude_table_data.len(), 2);
    let notify = &config.notify;
    assert!(notify.email.as_ref().is_some_and(|email| email.to.len() == 2) && notify.ping.is_some() && !notify.values);
}
