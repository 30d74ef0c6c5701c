//! A waiver covers what it names, says why, and is always shown.

use crate::no_false_sound::scenario::{Pair, Said, file};

const TABLES: &str = "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1); CREATE TABLE lost (id int); \
                     CREATE TABLE lost_too (id int)";

fn compare(pair: &Pair, waivers: &str) -> Said {
    let dir = tempfile::tempdir().unwrap();
    pair.compare(&["--waivers", &file(dir.path(), "waivers.toml", waivers)])
}

fn waiver(kind: &str, object: &str, reason: &str) -> String {
    format!("[[waiver]]\nkind = '{kind}'\nobject = '{object}'\nreason = '{reason}'\n")
}

#[test]
fn a_file_that_is_not_understood_is_refused_before_anything_is_read() {
    let pair = Pair::new(TABLES);
    for (text, word) in [
        ("[[waiver]]\nkind = 'missing'\nobject = 'table public.lost'\nreason = 'x'\nexpires = 'never'", "expires"),
        ("[[waiver]]\nkind = 'missing'\nobject = 'table public.lost'", "reason"),
        ("[waivers]\nx = 1", "waiver"),
        ("this is not toml", "waivers.toml"),
        (&waiver("mising", "table public.lost", "x"), "there is no kind"),
        (&waiver("missing", "table public.lost", " "), "the reason is empty"),
        (&waiver("row_content", "*", "x"), "it would cover any damage"),
        (&waiver("missing", "**", "x"), "it would cover any damage"),
        (&waiver("unchecked", " * ", "x"), "it would cover any damage"),
        (&waiver("table", "*", "x"), "it would cover any damage"),
        (&waiver("row_content", "*.*", "x"), "it would cover any damage"),
        (&waiver("row_content", "?*", "x"), "it would cover any damage"),
        (&waiver("missing", "\"*\".*", "x"), "it would cover any damage"),
    ] {
        compare(&pair, text).is_error(&[word, "read waivers"]);
    }
    pair.compare(&["--waivers", "/nonexistent.toml"]).is_error(&["read waivers /nonexistent.toml"]);
}

#[test]
fn a_waived_difference_is_sound_and_shown_with_its_reason() {
    let pair = Pair::new(TABLES);
    pair.actual.run("DROP TABLE lost");
    compare(&pair, &waiver("missing", "table public.lost", "dropped in May"))
        .is(0, &["sound", "dropped in May", "public.lost"]);
}

#[test]
fn a_waiver_covers_no_other_object_and_no_other_kind() {
    let pair = Pair::new(TABLES);
    pair.actual.run("DROP TABLE lost; DROP TABLE lost_too");
    let said = compare(&pair, &waiver("missing", "table public.lost", "dropped in May"));
    said.is(1, &["table public.lost_too", "dropped in May"]);
    let pair = Pair::new(TABLES);
    pair.actual.run("UPDATE kept SET id = 2");
    compare(&pair, &waiver("row_count", "public.kept", "x")).is(1, &["row_content"]);
    compare(&pair, &waiver("row_content", "public.kep", "x")).is(1, &["row_content"]);
    compare(&pair, &waiver("table", "public.kept", "x")).is(1, &["row_content"]);
    compare(&pair, &waiver("row_content", "public.kept", "x")).is(0, &["sound"]);
}

#[test]
fn a_waiver_that_covers_nothing_is_shown_too() {
    let pair = Pair::new(TABLES);
    compare(&pair, &waiver("missing", "table public.gone", "long ago")).is(0, &["long ago", "table public.gone"]);
}

#[test]
fn what_is_unchecked_is_waived_by_name_alone() {
    let pair = Pair::new(TABLES);
    let role = pair.role("GRANT SELECT ON kept, lost TO ROLE");
    let dir = tempfile::tempdir().unwrap();
    let one = file(dir.path(), "one.toml", &waiver("unchecked", "rows public.lost_too", "holds keys"));
    pair.compare_as(&role, &["--waivers", &one]).is(0, &["sound", "holds keys"]);
    for side in [&pair.expected, &pair.actual] {
        side.run(&format!("REVOKE ALL ON lost FROM {role}"));
    }
    pair.compare_as(&role, &["--waivers", &one]).is(2, &["rows public.lost ", "holds keys"]);
}

#[test]
fn the_waivers_of_options_are_shown_and_cover_nothing_else() {
    let pair = Pair::new(TABLES);
    let role = pair.role("");
    pair.actual.run(&format!(
        "ALTER TABLE kept OWNER TO {role}; COMMENT ON TABLE kept IS 'x'; GRANT SELECT ON lost TO {role}"
    ));
    pair.compare(&[]).is(1, &["public.kept"]);
    let options = ["--no-owner", "--no-privileges", "--no-comments"];
    pair.compare(&options).is(0, &options);
    pair.compare(&options[..2]).is(1, &["comment"]);
    pair.actual.run("ALTER TABLE kept ADD note text");
    pair.compare(&options).is(1, &["column"]);
}

#[test]
fn a_pattern_that_matches_every_table_covers_none() {
    let pair = Pair::new(TABLES);
    pair.actual.run("UPDATE kept SET id = 2");
    for object in ["p*", "public.*", "*u*.*"] {
        compare(&pair, &waiver("row_content", object, "x")).is(1, &["row_content", "would cover any damage"]);
    }
    compare(&pair, &waiver("row_content", "public.k*", "x")).is(0, &["sound"]);
    pair.actual.run("DROP TABLE lost");
    compare(&pair, &waiver("missing", "table public.*", "x")).is(1, &["table public.lost", "would cover any damage"]);
}
