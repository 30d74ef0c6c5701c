//! Comparing nothing is not sound, however it comes about.

use crate::no_false_sound::scenario::{Pair, Said, file, start};
use crate::support::Format;

#[track_caller]
fn is_no_verdict(said: &Said) {
    said.is(2, &["no table was compared"]);
}

#[test]
fn two_empty_databases_are_no_proof() {
    is_no_verdict(&Pair::new("").compare(&[]));
}

#[test]
fn views_sequences_functions_and_foreign_tables_alone_are_no_proof() {
    let sql = "CREATE VIEW v AS SELECT 1 AS one; CREATE SEQUENCE s; CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1; \
               CREATE FOREIGN DATA WRAPPER w; CREATE SERVER there FOREIGN DATA WRAPPER w; \
               CREATE FOREIGN TABLE far (id int) SERVER there";
    is_no_verdict(&Pair::new(sql).compare(&[]));
}

#[test]
fn tables_of_which_all_rows_are_left_out_are_no_proof() {
    let pair = Pair::new("CREATE TABLE t (id int); CREATE TABLE u (id int)");
    is_no_verdict(&pair.compare(&["--exclude-table-data", "*"]));
}

#[test]
fn a_selection_that_leaves_nothing_is_no_proof() {
    let pair = Pair::new("CREATE TABLE t (id int)");
    is_no_verdict(&pair.compare(&["--exclude-table", "t"]));
    is_no_verdict(&pair.compare(&["--exclude-schema", "public"]));
    pair.compare(&["--table", "no_such_table"]).is_error(&["--table no_such_table matches no table on either side"]);
    pair.compare(&["--schema", "no_such_schema"]).is_error(&["--schema no_such_schema"]);
}

#[test]
fn waivers_cannot_make_an_empty_comparison_sound() {
    let pair = Pair::new("CREATE TABLE t (id int)");
    let role = pair.role("");
    let dir = tempfile::tempdir().unwrap();
    let waivers =
        file(dir.path(), "w.toml", "[[waiver]]\nkind = 'unchecked'\nobject = 'rows public.t'\nreason = 'secret'");
    let said = pair.compare_as(&role, &["--waivers", &waivers]);
    is_no_verdict(&said);
    said.is(2, &["secret"]);
}

#[test]
fn a_database_compared_with_itself_is_no_proof() {
    let pair = Pair::new("CREATE TABLE t (id int)");
    let by_another_name = pair.expected.conninfo.replace("user='postgres'", "application_name=x user='postgres'");
    let said = start(&["compare", &pair.expected.conninfo, &by_another_name]).end();
    said.is_error(&["both sides are the same"]);
}

#[test]
fn a_dump_compared_with_itself_is_no_proof() {
    let pair = Pair::new("CREATE TABLE t (id int)");
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("dump");
    pair.expected.dump(Format::Custom, &dump);
    let other = dir.path().join("other");
    std::os::unix::fs::symlink(&dump, &other).unwrap();
    let said = start(&["compare", dump.to_str().unwrap(), other.to_str().unwrap()]).end();
    said.is_error(&["both sides are the same"]);
}

#[test]
fn a_saved_manifest_compared_with_itself_is_no_proof() {
    let pair = Pair::new("CREATE TABLE t (id int)");
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one.json"), dir.path().join("two.json"));
    start(&["manifest", &pair.expected.conninfo, one.to_str().unwrap()]).end().is(0, &[]);
    std::fs::copy(&one, &two).unwrap();
    let said = start(&["compare", one.to_str().unwrap(), two.to_str().unwrap()]).end();
    said.is_error(&["both sides are the same"]);
    start(&["compare", one.to_str().unwrap(), &pair.actual.conninfo]).end().is(0, &["sound"]);
}

#[test]
fn a_table_on_one_side_only_is_damage_even_when_it_is_empty() {
    let pair = Pair::new("CREATE TABLE t (id int)");
    pair.expected.run("CREATE TABLE only_here ()");
    pair.compare(&[]).is(1, &["missing", "table public.only_here"]);
    pair.compare(&["--exclude-table-data", "*"]).is(1, &["missing", "table public.only_here"]);
}
