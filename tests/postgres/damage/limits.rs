//! What a restore on another server cannot carry is a finding that says so, with the waiver that covers it; what the reading role may
//! not see is unchecked.

use pgwitness::postgres::server::Cluster;
use serde_json::Value;

use super::fixture_database::{self, Said};
use super::support::{self, Database};

/// Two databases made by the same SQL, which then differ by what was run in one of them.
struct Twins {
    cluster: Cluster,
    expected: Database,
    actual: Database,
}

impl Twins {
    fn new(sql: &str) -> Self {
        let cluster = support::cluster();
        let [expected, actual] = ["one", "other"].map(|name| Database::create(&cluster, name));
        let sql = format!("CREATE TABLE public.kept (id integer PRIMARY KEY); {sql}");
        [&expected, &actual].into_iter().for_each(|side| side.run(&sql));
        Self { cluster, expected, actual }
    }

    fn compare(&self, options: &[String]) -> Said {
        fixture_database::compare(&self.expected.conninfo, &self.actual.conninfo, options)
    }

    /// The one finding: what it is, its limit, and that the waiver in its details covers it.
    fn demand_limit(&self, finding: &str, limit: &str, reason: &str) {
        let said = self.compare(&[]);
        assert_eq!(said.findings.iter().collect::<Vec<_>>(), [finding], "{said}");
        let found = &said.report["findings"][0];
        assert_eq!(found["limit"].as_str(), Some(limit), "{found}");
        let detail: Vec<&str> = found["detail"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(detail.join(" ").contains(reason), "{detail:?}");
        let start = detail.iter().position(|line| *line == "[[waiver]]").unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), detail[start..start + 4].join("\n")).unwrap();
        let waived = self.compare(&["--waivers".into(), file.path().display().to_string()]);
        assert!(waived.is_sound(), "{waived}");
    }
}

#[test]
fn another_version_of_an_extension_names_its_cause_and_its_waiver() {
    let twins = Twins::new("");
    twins.actual.run("UPDATE pg_catalog.pg_extension SET extversion = '0.9' WHERE extname = 'plpgsql'");
    let reason = "CREATE EXTENSION without a version";
    twins.demand_limit("changed extension plpgsql", "extension_version", reason);
}

#[test]
fn a_collation_version_is_a_finding_where_a_side_differs_from_itself_even_if_both_do() {
    let twins = Twins::new("CREATE COLLATION public.plain (provider = libc, locale = 'C')");
    let outdated = "UPDATE pg_catalog.pg_collation SET collversion = '1' WHERE collname = 'plain'";
    let found = "changed collation_version public.plain";
    twins.expected.run(outdated);
    twins.demand_limit(found, "source_collation", "The source (expected) has recorded another version");
    twins.actual.run(outdated);
    twins.demand_limit(found, "collation_version", "The restored copy (actual) has recorded another version");
}

#[test]
fn an_invalid_index_that_is_missing_names_pg_dump_as_the_cause() {
    let twins = Twins::new("");
    twins.expected.run(
        "CREATE INDEX left_over ON public.kept (id); \
         UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = 'public.left_over'::regclass",
    );
    twins.demand_limit("missing index public.left_over", "invalid_index", "pg_dump leaves out");
}

#[test]
fn a_generated_column_that_was_recomputed_differently_names_its_cause_and_its_waiver() {
    let twins = Twins::new(
        "CREATE FUNCTION public.rate() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'; \
         CREATE TABLE public.priced (id int PRIMARY KEY, price int GENERATED ALWAYS AS (id * public.rate()) STORED); \
         INSERT INTO public.priced VALUES (1)",
    );
    let new_rate = "CREATE OR REPLACE FUNCTION public.rate() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2'";
    [&twins.expected, &twins.actual].into_iter().for_each(|side| side.run(new_rate));
    twins.actual.run("UPDATE public.priced SET id = id");
    twins.demand_limit("generated public.priced", "derived_rows", "The restore computed the values again");
}

#[test]
fn what_pg_dump_has_no_statement_for_names_pg_dump_as_the_cause() {
    let twins = Twins::new(
        "ALTER TABLE public.kept REPLICA IDENTITY USING INDEX kept_pkey; \
         CREATE TABLE public.child (id integer REFERENCES public.kept)",
    );
    twins.expected.run("ALTER TABLE public.child DISABLE TRIGGER ALL");
    twins.demand_limit("missing internal_trigger public.child child_id_fkey", "not_dumped", "pg_dump does not carry");
}

#[test]
fn another_tablespace_and_nothing_else_is_a_limit() {
    let twins = Twins::new("");
    if twins.expected.try_run("SET allow_in_place_tablespaces = on").is_err() {
        eprintln!("skipped: tablespaces in place came with 15");
        return;
    }
    twins.expected.run("CREATE TABLESPACE fast LOCATION ''");
    twins.expected.run("ALTER TABLE public.kept SET TABLESPACE fast");
    twins.demand_limit("changed table public.kept", "tablespace", "tablespace");
    twins.expected.run("ALTER TABLE public.kept SET (fillfactor = 50)");
    let said = twins.compare(&[]);
    assert!(said.report["findings"][0]["limit"].is_null(), "{said}");
}

#[test]
fn what_a_user_put_on_a_relation_of_an_extension_is_missed() {
    let twins = Twins::new(
        "CREATE TABLE public.theirs (id integer); ALTER EXTENSION plpgsql ADD TABLE public.theirs; \
         CREATE FUNCTION public.quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    );
    twins.expected.run(
        "CREATE INDEX own_idx ON public.theirs (id); CREATE POLICY own ON public.theirs USING (true); \
         CREATE TRIGGER own AFTER INSERT ON public.theirs FOR EACH ROW EXECUTE FUNCTION public.quiet(); \
         CREATE RULE own AS ON DELETE TO public.theirs DO INSTEAD NOTHING; \
         ALTER TABLE public.theirs ADD CONSTRAINT own CHECK (id > 0); GRANT SELECT (id) ON public.theirs TO PUBLIC",
    );
    let said = twins.compare(&[]);
    let expected = [
        "missing constraint public.theirs own",
        "missing index public.own_idx",
        "missing policy public.theirs own",
        "missing privilege column public.theirs.id to public",
        "missing rule public.theirs own",
        "missing trigger public.theirs own",
    ];
    assert_eq!(said.findings.iter().collect::<Vec<_>>(), expected, "{said}");
}

#[test]
fn options_that_differ_only_in_where_one_ends_are_found() {
    let wrapper = |options| format!("CREATE FOREIGN TABLE public.far (id integer OPTIONS ({options})) SERVER away");
    let twins = Twins::new("CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER away FOREIGN DATA WRAPPER nowhere");
    twins.expected.run(&wrapper("a '1', b '2'"));
    twins.actual.run(&wrapper("a '1, b=2'"));
    let said = twins.compare(&[]);
    assert_eq!(said.findings.iter().collect::<Vec<_>>(), ["changed column public.far.id"], "{said}");
}

#[test]
fn a_mapping_whose_options_the_reading_role_may_not_see_is_unchecked_and_no_option_is_not_equal_to_it() {
    let twins = Twins::new("CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER away FOREIGN DATA WRAPPER nowhere");
    twins.expected.run("CREATE ROLE reads LOGIN; GRANT pg_read_all_data TO reads");
    twins.expected.run("CREATE USER MAPPING FOR PUBLIC SERVER away OPTIONS (user 'app', password 'plugh')");
    twins.actual.run("CREATE USER MAPPING FOR PUBLIC SERVER away");
    let expected = twins.cluster.conninfo("one").replace("user='postgres'", "user='reads'");
    let said = fixture_database::compare(&expected, &twins.actual.conninfo, &[]);
    assert_eq!(said.exit, Some(2), "{said}");
    let unchecked: Vec<&String> = said.unchecked.iter().collect();
    assert!(unchecked.len() == 1 && unchecked[0].starts_with("user_mapping public on away (expected): "), "{said}");
    assert!(said.findings.is_empty(), "{said}");
}

#[test]
fn a_secret_stands_in_no_report_and_its_digest_is_not_that_of_the_value() {
    let twins = Twins::new(
        "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER away FOREIGN DATA WRAPPER nowhere; \
         CREATE USER MAPPING FOR PUBLIC SERVER away OPTIONS (password 'plugh')",
    );
    twins.actual.run("ALTER USER MAPPING FOR PUBLIC SERVER away OPTIONS (SET password 'xyzzy')");
    let said = twins.compare(&[]);
    assert_eq!(said.findings.iter().collect::<Vec<_>>(), ["changed user_mapping public on away"], "{said}");
    let report = said.report.to_string();
    // The values, the values in hex, and the beginning of their unsalted SHA-256.
    let secrets = ["plugh", "706c756768", "6c93f124", "xyzzy", "78797a7a79"];
    assert_eq!(secrets.iter().find(|secret| report.contains(*secret)), None, "{report}");
    assert!(report.contains("password=(hidden "), "{report}");
}
