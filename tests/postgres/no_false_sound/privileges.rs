//! What our role may not read is unchecked, with the server's reason; it is never skipped.

use crate::no_false_sound::scenario::Pair;

const TABLES: &str = "CREATE TABLE open (id int PRIMARY KEY); INSERT INTO open VALUES (1); \
    CREATE TABLE closed (id int PRIMARY KEY); INSERT INTO closed VALUES (1); \
    CREATE TABLE child (id int REFERENCES closed); INSERT INTO child VALUES (1); \
    CREATE SEQUENCE counter; CREATE SCHEMA s; CREATE TABLE s.t (id int); INSERT INTO s.t VALUES (1)";
const ALL: &str = "GRANT SELECT ON ALL TABLES IN SCHEMA public, s TO ROLE; \
    GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO ROLE; GRANT USAGE ON SCHEMA s TO ROLE; ";

#[test]
fn a_role_that_may_read_everything_gets_a_verdict() {
    let pair = Pair::new(TABLES);
    let role = pair.role(ALL);
    pair.compare_as(&role, &[]).is(0, &["sound"]);
}

#[test]
fn a_table_that_may_not_be_read_is_unchecked_and_so_are_the_keys_to_it() {
    let pair = Pair::new(TABLES);
    let role = pair.role(&format!("{ALL} REVOKE ALL ON closed FROM ROLE"));
    let said = pair.compare_as(&role, &[]);
    said.is(2, &["rows public.closed", "permission denied for table closed", "foreign_key public.child child_id_fkey"]);
    pair.actual.run("INSERT INTO open VALUES (2)");
    pair.compare_as(&role, &[]).is(1, &["row_count", "public.open", "permission denied for table closed"]);
}

#[test]
fn a_table_of_which_one_column_may_not_be_read_is_unchecked() {
    let pair = Pair::new("CREATE TABLE t (a int, b int); CREATE TABLE other (); INSERT INTO t VALUES (1, 2)");
    let role = pair.role("GRANT SELECT (a) ON t TO ROLE; GRANT SELECT ON other TO ROLE");
    pair.compare_as(&role, &[]).is(2, &["rows public.t", "permission denied"]);
}

#[test]
fn a_schema_that_may_not_be_used_is_unchecked() {
    let pair = Pair::new(TABLES);
    let role = pair.role(&format!("{ALL} REVOKE ALL ON SCHEMA s FROM ROLE"));
    pair.compare_as(&role, &[]).is(2, &["rows s.t", "permission denied for schema s"]);
}

#[test]
fn a_sequence_that_may_not_be_read_is_unchecked_and_does_not_hide_the_others() {
    let pair = Pair::new(&format!("{TABLES}; CREATE SEQUENCE seen"));
    pair.actual.run("SELECT nextval('seen')");
    let role = pair.role(&format!("{ALL} REVOKE ALL ON counter FROM ROLE"));
    let said = pair.compare_as(&role, &[]);
    said.is(1, &["sequence public.counter", "permission denied for sequence counter", "sequence_value", "public.seen"]);
}

#[test]
fn a_large_object_that_may_not_be_read_is_unchecked() {
    let pair = Pair::new(&format!("{TABLES}; SELECT lo_from_bytea(4711, 'x')"));
    let role = pair.role(ALL);
    pair.compare_as(&role, &[]).is(2, &["large objects", "permission denied for large object 4711"]);
}

#[test]
fn rows_under_row_level_security_are_refused_rather_than_hidden() {
    let pair = Pair::new(
        "CREATE TABLE t (id int, who text); INSERT INTO t VALUES (1, 'me'), (2, 'you'); CREATE TABLE other (); \
         ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY mine ON t USING (id = 1)",
    );
    let role = pair.role("GRANT SELECT ON t, other TO ROLE");
    // The difference is in the row that the policy hides.
    pair.actual.run("UPDATE t SET who = 'changed' WHERE id = 2");
    pair.compare_as(&role, &[]).is(2, &["rows public.t", "row-level security", "bypassrls"]);
    pair.expected.run(&format!("ALTER ROLE {role} SET row_security = on"));
    pair.compare_as(&role, &[]).is(2, &["rows public.t", "row-level security"]);
}

#[test]
fn a_question_to_the_catalog_that_fails_is_unchecked() {
    let pair = Pair::new(TABLES);
    let role = pair.role(ALL);
    for (table, object) in [("event_trigger", "schema event_trigger"), ("constraint", "foreign_key (list)")] {
        // On both sides: a privilege on a system catalog that one side lacks is a finding.
        for side in [&pair.expected, &pair.actual] {
            side.run(&format!("REVOKE SELECT ON pg_catalog.pg_{table} FROM PUBLIC"));
        }
        pair.compare_as(&role, &[]).is(2, &[object, &format!("permission denied for table pg_{table}")]);
        for side in [&pair.expected, &pair.actual] {
            side.run(&format!("GRANT SELECT ON pg_catalog.pg_{table} TO PUBLIC"));
        }
    }
    // Without this one it is not even known what there is.
    pair.actual.run("REVOKE SELECT ON pg_catalog.pg_class FROM PUBLIC");
    pair.compare_as(&role, &[]).is_error(&["read the catalog", "permission denied for table pg_class"]);
}

#[test]
fn a_row_that_the_server_cannot_print_is_unchecked() {
    // A few bytes each in the table, and 131,072 digits in a line: more than 1 GB, which is the longest a server can print.
    let pair = Pair::new("CREATE TABLE huge (a numeric[]); INSERT INTO huge VALUES (NULL); CREATE TABLE fine ()");
    pair.actual.run("UPDATE huge SET a = array_fill(1e131071, ARRAY[8400])");
    pair.compare(&["--all-tables"]).is(2, &["rows public.huge", "(SQLSTATE ", "public.fine"]);
}

#[test]
fn what_a_role_may_not_read_is_one_hint_with_the_grant() {
    let pair = Pair::new("CREATE TABLE a (n int); CREATE TABLE b (n int); CREATE SEQUENCE s; SELECT lo_create(4711)");
    let role = pair.role("");
    let said = pair.compare_as(&role, &[]);
    said.is(2, &["the role may not read 4 tables and 2 sequences", "grant select on large object"]);
    assert_eq!(said.out.matches("grant pg_read_all_data to").count(), 1, "{said}");
    pair.expected.run(&format!("ALTER ROLE {role} NOLOGIN"));
    pair.compare_as(&role, &[]).is(2, &["not permitted to log in", &format!("alter role {role} login")]);
}
