//! `--digest-on server`: the same 32 bytes as the client's, for every table, or a reason why the rows are read.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use crate::support::{Database, Format, cluster, pgwitness};
use pgwitness::model::digest::TableDigest;
use pgwitness::model::manifest::{DIGEST_ON, Manifest, Tally};
use pgwitness::postgres::server::Cluster;

fn run(arguments: &[&str]) -> Output {
    pgwitness().args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

/// A manifest, and what was said while it was made.
fn manifest(conninfo: &str, arguments: &[&str]) -> (Manifest, String) {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("m.json");
    let output = run(&[&["manifest", conninfo, file.to_str().unwrap()], arguments].concat());
    assert!(file.exists(), "{}", said(&output));
    (serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap(), said(&output))
}

/// What was read of the rows, by table; those with their generated columns besides.
fn tallies(manifest: &Manifest) -> BTreeMap<String, &Tally> {
    let of = |name: String, tally| Some((name, tally?));
    let rows = manifest.relations.iter().filter_map(|(name, relation)| of(name.to_string(), relation.rows.seen()));
    let computed = manifest.relations.iter().filter_map(|(name, relation)| {
        of(format!("{name} generated"), relation.computed.as_ref().and_then(|computed| computed.rows.seen()))
    });
    rows.chain(computed).collect()
}

/// Everything the two have in common but where it was hashed: what could not be read, too.
fn without_place(mut manifest: Manifest) -> Manifest {
    manifest.endpoint.settings.remove(DIGEST_ON);
    manifest.endpoint.taken_at.clear();
    for relation in manifest.relations.values_mut() {
        let computed = relation.computed.as_mut().map(|computed| &mut computed.rows);
        for rows in [Some(&mut relation.rows), computed].into_iter().flatten() {
            if let pgwitness::model::manifest::Observed::Seen(tally) = rows {
                tally.sketch = None;
            }
        }
    }
    manifest
}

/// Both manifests are equal, and the server made every digest of the second. Returns the number of tables with rows.
fn assert_same(conninfo: &str) -> usize {
    let (client, server) = (manifest(conninfo, &["-q"]).0, manifest(conninfo, &["--digest-on", "server"]));
    let (here, there) = (tallies(&client), tallies(&server.0));
    let differs = here.iter().find(|(name, tally)| there.get(*name).is_none_or(|other| other.digest != tally.digest));
    assert!(differs.is_none(), "{differs:?}\n{}", server.1);
    let with_rows: Vec<&String> =
        there.iter().filter(|(_, tally)| tally.digest.rows > 0).map(|(name, _)| name).collect();
    let read = with_rows.iter().find(|name| there[**name].sketch.is_some());
    assert!(read.is_none(), "{read:?} was read:\n{}", server.1);
    let count = with_rows.len();
    assert!(!client.endpoint.settings.contains_key(DIGEST_ON));
    assert!(server.0.endpoint.settings[DIGEST_ON].starts_with("server"), "{:?}", server.0.endpoint.settings);
    assert!(without_place(client) == without_place(server.0));
    count
}

/// A fixture of `fixtures/databases`, with what comes after it.
fn fixture(cluster: &Cluster, name: &str) -> Database {
    let database = Database::create(cluster, name);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/databases/{name}.sql"));
    database.load_file(&file);
    let after = file.with_extension("after.sql");
    if after.exists() {
        database.load_file(&after);
    }
    database
}

#[test]
fn every_table_of_every_fixture_has_the_digest_that_the_client_makes() {
    let cluster = cluster();
    for (name, least) in [("types", 20), ("shapes", 20), ("keys", 3), ("hostile_settings", 3), ("club", 5)] {
        let database = fixture(&cluster, name);
        let count = assert_same(&database.conninfo);
        println!("{name}: {count} tables");
        assert!(count >= least, "{name}: {count}");
    }
    if Database::connect(&cluster.conninfo("postgres")).try_run("SELECT xml '<a/>'").is_ok() {
        assert!(assert_same(&fixture(&cluster, "xml").conninfo) > 0);
    }
}

/// Each of these has an escape of its own, or is near one that has: alone, first, last, doubled.
const LETTERS: &str = "
    CREATE COLLATION public.loose (provider = icu, locale = 'und', deterministic = false);
    CREATE TYPE public.mood AS ENUM ('a\\b', E'\\t', '');
    CREATE TYPE public.pair AS (a text, b integer);
    CREATE DOMAIN public.word AS varchar(20);
    CREATE DOMAIN public.blob AS bytea;
    CREATE TABLE public.letters (id integer, t text, v varchar(20), c char(9), n name, i \"char\", w public.word,
        l text COLLATE public.loose, d varchar COLLATE \"POSIX\", j json, b jsonb, y bytea, k public.blob, a text[], z bytea[],
        p public.pair, m public.mood, r public.pair[], f float8, g boolean, s interval, o money, ts tsvector);
    INSERT INTO public.letters
        SELECT n, x, x, left(x, 9), left(x, 9), left(x, 1)::\"char\", x, x, x, to_json(x), to_jsonb(x), convert_to(x, 'UTF8'),
               convert_to(x, 'UTF8'), ARRAY[x, NULL, x], ARRAY[convert_to(x, 'UTF8')], ROW(x, n)::public.pair, 'a\\b', ARRAY[ROW(x, n)::public.pair],
               n / 7.0, n % 2 = 0, make_interval(secs => n), n::text::money, array_to_tsvector(ARRAY[x])
        FROM (SELECT (row_number() OVER ())::int AS n, x FROM (SELECT chr(i) AS c FROM generate_series(1, 300) AS i) AS c,
              LATERAL (VALUES (c), (c || c), ('x' || c), (c || 'x'), ('x' || c || 'y'), ('\\' || c), (c || 'N')) AS v (x)) AS all_of_them;
    INSERT INTO public.letters DEFAULT VALUES;
    INSERT INTO public.letters (id, t, p) VALUES (0, '\\N', (NULL, NULL)), (-1, '', ('', NULL)), (-2, '\\.', NULL), (-3, 'NULL', NULL);
";

#[test]
fn what_copy_escapes_is_escaped_in_every_type() {
    let cluster = cluster();
    let database = Database::create(&cluster, "letters");
    database.run(LETTERS);
    assert_eq!(assert_same(&database.conninfo), 1);
}

#[test]
fn tables_of_every_shape_have_the_digests_that_the_client_makes() {
    let cluster = cluster();
    let database = Database::create(&cluster, "forms");
    let columns = |count: usize, kind: &str| (0..count).map(|i| format!("c{i} {kind}")).collect::<Vec<_>>().join(", ");
    database.run(&format!(
        "CREATE TABLE public.no_column (); INSERT INTO public.no_column SELECT FROM generate_series(1, 3);
         CREATE TABLE public.wide ({}); INSERT INTO public.wide (c7, c1599) VALUES ('a', E'\\\\');
         CREATE TABLE public.argument ({}); INSERT INTO public.argument (c99) VALUES (1); CREATE TABLE public.one (a int);
         CREATE TABLE public.hundred ({}); INSERT INTO public.hundred (c98) VALUES (1); INSERT INTO public.one VALUES (NULL);
         CREATE TABLE public.empty (a int);
         CREATE TABLE \"Sch'\\\"\"ema\\\".\"a\"\"b'; %s $1 \\\" (\"%s\" int, \"c\"\"', E'\\\" text, \"the table\" text, hash text, ctid_ tid);
         INSERT INTO \"Sch'\\\"\"ema\\\".\"a\"\"b'; %s $1 \\\" VALUES (1, 'x', 'y', 'z', '(1,2)');
         CREATE TABLE public.parent (a int, b text, g text GENERATED ALWAYS AS (b || E'\\t') STORED) PARTITION BY LIST (a);
         CREATE TABLE public.leaf PARTITION OF public.parent FOR VALUES IN (1);
         CREATE TABLE public.turned (b text, a int, g text GENERATED ALWAYS AS (b || E'\\t') STORED);
         ALTER TABLE public.parent ATTACH PARTITION public.turned FOR VALUES IN (2);
         INSERT INTO public.parent (a, b) VALUES (1, 'x'), (2, 'y'), (2, NULL);
         CREATE TABLE public.base (a int PRIMARY KEY); CREATE TABLE public.heir (b text) INHERITS (public.base);
         INSERT INTO public.base VALUES (1); INSERT INTO public.heir VALUES (2, 'x');
         CREATE TABLE public.dropped (a int, b text, c text); INSERT INTO public.dropped VALUES (1, 'x', 'y');
         ALTER TABLE public.dropped DROP COLUMN b; ALTER TABLE public.dropped ADD COLUMN d int DEFAULT 5;
         CREATE MATERIALIZED VIEW public.view AS SELECT 'x'::text; CREATE UNLOGGED TABLE public.unlogged AS SELECT 1 AS a;
         CREATE TABLE public.toasted (a bytea); ALTER TABLE public.toasted ALTER a SET STORAGE EXTERNAL;
         INSERT INTO public.toasted SELECT convert_to(repeat(i::text, 100000), 'UTF8') FROM generate_series(1, 3) AS i",
        columns(1600, "\"char\""),
        columns(100, "int"),
        columns(99, "int"),
    ).replace("CREATE TABLE \"Sch", "CREATE SCHEMA \"Sch'\\\"\"ema\\\"; CREATE TABLE \"Sch"));
    assert_eq!(assert_same(&database.conninfo), 16);
}

#[test]
fn databases_in_other_encodings_have_the_digests_that_the_client_makes() {
    let cluster = cluster();
    let admin = Database::connect(&cluster.conninfo("postgres"));
    let table =
        "CREATE TABLE public.\"Größe\" AS SELECT i AS \"Zähler\", chr(i) AS text FROM generate_series(1, 255) AS i";
    admin.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
    Database::connect(&cluster.conninfo("latin")).run(table);
    Database::create(&cluster, "utf8").run(table);
    assert_eq!([assert_same(&cluster.conninfo("latin")), assert_same(&cluster.conninfo("utf8"))], [1, 1]);
    let [latin, utf8] =
        ["latin", "utf8"].map(|name| manifest(&cluster.conninfo(name), &["-q", "--digest-on", "server"]).0);
    assert_eq!(tallies(&latin), tallies(&utf8));

    admin.run("CREATE DATABASE raw TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'");
    let raw = Database::connect(&cluster.conninfo("raw"));
    raw.run("CREATE TABLE public.raw AS SELECT i, chr(i) AS text FROM generate_series(1, 255) AS i");
    assert_eq!(assert_same(&raw.conninfo), 1);
}

#[test]
fn no_cast_or_operator_of_a_user_is_called() {
    let cluster = cluster();
    let database = Database::create(&cluster, "casts");
    let trap = |kind: &str| {
        format!(
            "CREATE FUNCTION public.sprung(public.{kind}) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''sprung''; END';
             CREATE CAST (public.{kind} AS text) WITH FUNCTION public.sprung(public.{kind}) AS IMPLICIT;
             CREATE FUNCTION public.equal(public.{kind}, public.{kind}) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''sprung''; END';
             CREATE OPERATOR public.= (LEFTARG = public.{kind}, RIGHTARG = public.{kind}, FUNCTION = public.equal);"
        )
    };
    database.run(&format!(
        "CREATE TYPE public.mood AS ENUM ('x'); CREATE TYPE public.pair AS (a int); CREATE TYPE public.own;
         CREATE FUNCTION public.own_in(cstring) RETURNS public.own LANGUAGE internal IMMUTABLE STRICT AS 'textin';
         CREATE FUNCTION public.own_out(public.own) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
         CREATE TYPE public.own (INPUT = public.own_in, OUTPUT = public.own_out, LIKE = text);
         {}{}{}
         CREATE TABLE public.t (a public.mood, b public.pair, c public.own, d public.own[]);
         INSERT INTO public.t VALUES ('x', ROW(1), E'y\\t', ARRAY[E'\\\\'::public.own]), (NULL, NULL, NULL, NULL)",
        trap("mood"),
        trap("pair"),
        trap("own"),
    ));
    assert!(database.try_run("SELECT c::text FROM public.t").is_err_and(|error| error.contains("sprung")));
    assert_eq!(assert_same(&database.conninfo), 1);
}

#[test]
fn what_the_server_cannot_digest_is_read_and_the_reason_is_said() {
    let cluster = cluster();
    let database = Database::create(&cluster, "refusals");
    database.run(
        "CREATE ROLE owner LOGIN; CREATE ROLE reader LOGIN;
         CREATE TABLE public.plain AS SELECT generate_series(1, 10) AS a;
         CREATE TABLE public.planned (a int); INSERT INTO public.planned VALUES (1); ALTER TABLE public.planned OWNER TO owner;
         GRANT CREATE ON SCHEMA public TO owner; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
         SET ROLE owner;
         CREATE FUNCTION public.konst(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
         CREATE INDEX ON public.planned (a) WHERE a > public.konst(1)",
    );
    let reader = format!("{} user=reader", database.conninfo);
    let whole = manifest(&reader, &["-q"]).0;
    let (there, told) = manifest(&reader, &["--digest-on", "server"]);
    assert!(
        told.contains("the rows of public.planned are read: an index, statistics or a partition key makes"),
        "{told}"
    );
    assert_eq!(there.endpoint.settings[DIGEST_ON], "server: 1 table, client: 1 table");
    assert!(without_place(there) == without_place(whole.clone()));

    database.run("RESET ROLE; REVOKE EXECUTE ON FUNCTION pg_catalog.sha256 FROM PUBLIC");
    let (there, told) = manifest(&reader, &["--digest-on", "server"]);
    let reason = "public.plain is read: the server could not digest it: ";
    assert!(told.contains(reason) && told.contains("permission denied for function sha256"), "{told}");
    assert_eq!(there.endpoint.settings[DIGEST_ON], "client");
    assert!(without_place(there).relations == without_place(whole).relations);
}

#[test]
fn row_security_is_an_error_and_never_fewer_rows() {
    let cluster = cluster();
    let database = Database::create(&cluster, "policies");
    database.run(
        "CREATE ROLE reader LOGIN; CREATE TABLE public.guarded AS SELECT 1 AS a;
         ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY; GRANT SELECT ON public.guarded TO reader",
    );
    let reader = format!("{} user=reader", database.conninfo);
    let [client, server] = ["client", "server"].map(|place| manifest(&reader, &["--digest-on", place]).0);
    assert_eq!(client.unseen(), server.unseen());
    assert!(client.unseen().concat().contains("row-level security"), "{:?}", client.unseen());
}

/// Two databases with equal rows.
fn pair(cluster: &Cluster) -> [Database; 2] {
    let [expected, actual] = ["original", "copy"].map(|name| Database::create(cluster, name));
    expected.run(
        "CREATE TABLE public.t (id int PRIMARY KEY, note text, twice int GENERATED ALWAYS AS (id * 2) STORED);
         INSERT INTO public.t (id, note) SELECT i, 'note ' || i FROM generate_series(1, 5000) AS i;
         CREATE TABLE public.same AS SELECT 1 AS a",
    );
    expected.dump_restore_into(&actual, Format::Custom);
    [expected, actual]
}

#[test]
fn a_changed_row_is_named_whoever_hashes() {
    let cluster = cluster();
    let [expected, actual] = pair(&cluster);
    let sides = [expected.conninfo.as_str(), actual.conninfo.as_str()];
    let compare = |place: &str| run(&[&["compare", "-q", "--digest-on", place], &sides[..]].concat());
    let sound = compare("server");
    assert_eq!(sound.status.code(), Some(0), "{}", said(&sound));
    actual.run(
        "UPDATE public.t SET note = E'other\\t' WHERE id = 7; DELETE FROM public.t WHERE id = 4000;
         INSERT INTO public.t VALUES (6000, NULL)",
    );
    let [client, server] = ["client", "server"].map(compare);
    assert_eq!(server.status.code(), Some(1), "{}", said(&server));
    assert!(said(&server).contains("id=7") && said(&server).contains("id=4000"), "{}", said(&server));
    let findings = |output: &Output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().filter(|line| !line.contains(" s")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(findings(&client), findings(&server));

    let report = tempfile::tempdir().unwrap();
    let directory = report.path().to_str().unwrap();
    let json =
        run(&[&["compare", "-q", "--format", "json", "--digest-on", "server", "--report", directory], &sides[..]]
            .concat());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    for side in ["expected", "actual"] {
        assert_eq!(json["endpoints"][side]["settings"][DIGEST_ON], "server", "{side}");
    }
}

#[test]
fn a_saved_manifest_without_sketches_is_compared_and_never_decoded() {
    let cluster = cluster();
    let [expected, actual] = pair(&cluster);
    let temp = tempfile::tempdir().unwrap();
    let file = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let save = |database: &Database, name: &str, place: &str| {
        let output = run(&["manifest", "-q", &database.conninfo, &file(name), "--digest-on", place]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    };
    save(&expected, "server.json", "server");
    save(&expected, "client.json", "client");
    save(&actual, "actual.json", "server");
    let compare = |sides: [&str; 2]| {
        let output = run(&["compare", sides[0], sides[1], "--digest-on", "server"]);
        (output.status.code(), said(&output))
    };
    for [e, a] in [["server.json", "actual.json"], ["client.json", "actual.json"]] {
        let (code, told) = compare([&file(e), &file(a)]);
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("--digest-on has no effect: it is for live databases, and none is read"), "{told}");
    }
    // As many rows as before.
    actual.run("UPDATE public.t SET note = 'other' WHERE id = 7");
    save(&actual, "changed.json", "server");
    for e in ["server.json", "client.json"] {
        for a in [file("changed.json"), actual.conninfo.clone()] {
            let (code, told) = compare([&file(e), &a]);
            assert_eq!(code, Some(1), "{e} {a}: {told}");
            let is_named = e == "client.json" && a == actual.conninfo;
            assert_eq!(told.contains("without a sketch, since a server made the digest"), !is_named, "{e} {a}: {told}");
        }
    }
    let (code, told) = compare([&expected.conninfo, &file("changed.json")]);
    assert!(code == Some(1) && told.contains("at least 1 row"), "{told}");
}

#[test]
fn auto_reads_the_rows_of_a_small_database_and_measures_a_larger_one() {
    let cluster = cluster();
    let database = Database::create(&cluster, "auto");
    database.run("CREATE TABLE public.t AS SELECT 1 AS a");
    let (small, told) = manifest(&database.conninfo, &["--digest-on", "auto"]);
    assert_eq!(small.endpoint.settings[DIGEST_ON], "client");
    assert!(told.contains("expected: rows are hashed by the client: the tables have 8.1 kB only"), "{told}");
    database.run("INSERT INTO public.t SELECT generate_series(1, 520000)");
    let (_, told) = manifest(&database.conninfo, &["--digest-on", "auto"]);
    assert!(told.contains("of public.t, the first ") && told.contains(" this line "), "{told}");
}

#[test]
fn the_digest_of_no_rows_has_a_sketch_and_another_has_none() {
    let some = TableDigest { rows: 1, lanes: [1, 2, 3, 4] };
    assert_eq!(Tally::of_digest(TableDigest::default()), Tally::new(4));
    let mut sum = Tally::new(8);
    sum.merge(&Tally::of_digest(some));
    sum.merge(&Tally::new(8));
    assert_eq!(sum, Tally::of_digest(some));
    assert!(!Tally::difference(&sum, &sum).is_complete, "without a sketch nothing is decoded");
}
