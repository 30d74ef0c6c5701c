//! A plain dump proves its rows only as long as it is what pg_dump wrote: no more, no less, in its order.

use std::path::{Path, PathBuf};
use std::process::Command;

use pgwitness::endpoint::dump_reader::DumpReader;

use crate::no_false_sound::scenario::{Pair, server, start};
use crate::support::fixture_database::FixtureDatabase;
use crate::support::{Database, client_tools};

/// Options of pg_dump that change what a plain dump looks like.
const OPTIONS: &[&[&str]] = &[
    &[],
    &["--inserts"],
    &["--column-inserts", "--on-conflict-do-nothing"],
    &["--rows-per-insert=3"],
    &["--clean"],
    &["--clean", "--if-exists"],
    &["--create"],
    &["--create", "--clean", "--if-exists"],
    &["--disable-triggers", "--superuser=postgres", "--data-only"],
    &["--load-via-partition-root", "--verbose"],
    &["--use-set-session-authorization", "--quote-all-identifiers"],
    &["--no-owner", "--no-privileges", "--no-comments", "--no-security-labels", "--no-tablespaces"],
    &["--no-publications", "--no-subscriptions", "--no-unlogged-table-data", "--no-blobs"],
    &["--disable-dollar-quoting", "--enable-row-security", "--schema-only"],
    &["--section=pre-data"],
    &["--section=data"],
    &["--section=post-data"],
];

/// Programs of other versions, where this machine has them.
fn pg_dumps() -> Vec<PathBuf> {
    let others = ["16", "17", "18"].map(|major| Path::new("/opt/pg").join(major).join("bin/pg_dump"));
    let own = client_tools().program("pg_dump");
    std::iter::once(own).chain(others.into_iter().filter(|path| path.exists())).collect()
}

fn strange(dump: &Path) -> Option<String> {
    let archive = DumpReader::open(dump, &client_tools().program("pg_restore")).unwrap();
    archive.catalog().strange.as_ref().map(|strange| strange.full().to_owned())
}

#[test]
fn what_pg_dump_writes_is_known_whatever_its_version_and_options() {
    let cluster = server();
    let admin = Database::connect(&cluster.conninfo("postgres"));
    let dir = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let own = client_tools().program("pg_dump");
    for fixture in FixtureDatabase::all_on(&admin) {
        let database = fixture.load(&cluster, &format!("unchanged_{}", fixture.name));
        fixture.add_settings(&database);
        let all = OPTIONS.iter().map(|options| (own.clone(), options));
        // The other versions: what differs between them is in the first and in those of --clean and --create.
        let others = pg_dumps().into_iter().skip(1);
        let others = others.flat_map(|other| [0, 5, 7].map(|index| (other.clone(), &OPTIONS[index])));
        for (pg_dump, options) in all.chain(others) {
            let path = dir.path().join("dump.sql");
            let mut command = Command::new(&pg_dump);
            command.env_clear().args(["-d", &database.conninfo, "--encoding=UTF8", "-f"]).arg(&path).args(*options);
            let printed = command.output().unwrap();
            assert!(printed.status.success(), "{}: {}", pg_dump.display(), String::from_utf8_lossy(&printed.stderr));
            wrong.extend(
                strange(&path).map(|what| format!("{} {options:?} {}: {what}", pg_dump.display(), fixture.name)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const TABLES: &str = "CREATE TABLE a (id int PRIMARY KEY, word text); INSERT INTO a SELECT n, 'w' || n FROM generate_series(1, 9) n; \
    CREATE TABLE b (id serial PRIMARY KEY, day date); INSERT INTO b (day) VALUES ('2026-01-02'); \
    CREATE VIEW v AS SELECT id FROM a; SELECT lo_from_bytea(4711, 'lo')";

/// What changes rows, sequences or large objects, or how they are read, and is not written by pg_dump.
const INSERTED: &[&str] = &[
    "UPDATE public.a SET word = 'x' WHERE id = 3;",
    "update public.a set word = 'x' where id = 3;",
    "DELETE FROM public.a;",
    "TRUNCATE TABLE public.a;",
    "DROP TABLE IF EXISTS public.a CASCADE;",
    "DROP VIEW public.v;",
    "DO $$BEGIN DELETE FROM public.a; END$$;",
    "ALTER TABLE public.a ALTER COLUMN word TYPE text USING 'x';",
    "ALTER TABLE public.a ALTER COLUMN word type text USING 'x';",
    "ALTER TABLE public.a ALTER COLUMN word SET DATA TYPE text USING 'x';",
    "ALTER TABLE ONLY public.a ALTER COLUMN word SET DEFAULT 'x', ALTER COLUMN word TYPE text USING 'x';",
    "ALTER TABLE public.a OWNER TO postgres, DROP COLUMN word;",
    "ALTER TABLE public.a DROP COLUMN word;",
    "ALTER TABLE public.a ADD COLUMN more int DEFAULT 5;",
    "ALTER TABLE public.a RENAME TO c;",
    "ALTER TABLE public.a SET SCHEMA pg_catalog;",
    "ALTER SEQUENCE public.b_id_seq RESTART WITH 77;",
    "ALTER TYPE public.mood RENAME VALUE 'a' TO 'b';",
    "SELECT pg_catalog.lo_unlink(4711);",
    "SELECT pg_catalog.lo_put(4711, 0, 'x');",
    "SELECT pg_catalog.set_config('datestyle', 'DMY', false);",
    "SELECT pg_catalog.setval('public.b_id_seq', 5, true), pg_catalog.setval('public.b_id_seq', 9, true);",
    "SELECT setval('public.b_id_seq', 99);",
    "SELECT public.f();",
    "WITH gone AS (DELETE FROM public.a RETURNING *) SELECT count(*) FROM gone;",
    "INSERT INTO public.b WITH gone AS (DELETE FROM public.a RETURNING id) SELECT id, NULL FROM gone;",
    "INSERT INTO public.a VALUES (100, 'x');",
    "MERGE INTO public.a USING public.b ON a.id = b.id WHEN MATCHED THEN DELETE;",
    "CALL public.p();",
    "CREATE TABLE public.c AS SELECT * FROM public.a;",
    "CREATE SCHEMA s CREATE TABLE t (id int);",
    "SET datestyle = 'ISO, DMY';",
    "SET session_replication_role = replica;",
    "COPY public.a FROM '/tmp/x';",
    "COPY public.a FROM PROGRAM 'true';",
    "BEGIN;",
    "ROLLBACK;",
    "COMMENT ON TABLE public.a IS 'x' \\gexec",
    "\\i other.sql",
    "\\! true",
    "\\connect other",
    "\\set x 1",
    "\\copy public.a FROM '/tmp/x'",
    "VACUUM FULL public.a;",
    "EXECUTE x;",
];

/// These change nothing after the rows, but what is written so before them acts on them.
const BEFORE_ROWS: &[&str] = &[
    "CREATE TRIGGER t BEFORE INSERT ON public.a FOR EACH ROW EXECUTE FUNCTION public.f();",
    "CREATE RULE r AS ON INSERT TO public.a DO INSTEAD NOTHING;",
    "ALTER TABLE public.a ENABLE ROW LEVEL SECURITY;",
    "CREATE EVENT TRIGGER e ON sql_drop EXECUTE FUNCTION public.f();",
];

/// A dump in which `sql` stands on a line of its own before the first line that begins with `mark`.
fn with(dump: &str, sql: &str, mark: &str) -> String {
    let at = dump.find(&format!("\n{mark}")).unwrap_or_else(|| panic!("no {mark}")) + 1;
    format!("{}{sql}\n\n{}", &dump[..at], &dump[at..])
}

#[test]
fn a_statement_that_pg_dump_does_not_write_is_never_sound_wherever_it_stands() {
    let pair = Pair::new(TABLES);
    let dir = tempfile::tempdir().unwrap();
    let (path, saved) = (dir.path().join("dump.sql"), dir.path().join("saved.json"));
    start(&["manifest", &pair.expected.conninfo, saved.to_str().unwrap()]).end().is(0, &[]);
    let mut command = Command::new(client_tools().program("pg_dump"));
    command.env_clear().args(["-d", &pair.expected.conninfo, "-f"]).arg(&path);
    assert!(command.status().unwrap().success());
    let dump = std::fs::read_to_string(&path).unwrap();
    let compare = || start(&["compare", "--quiet", saved.to_str().unwrap(), path.to_str().unwrap()]).end();
    compare().is(0, &[]);
    let places = [
        "CREATE TABLE public.b",
        "COPY public.a",
        "COPY public.b",
        "SELECT pg_catalog.setval",
        "-- PostgreSQL database dump complete",
    ];
    let everywhere = INSERTED.iter().flat_map(|sql| places.iter().map(move |place| (*sql, *place)));
    let before_rows = BEFORE_ROWS.iter().flat_map(|sql| places[..3].iter().map(move |place| (*sql, *place)));
    let mut sound = Vec::new();
    for (sql, place) in everywhere.chain(before_rows) {
        std::fs::write(&path, with(&dump, sql, place)).unwrap();
        let said = compare();
        if said.code == 0 {
            sound.push(format!("{sql} before {place}"));
        }
    }
    assert!(sound.is_empty(), "{}", sound.join("\n"));
    std::fs::write(&path, with(&dump, INSERTED[0], "COPY public.b")).unwrap();
    let line = dump[..dump.find("\nCOPY public.b").unwrap()].matches('\n').count() + 2;
    compare().is(
        2,
        &["not the unchanged output of pg_dump", &format!("line {line} begins with \"UPDATE public.a SET word\"")],
    );
}
