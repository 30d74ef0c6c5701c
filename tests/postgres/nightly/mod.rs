//! Nights with a source that is any PostgreSQL server: the whole way, and damage on the way.

#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test, that is how to fail")]

mod access;
mod club;
mod digest_on;
mod directories;
mod forged;
mod losses;
mod status;
mod own_server;
mod pruned;
mod refused;
mod setup;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::support;
use crate::support::fixture_database::FixtureDatabase;
use crate::support::night::{NightlyScenario, names};
use crate::support::{Database, cluster};
use pgwitness::postgres::server::Cluster;

/// One server for all tests of nightly runs; each has its own database.
pub fn server() -> &'static Cluster {
    static SERVER: OnceLock<Cluster> = OnceLock::new();
    SERVER.get_or_init(cluster)
}

const SHOP: &str = "CREATE SCHEMA shop;
    CREATE TABLE shop.members (id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE shop.orders (id serial PRIMARY KEY, member int REFERENCES shop.members, cents bigint);
    INSERT INTO shop.members SELECT i, 'member ' || i FROM generate_series(1, 200) i;
    INSERT INTO shop.orders (member, cents) SELECT 1 + i % 200, i * 7 FROM generate_series(1, 3000) i;";

/// A database of its own, and a night for it.
fn shop(name: &str) -> (Database, NightlyScenario) {
    let database = Database::create(server(), name);
    database.run(SHOP);
    let mut scenario = NightlyScenario::of_database(server(), name);
    scenario.set("restore", &format!("database = \"copy_of_{name}\""));
    (database, scenario)
}

/// Copies of this database that are still there.
fn copies_of(name: &str) -> Vec<String> {
    databases().into_iter().filter(|database| database.starts_with(&format!("copy_of_{name}"))).collect()
}

fn databases() -> Vec<String> {
    let rows = Database::connect(&server().conninfo("postgres")).query("SELECT datname FROM pg_database ORDER BY 1");
    rows.into_iter().map(|row| row[0].clone().unwrap()).collect()
}

#[test]
fn a_sound_night_leaves_a_verified_dump_and_a_signed_report_and_nothing_else() {
    let (_database, scenario) = shop("sound_night");
    let said = scenario.demand(&["nightly"], 0);
    assert!(said.contains("sound (rows, sequences, large objects, schema, foreign keys)"), "{said}");
    assert_eq!(scenario.backups("verified").len(), 1);
    assert_eq!(scenario.backups("unverified").len() + scenario.backups("damaged").len(), 0);
    assert_eq!(scenario.open_journals(), Vec::<String>::new());
    assert_eq!(copies_of("sound_night"), Vec::<String>::new());
    let report = scenario.report();
    assert_eq!((&report["format"], &report["verdict"]), (&5.into(), &"sound".into()));
    let night = &report["night"];
    let steps: Vec<&str> =
        night["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(steps, ["recover", "preflight", "dump", "restore", "verify"]);
    assert!(night["dump"]["files"].as_array().unwrap().len() >= 3, "{night}");
    assert_eq!(night["legs"].as_array().unwrap().len(), 2);
    sha256sums_hold(&scenario);
    ssh_keygen_agrees(&scenario);
}

/// With a tool that knows nothing of us.
fn sha256sums_hold(scenario: &NightlyScenario) {
    let dir = scenario.path("backups/verified").join(&scenario.backups("verified")[0]);
    let output =
        Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn ssh_keygen_agrees(scenario: &NightlyScenario) {
    let folder = scenario.path("reports").join(&names(&scenario.path("reports"))[0]);
    let key = fs::read_to_string(scenario.path("key.pub")).unwrap();
    let allowed = scenario.path("allowed_signers");
    fs::write(&allowed, format!("pgwitness {key}")).unwrap();
    for name in ["report.json", "closing.json"] {
        let mut command = support::packages::ssh_keygen();
        command.args(["-Y", "verify", "-I", "pgwitness", "-n", "pgwitness-report", "-f"]).arg(&allowed);
        command.arg("-s").arg(folder.join(format!("{name}.sig"))).stdin(fs::File::open(folder.join(name)).unwrap());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn old_dumps_go_only_after_a_new_one_is_verified() {
    let (database, mut scenario) = shop("retention_night");
    scenario.demand(&["nightly"], 0);
    scenario.demand(&["nightly"], 0);
    let first_two = scenario.backups("verified");
    assert_eq!(first_two.len(), 2);
    // A night that fails removes nothing.
    scenario.wrap("pg_restore", "echo 'pg_restore: error: no such thing' >&2; exit 1");
    scenario.demand(&["nightly"], 2);
    assert_eq!(scenario.backups("verified"), first_two);
    scenario.set("dump", &support::night::text("pg_bindir", &support::client_tools().bindir));
    let plan = scenario.demand(&["nightly", "--dry-run"], 0);
    assert!(plan.contains(&format!("remove {}", first_two[0])), "{plan}");
    assert_eq!(scenario.backups("verified"), first_two, "a dry run does nothing");
    scenario.demand(&["nightly"], 0);
    let now = scenario.backups("verified");
    assert_eq!((now.len(), &now[0]), (2, &first_two[1]));
    drop(database);
}

/// Damage between dump and restore, and between restore and comparison: what pg_restore would do, and damage to the rows.
fn damaged_night(name: &str, program: &str, script: &str) -> (NightlyScenario, String) {
    let (_database, mut scenario) = shop(name);
    scenario.demand(&["nightly"], 0);
    let before = scenario.backups("verified");
    let marker = scenario.path("hook-ran");
    scenario.set("hooks", &format!("after_restore = [\"touch\", {:?}]", marker.to_str().unwrap()));
    scenario.wrap(program, script);
    let said = scenario.demand(&["nightly"], 1);
    assert_eq!(scenario.backups("verified"), before, "older dumps are untouched: {said}");
    assert_eq!(scenario.backups("damaged").len(), 1, "{said}");
    assert!(!marker.exists(), "the hook has run: {said}");
    assert_eq!(copies_of(name), Vec::<String>::new());
    (scenario, said)
}

/// A pg_restore after which one row of the copy of this database is another.
fn restore_and_change_a_row(name: &str) -> String {
    format!(
        "\"$REAL/pg_restore\" \"$@\"; code=$?
        DB=$(echo \"$*\" | grep -o 'copy_of_{name}_[0-9a-f]*' | head -1)
        [ -n \"$DB\" ] && \"$REAL/psql\" -X -q -d \"$DB\" -c 'UPDATE shop.orders SET cents = cents + 1 WHERE id = 17' >/dev/null
        exit $code"
    )
}

#[test]
fn damage_between_restore_and_comparison_is_named_and_blamed_on_the_restore() {
    let (_scenario, said) = damaged_night("damaged_copy", "pg_restore", &restore_and_change_a_row("damaged_copy"));
    assert!(said.contains("shop.orders") && said.contains("id=17"), "{said}");
    assert!(said.contains("came in between dump and copy"), "{said}");
}

#[test]
fn a_byte_changed_in_the_dump_before_the_restore_is_damage() {
    let script = "for last; do :; done
        case \"$*\" in *-f\\ -*|*--file=-*|*--list*|*-l\\ *) exec \"$REAL/pg_restore\" \"$@\";; esac
        f=$(ls -S \"$last\"/*.dat* 2>/dev/null | head -1)
        [ -n \"$f\" ] && printf 'X' | dd of=\"$f\" bs=1 seek=40 conv=notrunc 2>/dev/null
        exec \"$REAL/pg_restore\" \"$@\"";
    let (scenario, said) = damaged_night("damaged_dump", "pg_restore", script);
    assert!(said.contains("dump"), "{said}");
    let reports = scenario.reports();
    let findings = reports.last().unwrap()["findings"].to_string();
    assert!(findings.contains("the file is not what pg_dump wrote"), "{findings}");
}

#[test]
fn a_source_that_is_broken_itself_is_damaged_and_its_dump_does_not_count() {
    let (database, scenario) = shop("broken_source");
    database.run("SET session_replication_role = replica; DELETE FROM shop.members WHERE id = 5");
    let said = scenario.demand(&["nightly"], 1);
    assert!(said.contains("orders_member_fkey"), "{said}");
    assert_eq!((scenario.backups("verified").len(), scenario.backups("damaged").len()), (0, 1));
}

#[test]
fn the_copy_is_kept_under_its_name_only_after_the_hook_has_run_on_it() {
    let (_database, mut scenario) = shop("kept_copy");
    scenario.set("restore", "database = \"sanitised\"");
    scenario.set("restore", "copy = \"replace\"");
    let psql = support::client_tools().program("psql");
    let hook = |sql: &str| {
        format!("after_restore = [{:?}, \"-X\", \"-v\", \"ON_ERROR_STOP=1\", \"-c\", {sql:?}]", psql.to_str().unwrap())
    };
    scenario.set("hooks", &hook("UPDATE shop.members SET name = 'somebody'"));
    scenario.demand(&["nightly"], 0);
    let kept = Database::connect(&server().conninfo("sanitised"));
    assert_eq!(kept.value("SELECT string_agg(DISTINCT name, ',') FROM shop.members"), "somebody");
    drop(kept);
    // A hook that fails: sound with warnings; yesterday's copy stays, tonight's is gone.
    scenario.set("hooks", &hook("SELECT 1/0"));
    let said = scenario.demand(&["nightly"], 3);
    assert!(said.contains("division by zero"), "{said}");
    assert_eq!(databases().iter().filter(|name| name.starts_with("sanitised")).count(), 1, "{:?}", databases());
    let kept = Database::connect(&server().conninfo("sanitised"));
    assert_eq!(kept.value("SELECT string_agg(DISTINCT name, ',') FROM shop.members"), "somebody");
    drop(kept);
    scenario.set("hooks", &hook("UPDATE shop.members SET name = 'nobody'"));
    scenario.demand(&["nightly"], 0);
    let kept = Database::connect(&server().conninfo("sanitised"));
    assert_eq!(kept.value("SELECT string_agg(DISTINCT name, ',') FROM shop.members"), "nobody");
    the_morning_after(&scenario);
}

/// Of three sound nights, the second had trouble with its hook.
fn the_morning_after(scenario: &NightlyScenario) {
    let (reports, allowed) = (scenario.path("reports"), scenario.path("allowed_signers"));
    fs::write(&allowed, format!("pgwitness {}", fs::read_to_string(scenario.path("key.pub")).unwrap())).unwrap();
    let [reports, allowed] = [&reports, &allowed].map(|path| path.to_str().unwrap());
    let said = scenario.demand(&["report", "verify", reports, "--allowed-signers", allowed], 0);
    assert!(said.ends_with("3 runs: all proven, the chain is whole; 1 with a problem after the report\n"), "{said}");
    let said = scenario.demand(&["report", "list", reports, "--allowed-signers", allowed], 0);
    assert_eq!(
        (said.matches("sound with warnings").count(), said.matches("division by zero").count()),
        (1, 1),
        "{said}"
    );
    let said = scenario.demand(&["report", "show", "previous", "--directory", reports], 0);
    assert!(said.contains("after the report was signed") && said.contains("division by zero"), "{said}");
    scenario.demand(&["report", "html", reports, "--allowed-signers", allowed], 0);
    let index = fs::read_to_string(scenario.path("reports/index.html")).unwrap();
    assert!(index.contains("3 runs: 2 sound, 1 sound with warnings"));
}

#[test]
fn a_database_that_is_not_ours_is_never_replaced() {
    let (_database, mut scenario) = shop("not_ours");
    let theirs = Database::create(server(), "theirs");
    theirs.run("CREATE TABLE precious (a int)");
    drop(theirs);
    scenario.set("restore", "database = \"theirs\"");
    scenario.set("restore", "copy = \"replace\"");
    let said = scenario.demand(&["nightly"], 2);
    assert!(said.contains("it will not be replaced"), "{said}");
    assert_eq!(Database::connect(&server().conninfo("theirs")).value("SELECT count(*) FROM precious"), "0");
    assert_eq!(scenario.backups("unverified").len(), 0, "nothing was dumped");
}

#[test]
fn the_last_verified_backup_comes_back_and_is_proven() {
    let (database, scenario) = shop("bad_day");
    scenario.demand(&["nightly"], 0);
    database.run("DROP SCHEMA shop CASCADE");
    let into = server().conninfo("bad_day_again");
    let said = scenario.demand(&["restore", "--into", &into], 0);
    assert!(said.contains("sound ("), "{said}");
    let again = Database::connect(&into);
    assert_eq!(again.value("SELECT count(*) FROM shop.orders"), "3000");
    let said = scenario.demand(&["restore", "--into", &into], 2);
    assert!(said.contains("exists already"), "{said}");
    assert_eq!(again.value("SELECT count(*) FROM shop.orders"), "3000");
    damage_largest(&scenario.path("backups/verified").join(&scenario.backups("verified")[0]).join("dump"));
    let said = scenario.demand(&["restore", "--into", &server().conninfo("bad_day_third")], 2);
    assert!(said.contains("it has changed since it was verified"), "{said}");
    assert!(!databases().contains(&"bad_day_third".to_owned()));
}

fn damage_largest(dir: &Path) {
    let largest =
        names(dir).into_iter().map(|name| dir.join(name)).max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, bytes).unwrap();
}

/// The legs of the dump as well: what a dump cannot answer must never look like a difference.
#[test]
fn a_run_over_every_fixture_database_is_sound() {
    let fixtures = FixtureDatabase::all_on(&Database::connect(&server().conninfo("postgres")));
    assert!(fixtures.len() >= 8, "{}", fixtures.len());
    let failures: Vec<String> = fixtures.iter().filter_map(night_over).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn night_over(fixture: &FixtureDatabase) -> Option<String> {
    let name = format!("fixture_{}", fixture.name);
    let database = fixture.load(server(), &name);
    fixture.add_settings(&database);
    let mut night = NightlyScenario::of_database(server(), &name);
    night.set("restore", &format!("database = \"copy_of_{name}\""));
    let output = night.run(&["nightly", "--quiet"]);
    let is_sound = output.status.code() == Some(0) && night.backups("verified").len() == 1;
    (!is_sound).then(|| format!("{}: {:?}\n{}", fixture.name, output.status.code(), support::night::said(&output)))
}

#[test]
fn what_the_configuration_leaves_out_today_does_not_hide_what_a_restore_has_lost() {
    let (_database, mut scenario) = shop("todays_exclusions");
    scenario.demand(&["nightly"], 0);
    scenario.set("dump", "exclude_table_data = [\"shop.orders\"]");
    scenario.wrap(
        "pg_restore",
        "\"$REAL/pg_restore\" \"$@\"; code=$?
        copy=$(\"$REAL/psql\" -XAtq -d postgres -c \"SELECT datname FROM pg_database WHERE datname LIKE 'lossy_restore%'\")
        \"$REAL/psql\" -X -q -d \"$copy\" -c 'DELETE FROM shop.orders WHERE id <= 10' >/dev/null 2>&1
        exit $code",
    );
    // Only psql in the wrapper needs to know where.
    let socket = server().socket_dir().display().to_string();
    scenario.environment = vec![("PGHOST".into(), socket), ("PGUSER".into(), "postgres".into())];
    let said = scenario.demand(&["restore", "--into", &server().conninfo("lossy_restore")], 1);
    assert!(said.contains("row_count") && said.contains("shop.orders"), "{said}");
}

#[test]
fn sequences_of_a_source_in_use_may_move_while_they_are_dumped() {
    let (database, mut scenario) = shop("moving_sequences");
    // pg_dump's own session is read only.
    let script = "PGOPTIONS= \"$REAL/psql\" -X -q -d moving_sequences -c \"SELECT nextval('shop.orders_id_seq') FROM generate_series(1, 5)\" >/dev/null
        \"$REAL/pg_dump\" \"$@\"; code=$?
        PGOPTIONS= \"$REAL/psql\" -X -q -d moving_sequences -c \"SELECT nextval('shop.orders_id_seq') FROM generate_series(1, 5)\" >/dev/null
        exit $code";
    scenario.wrap("pg_dump", script);
    let socket = server().socket_dir().display().to_string();
    scenario.environment = vec![("PGHOST".into(), socket), ("PGUSER".into(), "postgres".into())];
    let said = scenario.demand(&["nightly"], 0);
    // Remarks are wrapped.
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("moved from 3000 to 3010 while it was dumped; the dump has 3005"), "{said}");
    assert_eq!(database.value("SELECT last_value FROM shop.orders_id_seq"), "3010");
}

#[test]
fn what_a_hook_has_started_is_stopped_with_it() {
    let (_database, mut scenario) = shop("slow_hook");
    let script = scenario.path("hook.sh");
    let trace = scenario.path("trace");
    let body = format!("#!/bin/sh\n(sleep 6; touch {}) &\nsleep 60\n", trace.display());
    fs::write(&script, body).unwrap();
    scenario.set("hooks", &format!("after_restore = [\"sh\", {:?}]", script.to_str().unwrap()));
    scenario.set("hooks", "timeout = \"1s\"");
    let said = scenario.demand(&["nightly"], 3);
    assert!(said.contains("sh was stopped after 1 s"), "{said}");
    std::thread::sleep(std::time::Duration::from_secs(7));
    assert!(!trace.exists(), "its child lived on");
}

/// A role that may make databases and no more.
fn limited(name: &str) -> String {
    Database::connect(&server().conninfo("postgres")).run(&format!("CREATE ROLE {name} LOGIN CREATEDB"));
    server().conninfo("postgres").replace("user='postgres'", &format!("user='{name}'"))
}

#[test]
fn a_role_that_may_not_give_objects_away_is_named_with_the_command_before_the_dump() {
    let (database, mut scenario) = shop("no_member");
    let url = limited("no_member_restores");
    Database::connect(&server().conninfo("postgres")).run("CREATE ROLE no_member_app");
    database.run("ALTER TABLE shop.orders OWNER TO no_member_app");
    scenario.set("restore", &format!("url = {url:?}"));
    let said = scenario.demand(&["nightly"], 2);
    assert!(said.contains("no_member_restores may not give objects to no_member_app, postgres on "), "{said}");
    assert!(said.contains("GRANT no_member_app TO no_member_restores;"), "{said}");
    assert!(scenario.demand(&["config", "check"], 2).contains("may not give objects to no_member_app"));
    assert_eq!(scenario.backups("unverified").len() + scenario.backups("damaged").len(), 0);
}

#[test]
fn a_proven_dump_is_kept_and_restored_although_the_restore_server_could_not_take_everything() {
    let (database, mut scenario) = shop("proven");
    let url = limited("proven_restores");
    Database::connect(&server().conninfo("postgres")).run("CREATE ROLE proven_app");
    database.run("ALTER TABLE shop.orders OWNER TO proven_app");
    scenario.set("restore", &format!("url = {url:?}"));
    scenario.set("restore", "accept = [{ object = \"TABLE orders\", sqlstate = \"42501\", reason = \"known\" }]");
    let marker = scenario.path("verified-hook");
    scenario.set("hooks", &format!("after_verified = [\"touch\", {:?}]", marker.to_str().unwrap()));
    let said = scenario.demand(&["nightly"], 2);
    let line = "the dump is proven; this restore server differs in: owner";
    assert!(said.contains(line) && said.contains("inconclusive: "), "{said}");
    assert_eq!((scenario.backups("verified").len(), scenario.backups("damaged").len()), (1, 0));
    assert!(marker.exists(), "the hook for verified dumps has not run: {said}");
    let report = scenario.report();
    assert_eq!(report["night"]["dump_verdict"], serde_json::json!({ "is_proven": true, "lacks": ["owner"] }));
    let directory = scenario.path("reports");
    let directory = directory.to_str().unwrap();
    assert!(said_by(&scenario, &["report", "list", directory]).replace("\n  ", " ").contains(line));
    let folder = scenario.nights()[0].join("report.json");
    assert!(said_by(&scenario, &["report", "show", folder.to_str().unwrap()]).contains(line));
    let page = fs::read_to_string(scenario.nights()[0].join("report.html")).unwrap();
    assert!(page.contains(line), "{page}");

    scenario.set("restore", &support::night::text("url", server().conninfo("postgres")));
    let into = server().conninfo("proven_again");
    scenario.demand(&["restore", "--into", &into], 0);
    Database::connect(&server().conninfo("postgres")).run("DROP DATABASE proven_again");
}

/// Of a command that takes no configuration.
fn said_by(scenario: &NightlyScenario, arguments: &[&str]) -> String {
    let output = support::pgwitness().args(arguments).current_dir(scenario.path("")).output().unwrap();
    support::night::said(&output)
}

#[test]
fn event_triggers_write_nothing_into_the_copy() {
    for (name, format, jobs) in [("audited_fd", "directory", 2), ("audited_fc", "custom", 1)] {
        let (database, mut scenario) = shop(name);
        database.run(
            "CREATE TABLE shop.audit (id bigint GENERATED ALWAYS AS IDENTITY, tag text);
             CREATE FUNCTION shop.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
               $$ BEGIN INSERT INTO shop.audit (tag) VALUES (tg_tag); END $$;
             CREATE EVENT TRIGGER audit_ddl ON ddl_command_end EXECUTE FUNCTION shop.note();
             COMMENT ON EVENT TRIGGER audit_ddl IS 'writes a log';
             CREATE MATERIALIZED VIEW shop.totals AS SELECT member, sum(cents) FROM shop.orders GROUP BY 1;
             CREATE INDEX ON shop.totals (member)",
        );
        scenario.set("dump", &format!("format = {format:?}"));
        scenario.set("dump", &format!("jobs = {jobs}"));
        scenario.set("restore", &format!("jobs = {jobs}"));
        scenario.demand(&["nightly"], 0);
    }
}

/// DDL on the restored copy, which its event trigger logs, and then `sql`.
fn logged_in_the_copy(name: &str, sql: &str) -> String {
    format!(
        "\"$REAL/pg_restore\" \"$@\"; code=$?
        DB=$(echo \"$*\" | grep -o 'copy_of_{name}_[0-9a-f]*' | head -1)
        [ -n \"$DB\" ] && \"$REAL/psql\" -X -q -d \"$DB\" -c 'CREATE TABLE shop.passing (i int); DROP TABLE shop.passing; {sql}' >/dev/null
        exit $code"
    )
}

#[test]
fn what_an_event_trigger_wrote_into_the_copy_leaves_the_dump_proven_and_a_damage_of_the_same_table_does_not() {
    let (database, mut world) = shop("logged");
    database.run(
        "CREATE TABLE shop.audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tag text);
         CREATE FUNCTION shop.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
           $$ BEGIN INSERT INTO shop.audit (tag) VALUES (tg_tag); END $$;
         INSERT INTO shop.audit (tag) SELECT 'old' FROM generate_series(1, 5);
         CREATE EVENT TRIGGER audit_ddl ON ddl_command_end EXECUTE FUNCTION shop.note()",
    );
    world.wrap("pg_restore", &logged_in_the_copy("logged", ""));
    let said = world.demand(&["nightly"], 1);
    assert!(said.contains("the dump is proven; this restore server differs in: effect of an event trigger"), "{said}");
    let proven = world.backups("verified");
    assert_eq!(proven.len(), 1);
    for damage in [
        "DELETE FROM shop.audit WHERE id = 3",
        "UPDATE shop.audit SET tag = upper(tag) WHERE id = 3",
        "SELECT setval(pg_get_serial_sequence($$shop.audit$$, $$id$$), 2)",
    ] {
        world.wrap("pg_restore", &logged_in_the_copy("logged", damage));
        let said = world.demand(&["nightly"], 1);
        assert!(said.contains("the dump is not proven: "), "{damage}: {said}");
        assert_eq!(world.backups("verified"), proven, "{damage}");
    }
}

#[test]
fn materialized_views_are_left_alone_when_that_is_asked_for() {
    let (database, mut scenario) = shop("left_views");
    database.run("CREATE MATERIALIZED VIEW shop.totals AS SELECT member, sum(cents) FROM shop.orders GROUP BY 1");
    scenario.set("restore", "materialized_views = \"leave\"");
    let said = scenario.demand(&["nightly"], 0);
    assert!(said.contains("the restored copy has no rows in materialized views (shop.totals)"), "{said}");
}

#[test]
fn rows_left_out_by_a_name_without_a_schema_are_not_in_the_dump() {
    let (database, mut scenario) = shop("left_rows");
    database.run("CREATE TABLE public.sessions (token text); INSERT INTO public.sessions VALUES ('secret-token')");
    scenario.set("dump", "exclude_table_data = [\"sessions\"]");
    scenario.set("dump", "compression = \"0\"");
    scenario.demand(&["nightly"], 0);
    let dump = scenario.path("backups/verified").join(&scenario.backups("verified")[0]).join("dump");
    for file in fs::read_dir(dump).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("secret-token"));
    }
}

#[test]
fn a_tablespace_that_the_restore_server_lacks_is_named_before_the_dump_and_can_be_left_out() {
    let (database, mut scenario) = shop("spaced");
    let other = cluster();
    let place = scenario.path("space");
    fs::create_dir(&place).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::set_permissions(&place, mode).unwrap();
    let owner = Command::new("chown").args(["nobody"]).arg(&place).status().unwrap();
    assert!(owner.success());
    database.run(&format!("CREATE TABLESPACE fast_one LOCATION '{}'", place.display()));
    database.run("ALTER TABLE shop.orders SET TABLESPACE fast_one");
    scenario.set("restore", &support::night::text("url", other.conninfo("postgres")));
    let said = scenario.demand(&["nightly"], 2);
    assert!(said.contains("the source uses the tablespace fast_one, and the restore server"), "{said}");
    assert!(said.contains("set restore.no_tablespaces = true"), "{said}");
    scenario.set("restore", "no_tablespaces = true");
    let said = scenario.demand(&["nightly"], 0);
    assert!(said.contains("restore.no_tablespaces") && said.contains("changed table shop.orders"), "{said}");
    // The directory goes with this test, and the server of the others cannot make a checkpoint without it.
    database.run("ALTER TABLE shop.orders SET TABLESPACE pg_default");
    database.run("DROP TABLESPACE fast_one");
}
