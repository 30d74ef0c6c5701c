//! A restore server of the run's own: owners and privileges are proven there, functions of the source do not get the rights of
//! our operating-system user, and nothing of it stays.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use super::support::Database;
use super::support::night::{NightlyScenario, names, text};
use super::{server, shop};

/// A night without `restore.url`.
fn night(name: &str, sql: &str) -> (Database, NightlyScenario) {
    let (database, mut scenario) = shop(name);
    database.run(sql);
    scenario.use_own_server();
    (database, scenario)
}

/// Owners, grants, schemas and extensions that a restore by an ordinary role gets wrong unless the order is right.
const RICH: &str = r#"
    CREATE ROLE "Own er" NOLOGIN; CREATE ROLE own_reader LOGIN PASSWORD 'x'; CREATE ROLE own_boss; CREATE ROLE own_group;
    GRANT own_group TO own_reader WITH ADMIN OPTION; GRANT pg_monitor TO own_reader;
    CREATE SCHEMA "Sch ema" AUTHORIZATION "Own er"; CREATE SCHEMA exts AUTHORIZATION own_boss;
    CREATE EXTENSION pg_stat_statements WITH SCHEMA exts; CREATE EXTENSION hstore WITH SCHEMA "Sch ema";
    COMMENT ON EXTENSION pg_stat_statements IS 'ours'; COMMENT ON SCHEMA "Sch ema" IS 'theirs';
    CREATE TYPE "Sch ema".mood AS ENUM ('sad', 'ok'); ALTER TYPE "Sch ema".mood OWNER TO "Own er";
    CREATE TABLE "Sch ema"."T able" (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m "Sch ema".mood, h "Sch ema".hstore);
    ALTER TABLE "Sch ema"."T able" OWNER TO "Own er";
    INSERT INTO "Sch ema"."T able" (m, h) SELECT 'ok', 'a=>1' FROM generate_series(1, 50);
    CREATE TABLE public.in_public (id int PRIMARY KEY, secret text); ALTER TABLE public.in_public OWNER TO own_boss;
    INSERT INTO public.in_public VALUES (1, 'a'), (2, 'b');
    ALTER TABLE public.in_public ENABLE ROW LEVEL SECURITY; ALTER TABLE public.in_public FORCE ROW LEVEL SECURITY;
    CREATE POLICY mine ON public.in_public TO own_reader USING (id = 1);
    CREATE FUNCTION "Sch ema".twice(i int) RETURNS int LANGUAGE sql IMMUTABLE SECURITY DEFINER AS 'SELECT i * 2';
    ALTER FUNCTION "Sch ema".twice(int) OWNER TO "Own er";
    CREATE INDEX ON "Sch ema"."T able" ("Sch ema".twice(id));
    CREATE MATERIALIZED VIEW public.sums AS SELECT count(*) AS n FROM "Sch ema"."T able"; ALTER MATERIALIZED VIEW public.sums OWNER TO own_boss;
    GRANT SELECT ON "Sch ema"."T able" TO own_boss; GRANT USAGE ON SCHEMA "Sch ema" TO own_boss;
    REVOKE ALL ON SCHEMA "Sch ema" FROM "Own er"; GRANT USAGE ON SCHEMA "Sch ema" TO own_reader, "Own er";
    REVOKE EXECUTE ON FUNCTION "Sch ema".twice(int) FROM PUBLIC; GRANT EXECUTE ON FUNCTION "Sch ema".twice(int) TO own_group;
    GRANT SELECT (id) ON public.in_public TO own_reader WITH GRANT OPTION;
    ALTER DEFAULT PRIVILEGES FOR ROLE own_boss IN SCHEMA exts GRANT SELECT ON TABLES TO own_group;
    ALTER DATABASE own_rich OWNER TO own_boss; REVOKE ALL ON DATABASE own_rich FROM PUBLIC; GRANT CONNECT ON DATABASE own_rich TO own_reader;
    ALTER DATABASE own_rich SET search_path = '"Sch ema", public'; ALTER ROLE own_reader IN DATABASE own_rich SET work_mem = '8MB';
    SELECT lo_create(4711); ALTER LARGE OBJECT 4711 OWNER TO own_boss; GRANT SELECT ON LARGE OBJECT 4711 TO own_reader;
    COMMENT ON DATABASE own_rich IS 'rich';"#;

#[test]
fn owners_privileges_roles_and_extensions_are_proven_without_any_server_to_look_after() {
    let (_database, scenario) = night("own_rich", RICH);
    let said = scenario.demand(&["nightly"], 0);
    assert!(said.contains("sound (rows, sequences, large objects, schema, foreign keys)"), "{said}");
    let report = scenario.report();
    assert_eq!(report["waivers"].as_array().map(Vec::len).unwrap_or_default(), 0, "{report}");
    let complaints = report["night"]["restore"]["complaints"].as_array().unwrap();
    assert!(complaints.is_empty(), "{complaints:?}");
    assert_eq!(scenario.servers(), Vec::<String>::new());
    assert_eq!(scenario.open_journals(), Vec::<String>::new());
}

#[test]
fn a_wrong_owner_a_lost_privilege_and_a_lost_default_privilege_are_found() {
    let sql = "CREATE ROLE own_lost; ALTER TABLE shop.orders OWNER TO own_lost; GRANT SELECT ON shop.members TO own_lost;
        ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO own_lost; ALTER SCHEMA shop OWNER TO own_lost;";
    let (_database, mut scenario) = night("own_lost", sql);
    for (option, kinds) in [("--no-owner", &["owner"][..]), ("--no-privileges", &["privilege", "default_privilege"])] {
        scenario.wrap(
            "pg_restore",
            &format!("case \"$*\" in *--list*) ;; *) set -- {option} \"$@\";; esac\nexec \"$REAL/pg_restore\" \"$@\""),
        );
        let said = scenario.demand(&["nightly"], 1);
        for kind in kinds {
            assert!(said.contains(&format!("{kind} ")), "{option} {kind}: {said}");
        }
        assert_eq!(scenario.servers(), Vec::<String>::new());
    }
}

/// Each tries to reach the operating system, and hides that it failed.
const HOSTILE: &str = r#"
    CREATE EXTENSION dblink;
    CREATE FUNCTION shop.attack(i int) RETURNS int LANGUAGE plpgsql AS $$
    DECLARE tried text;
    BEGIN
        FOREACH tried IN ARRAY ARRAY[
            'COPY (SELECT 1) TO PROGRAM ''touch $CANARY''', 'COPY (SELECT 1) TO ''$CANARY''',
            'ALTER ROLE pgwitness_tmp_restorer SUPERUSER', 'SET ROLE pgwitness_tmp_superuser', 'CREATE ROLE owned SUPERUSER LOGIN',
            'SET SESSION AUTHORIZATION pgwitness_tmp_superuser', 'GRANT pg_execute_server_program TO pgwitness_tmp_restorer',
            'SELECT pg_catalog.lo_export(1, ''$CANARY'')', 'ALTER SYSTEM SET archive_command = ''touch $CANARY''',
            'LOAD ''/tmp/evil.so''',
            'SELECT public.dblink_exec(''user=pgwitness_tmp_superuser dbname=postgres host='' || pg_catalog.split_part(pg_catalog.current_setting(''unix_socket_directories''), '','', 1), ''COPY (SELECT 1) TO PROGRAM ''''touch $CANARY'''''')']
        LOOP
            BEGIN
                EXECUTE tried;
                INSERT INTO shop.gained VALUES (tried);
            EXCEPTION WHEN OTHERS THEN NULL;
            END;
        END LOOP;
        RETURN i;
    END $$;
    CREATE TABLE shop.gained (what text);
    CREATE TABLE shop.trap (id int CHECK (shop.attack(id) = id)); "#;

#[test]
fn a_function_of_the_source_gets_no_right_of_the_superuser_or_of_the_operating_system() {
    let (database, scenario) = night("own_hostile", "SELECT");
    let canary = scenario.path("canary").display().to_string();
    fs::set_permissions(scenario.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    database.run(&HOSTILE.replace("$CANARY", &canary));
    // The canary sings where the rights are there: the source's superuser has them.
    database.run("INSERT INTO shop.trap VALUES (1); DELETE FROM shop.gained");
    assert!(scenario.path("canary").exists());
    fs::remove_file(scenario.path("canary")).unwrap();
    database.run("ALTER ROLE owned NOLOGIN; DROP ROLE owned");
    let said = scenario.demand(&["nightly"], 0);
    assert!(!scenario.path("canary").exists(), "{said}");
}

#[test]
fn what_only_a_superuser_restores_is_named_before_and_restored_when_that_is_asked_for() {
    let sql = "CREATE FUNCTION shop.note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER audit ON ddl_command_end EXECUTE FUNCTION shop.note();
        CREATE FUNCTION shop.c_add(int, int) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'int4pl';";
    let (_database, mut scenario) = night("own_superuser", sql);
    let checked = scenario.demand(&["config", "check"], 0);
    assert!(checked.contains("event trigger audit") && checked.contains("restore.superuser = true"), "{checked}");
    assert_eq!(scenario.servers(), Vec::<String>::new(), "a check leaves nothing");
    let said = scenario.demand(&["nightly"], 1);
    assert!(said.contains("the dump is proven"), "{said}");
    scenario.set("restore", "superuser = true");
    let said = scenario.demand(&["nightly"], 0);
    assert!(said.contains("could run programs as the user of pgwitness") || !said.contains("damaged"), "{said}");
    assert_eq!(scenario.servers(), Vec::<String>::new());
}

#[test]
fn a_server_that_a_killed_run_left_is_stopped_and_removed_by_the_next_run() {
    let (_database, mut scenario) = night("own_killed", "SELECT");
    let mark = scenario.path("restoring");
    let real = scenario.sections.iter().find(|(name, _)| name == "dump").unwrap().1.clone();
    scenario.wrap(
        "pg_restore",
        &format!(
            "case \"$*\" in *--dbname*) touch {}; sleep 60;; esac\nexec \"$REAL/pg_restore\" \"$@\"",
            mark.display()
        ),
    );
    let mut run = scenario.command(&["nightly"]).spawn().unwrap();
    let since = Instant::now();
    while !mark.exists() {
        assert!(since.elapsed() < Duration::from_secs(120) && run.try_wait().unwrap().is_none(), "the restore began");
        std::thread::sleep(Duration::from_millis(100));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    let left = scenario.servers();
    assert_eq!(left.len(), 1, "{left:?}");
    let pid = fs::read_to_string(scenario.server_directory().join(&left[0]).join("data/postmaster.pid")).unwrap();
    let pid = pid.lines().next().unwrap().to_owned();
    assert!(fs::exists(format!("/proc/{pid}")).unwrap(), "the server outlives the run");
    scenario.sections.iter_mut().find(|(name, _)| name == "dump").unwrap().1 = real;
    let said = scenario.demand(&["nightly"], 0);
    assert!(said.contains("sound"), "{said}");
    assert_eq!(scenario.servers(), Vec::<String>::new());
    assert_eq!(scenario.open_journals(), Vec::<String>::new());
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}

#[test]
fn tablespaces_of_the_source_are_made_there_too() {
    let (database, scenario) = night("own_space", "SELECT");
    let dir = server().make_directory("own_space").unwrap();
    database.run(&format!("CREATE TABLESPACE own_space LOCATION '{}'", dir.display()));
    database.run("ALTER TABLE shop.orders SET TABLESPACE own_space");
    scenario.demand(&["nightly"], 0);
    database.run("ALTER TABLE shop.orders SET TABLESPACE pg_default");
    database.run("DROP TABLESPACE own_space");
}

#[test]
fn a_directory_that_does_not_exist_or_is_too_long_for_a_socket_is_named_with_a_way_out() {
    let (_database, mut scenario) = night("own_nowhere", "SELECT");
    scenario.set("restore", "server_directory = \"/nowhere\"");
    let said = scenario.demand(&["nightly"], 2);
    assert!(said.contains("restore.server_directory") && said.contains("/nowhere"), "{said}");
    let long = scenario.path(&"long".repeat(25));
    fs::create_dir(&long).unwrap();
    scenario.set("restore", &text("server_directory", &long));
    let said = scenario.demand(&["nightly"], 2);
    assert!(said.contains("too long for the path of a socket"), "{said}");
    assert!(said.contains("restore.url"), "{said}");
    assert_eq!(names(&long), Vec::<String>::new());
}
