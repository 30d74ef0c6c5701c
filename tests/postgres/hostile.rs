//! A database whose owner wants his code to run with the rights of the role that reads it.
//!
//! Every function of his writes who runs it into the server's log, also where nothing else can be written. The same statements as
//! before the fix, by hand, show that the traps work.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support;
use crate::support::Database;
use crate::support::night::NightlyScenario;
use pgwitness::postgres::server::{Cluster, ClusterOptions};

/// Whatever takes longer hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// Names that a question of ours might use without its schema, and what they would be given.
const NAMES: &str = "lower(text) upper(text) quote_ident(text) quote_literal(text) to_regclass(text) length(text) \
    current_setting(text) replace(text,text,text) strpos(text,text) substr(text,integer) split_part(text,text,integer) \
    concat(text,text) format(text,text) format(text,text,text) left(text,integer) to_jsonb(anyelement) \
    current_database() current_schema() pg_get_userbyid(oid) format_type(oid,integer) unnest(anyarray) \
    json_build_object(text,text) obj_description(oid,text) pg_is_in_recovery() set_config(text,text,boolean) row_security_active(text)";

/// Made by the owner of the database, in it.
const PATH: &str = r#"
CREATE SCHEMA evil;
CREATE FUNCTION evil.told(what text, answer anyelement) RETURNS anyelement LANGUAGE plpgsql AS
    $$BEGIN RAISE LOG 'HIJACKED % as %', what, current_user; RETURN answer; END$$;
DO $do$
DECLARE name text; pair text;
BEGIN
    FOREACH name IN ARRAY regexp_split_to_array('NAMES', '\s+') LOOP
        EXECUTE format('CREATE FUNCTION evil.%s RETURNS text LANGUAGE plpgsql AS
            $f$BEGIN RAISE LOG ''HIJACKED %% as %%'', %L, current_user; RETURN NULL; END$f$', name, name);
    END LOOP;
    -- Exact matches come before those of pg_catalog that need a cast, and the schema before it besides.
    FOREACH pair IN ARRAY ARRAY['text,text', 'name,name', 'name,text', 'text,name', 'oid,oid', 'integer,integer', 'bigint,bigint',
                                'boolean,boolean', '"char","char"', 'smallint,smallint', 'oid,regclass'] LOOP
        EXECUTE format('CREATE FUNCTION evil.op(%s) RETURNS boolean LANGUAGE plpgsql AS
            $f$BEGIN RAISE LOG ''HIJACKED operator as %%'', current_user; RETURN true; END$f$', pair);
        FOREACH name IN ARRAY ARRAY['=', '<>', '<', '>', '>=', '~', '!~', '~~'] LOOP
            EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.op)',
                           name, split_part(pair, ',', 1), split_part(pair, ',', 2));
        END LOOP;
    END LOOP;
END $do$;
CREATE VIEW evil.pg_settings AS SELECT evil.told('view', 1);
CREATE VIEW evil.pg_class AS SELECT evil.told('view', 1);
CREATE AGGREGATE evil.count("any") (SFUNC = int8inc_any, STYPE = bigint, INITCOND = '0');

-- Functions wherever a table can have one.
CREATE FUNCTION public.konst(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN RAISE LOG 'HIJACKED konst as %', current_user; RETURN $1; END$$;
CREATE FUNCTION public.inlined(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT public.konst(1) + $1';
CREATE FUNCTION public.harmless(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE DOMAIN public.checked AS integer CHECK (public.konst(1) + VALUE > 0);
CREATE TABLE public.t (id integer PRIMARY KEY, d public.checked DEFAULT public.konst(5), g integer GENERATED ALWAYS AS (public.konst(1) + id) STORED,
    CHECK (public.konst(1) > 0));
CREATE INDEX ON public.t ((id + public.konst(1)));
CREATE INDEX ON public.t (id) WHERE id > public.konst(-1);
CREATE STATISTICS public.s ON (id + public.konst(2)), d FROM public.t;
CREATE TABLE public.u (id integer PRIMARY KEY, n integer);
CREATE INDEX ON public.u ((public.inlined(n)));
CREATE TABLE public.w (id integer PRIMARY KEY, n integer);
CREATE INDEX ON public.w ((public.harmless(n)));
INSERT INTO public.t (id) SELECT generate_series(1, 20000);
INSERT INTO public.u SELECT n, n FROM generate_series(1, 100) n;
INSERT INTO public.w SELECT n, n FROM generate_series(1, 100) n;
CREATE TABLE public.guarded (id integer);
INSERT INTO public.guarded VALUES (1);
CREATE POLICY p ON public.guarded USING (public.konst(id) > 0);
ALTER TABLE public.guarded ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE VIEW public.v AS SELECT public.konst(1) AS k;
CREATE RULE r AS ON INSERT TO public.v DO INSTEAD SELECT public.konst(2);
CREATE TABLE public.parted (id integer, n integer) PARTITION BY RANGE ((n + public.konst(1)));
CREATE TABLE public.parted_1 PARTITION OF public.parted FOR VALUES FROM (0) TO (1000);
INSERT INTO public.parted VALUES (1, 1);
CREATE SEQUENCE public.numbers;
CREATE FUNCTION public.apart(double precision, double precision) RETURNS double precision LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN RAISE LOG 'HIJACKED apart as %', current_user; RETURN $1 - $2; END$$;
CREATE TYPE public.span AS RANGE (SUBTYPE = double precision, SUBTYPE_DIFF = public.apart);
CREATE TABLE public.spans (s public.span);
INSERT INTO public.spans VALUES ('[1,2]');
"#;

/// Foreign keys whose comparison calls his functions, and some that do not.
const KEYS: &str = r"
CREATE TYPE public.mood AS ENUM ('1', '2');
CREATE FUNCTION public.mood_number(public.mood) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN RAISE LOG 'HIJACKED cast as %', current_user; RETURN 1; END$$;
CREATE CAST (public.mood AS integer) WITH FUNCTION public.mood_number AS IMPLICIT;
CREATE TABLE public.levels (id integer PRIMARY KEY);
INSERT INTO public.levels VALUES (1);
CREATE TABLE public.moods (m public.mood CONSTRAINT through_a_cast REFERENCES public.levels);
INSERT INTO public.moods VALUES ('1');
CREATE TABLE public.of_t (id integer CONSTRAINT to_t REFERENCES public.t);
INSERT INTO public.of_t VALUES (1);
CREATE TABLE public.of_u (id integer CONSTRAINT to_u REFERENCES public.u);
CREATE TABLE public.of_w (id integer CONSTRAINT to_w REFERENCES public.w);
INSERT INTO public.of_w VALUES (1);
";

/// A nearer `=` for a domain than that of its type.
const NEARER: &str = r"
CREATE DOMAIN public.address AS public.citext;
CREATE FUNCTION public.near(public.address, public.address) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
    $$BEGIN RAISE LOG 'HIJACKED nearer operator as %', current_user; RETURN true; END$$;
CREATE TABLE public.people (e public.address PRIMARY KEY);
CREATE TABLE public.letters (e public.address CONSTRAINT to_people REFERENCES public.people);
INSERT INTO public.people VALUES ('a@x');
INSERT INTO public.letters VALUES ('A@X');
CREATE OPERATOR public.= (LEFTARG = public.address, RIGHTARG = public.address, FUNCTION = public.near);
";

/// Taken out of force, all of these.
const SETTINGS: &str = "ALTER DATABASE db SET search_path = evil, pg_catalog, public; ALTER DATABASE db SET statement_timeout = '5ms'; \
    ALTER DATABASE db SET constraint_exclusion = on; ALTER DATABASE db SET idle_in_transaction_session_timeout = '5ms'; \
    ALTER DATABASE db SET standard_conforming_strings = off; ALTER DATABASE db SET row_security = on";

fn server() -> Cluster {
    let settings = [("log_min_error_statement", "log"), ("log_line_prefix", "%d|")];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let server = support::cluster_with(ClusterOptions { settings, ..ClusterOptions::default() });
    Database::connect(&server.conninfo("postgres")).run("CREATE ROLE mallory LOGIN");
    server
}

/// A database of mallory's with these traps. Returns a superuser's connection, made before the traps were set.
fn hostile(server: &Cluster, name: &str, scripts: &[&str]) -> Database {
    let database = Database::create(server, name);
    database.run(&format!("ALTER DATABASE {name} OWNER TO mallory; ALTER SCHEMA public OWNER TO mallory"));
    database.run("CREATE EXTENSION citext SCHEMA public");
    let mallory = Database::connect(&server.conninfo(name).replace("user='postgres'", "user='mallory'"));
    scripts.iter().for_each(|script| mallory.run(&script.replace("NAMES", NAMES)));
    SETTINGS.replace("db", name).split("; ").for_each(|sql| mallory.run(sql));
    database
}

/// What ran as the superuser since then: the trap, and the statement that sprang it. What pg_restore runs in a copy is not ours
/// to prevent: it writes, and is left out.
fn sprung(server: &Cluster, since: usize) -> Vec<String> {
    const RESTORES: &[&str] = &["CREATE ", "ALTER ", "REFRESH "];
    let log = support::server_log(server);
    let lines: Vec<&str> = log[since..].lines().collect();
    let mut found = Vec::new();
    for (at, line) in
        lines.iter().enumerate().filter(|(_, line)| line.contains("HIJACKED") && line.ends_with("as postgres"))
    {
        let statement = lines[at..].iter().find_map(|line| line.split_once("STATEMENT:  ")).map_or("?", |(_, sql)| sql);
        let is_restore = RESTORES.iter().any(|verb| statement.starts_with(verb))
            || (statement.starts_with("COPY ") && statement.contains("FROM stdin"));
        if !is_restore || line.starts_with("hostile|") {
            found.push(format!("{line}\n    {statement}"));
        }
    }
    found
}

fn assert_nothing_sprung(server: &Cluster, since: usize, what: &str) {
    let found = sprung(server, since);
    assert!(found.is_empty(), "{what} ran code of the database's owner:\n{}", found.join("\n"));
}

fn ended(mut command: Command, what: &str) -> Output {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("{what} hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

fn run(arguments: &[&str]) -> (i32, String) {
    let mut command = support::pgwitness();
    command.env("PGWITNESS_PG_BINDIR", &support::client_tools().bindir).args(arguments);
    let output = ended(command, arguments[0]);
    (output.status.code().unwrap(), said(&output))
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

#[test]
fn the_traps_work_on_statements_as_they_were() {
    let server = server();
    hostile(&server, "hostile", &[PATH, KEYS, NEARER]);
    let victim = Database::connect(&server.conninfo("hostile"));
    let springs = |sql: &str, what: &str| {
        let since = support::server_log(&server).len();
        let _ = victim.try_run(&format!("SET statement_timeout = 0; {sql}"));
        let found = sprung(&server, since);
        assert!(found.iter().any(|line| line.contains(what)), "{sql} sprang {found:?}");
    };
    springs(
        "SELECT pg_catalog.set_config(s.name, 'x', false) FROM pg_catalog.pg_settings s WHERE lower(s.name) = 'jit'",
        "lower",
    );
    springs("SELECT 1 FROM pg_catalog.pg_class c WHERE c.relkind = 'r'", "operator");
    victim.run("SELECT pg_catalog.set_config('search_path', '', false)");
    springs("SELECT count(*) FROM ONLY public.moods c JOIN public.levels p ON p.id = c.m", "cast");
    springs(
        "SELECT count(*) FROM public.letters c, public.people p WHERE p.e OPERATOR(public.=) c.e",
        "nearer operator",
    );
    springs("SELECT count(*) FROM ONLY public.t", "konst");
    springs("SELECT count(*) FROM ONLY public.u", "konst");
    springs("SELECT count(*) FROM public.parted", "konst");
}

#[test]
fn reading_runs_no_code_of_the_owner_and_says_what_it_could_not_check() {
    let server = server();
    hostile(&server, "hostile", &[PATH, KEYS, NEARER]);
    let other = hostile(&server, "hostile_copy", &[PATH, KEYS, NEARER]);
    other.run("SET session_replication_role = replica; INSERT INTO public.letters VALUES ('orphan@x')");
    let [expected, actual] = ["hostile", "hostile_copy"].map(|name| server.conninfo(name));
    let since = support::server_log(&server).len();
    // As many sessions as make large tables be read in slices.
    let (code, said) = run(&["compare", &expected, &actual, "--jobs", "3", "--all-tables"]);
    assert_nothing_sprung(&server, since, "compare");
    assert_eq!(code, 1, "{said}");
    for word in
        ["orphan@x", "through_a_cast", "public.mood_number", "to_t", "to_u", "public.konst", "--allow-user-functions"]
    {
        assert!(said.contains(word), "nothing says {word}:\n{said}");
    }
    assert!(!said.contains("to_w"), "a function that planning does not call is no reason:\n{said}");
    let (code, said) = run(&["compare", &expected, &actual, "--jobs", "3", "--digest-on", "server"]);
    assert_nothing_sprung(&server, since, "compare --digest-on server");
    assert!(code == 1 && said.contains("the rows of public.t are read: "), "{said}");

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("m.json").display().to_string();
    let (code, said) = run(&["manifest", &expected, &file]);
    assert_nothing_sprung(&server, since, "manifest");
    assert!([0, 2].contains(&code), "{said}");
    let (code, said) = run(&["digest-sql", "-d", &expected, "public.t"]);
    assert_nothing_sprung(&server, since, "digest-sql");
    assert_eq!(code, 0, "{said}");

    // The opt-in runs it, and the manifest says so.
    let file = dir.path().join("allowed.json").display().to_string();
    let (_, said) = run(&["manifest", &expected, &file, "--allow-user-functions"]);
    assert!(sprung(&server, since).iter().any(|line| line.contains("cast")), "{said}");
    assert!(fs::read_to_string(&file).unwrap().contains("allow_user_functions"));
}

#[test]
fn a_night_a_restore_and_a_check_of_the_configuration_run_no_code_of_the_owner() {
    let server = server();
    hostile(&server, "hostile", &[PATH]);
    // The database for administration has traps as well.
    let postgres = Database::connect(&server.conninfo("postgres"));
    postgres.run("GRANT CREATE ON DATABASE postgres TO mallory");
    let mallory = Database::connect(&server.conninfo("postgres").replace("user='postgres'", "user='mallory'"));
    mallory.run(PATH.replace("NAMES", NAMES).split("-- Functions wherever").next().unwrap());
    postgres.run("ALTER DATABASE postgres SET search_path = evil, pg_catalog, public; ALTER DATABASE postgres SET statement_timeout = '5ms'");
    let scenario = NightlyScenario::of_database(&server, "hostile");
    let since = support::server_log(&server).len();
    let checked = ended(scenario.command(&["config", "check"]), "config check");
    assert_nothing_sprung(&server, since, "config check");
    let text = said(&checked);
    assert!(text.contains("with the rights of postgres, which is a superuser there"), "{text}");
    let night = ended(scenario.command(&["nightly"]), "nightly");
    assert_nothing_sprung(&server, since, "nightly");
    // To read a generated column takes a query, and to plan one over this table would run the owner's code: it is left unread.
    assert_eq!(night.status.code(), Some(2), "{}", said(&night));
    assert!(
        said(&night).contains("the dump is proven; this restore server differs in: derived rows"),
        "{}",
        said(&night)
    );
    let restored = ended(scenario.command(&["restore", "--into", &server.conninfo("hostile_restored")]), "restore");
    assert_nothing_sprung(&server, since, "restore");
    assert_eq!(restored.status.code(), Some(2), "{}", said(&restored));
    assert!(said(&restored).contains("generated columns public.t"), "{}", said(&restored));
}

#[test]
fn a_first_statement_that_never_ends_is_never_asked() {
    let server = server();
    let endless = "CREATE SCHEMA evil; CREATE FUNCTION evil.op(text, text) RETURNS boolean LANGUAGE plpgsql AS \
        $$BEGIN RAISE LOG 'HIJACKED endless as %', current_user; PERFORM pg_catalog.pg_sleep(3600); RETURN true; END$$; \
        CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.op); CREATE TABLE public.t (id int)";
    for name in ["hostile", "hostile_copy"] {
        hostile(&server, name, &[endless]);
    }
    let since = support::server_log(&server).len();
    let (code, said) = run(&["compare", &server.conninfo("hostile"), &server.conninfo("hostile_copy")]);
    assert_nothing_sprung(&server, since, "compare");
    assert_eq!(code, 0, "{said}");
}

#[test]
fn what_is_replaced_by_a_view_during_the_run_is_unchecked_and_the_view_is_not_read() {
    const TABLES: &str = "CREATE FUNCTION public.trap() RETURNS bigint LANGUAGE plpgsql AS \
        $$BEGIN RAISE LOG 'HIJACKED view as %', current_user; RETURN 1; END$$; CREATE TABLE public.held (id int); \
        CREATE SEQUENCE public.numbers; CREATE TABLE public.parent (id int PRIMARY KEY); \
        CREATE TABLE public.child (id int CONSTRAINT to_parent REFERENCES public.parent); INSERT INTO public.held SELECT generate_series(1, 20000)";
    let server = server();
    for name in ["hostile", "hostile_copy"] {
        hostile(&server, name, &["CREATE SCHEMA evil", TABLES]);
    }
    let holder = Database::connect(&server.conninfo("hostile"));
    // In a deadlock, the session of pgwitness is the one that is refused.
    holder.run("SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0; SET deadlock_timeout = '1min'");
    holder.run("BEGIN; LOCK TABLE public.held IN ACCESS EXCLUSIVE MODE");
    let since = support::server_log(&server).len();
    let mut command = support::pgwitness();
    command.args(["compare", &server.conninfo("hostile"), &server.conninfo("hostile_copy"), "--jobs", "1"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let admin = Database::connect(&server.conninfo("postgres"));
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'hostile' AND wait_event_type = 'Lock' \
                 AND application_name = 'pgwitness'";
    let start = Instant::now();
    while admin.value(waits) == "0" {
        assert!(start.elapsed() < LIMIT, "it does not wait");
        std::thread::sleep(Duration::from_millis(20));
    }
    holder.run("DROP SEQUENCE public.numbers; CREATE VIEW public.numbers AS SELECT public.trap() AS last_value, true AS is_called");
    holder.run("DROP TABLE public.child, public.parent; CREATE VIEW public.parent AS SELECT public.trap()::int AS id");
    holder.run("CREATE VIEW public.child AS SELECT public.trap()::int AS id; COMMIT");
    let output = child.wait_with_output().unwrap();
    assert_nothing_sprung(&server, since, "compare");
    let text = said(&output);
    assert!([1, 2].contains(&output.status.code().unwrap()), "{text}");
    assert!(text.contains("public.numbers") && text.contains("to_parent"), "{text}");
}

#[test]
fn the_owner_of_a_database_can_make_no_event_trigger() {
    let server = server();
    hostile(&server, "hostile", &["CREATE SCHEMA evil"]);
    let mallory = Database::connect(&server.conninfo("hostile").replace("user='postgres'", "user='mallory'"));
    mallory.run("SET statement_timeout = 0");
    mallory.run("CREATE FUNCTION public.e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'");
    let refused = mallory.try_run("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION public.e()");
    assert!(refused.unwrap_err().contains("42501"));
}
