//! What a restore server cannot create is no damage of the dump: cause, accept entry and waiver are in the report, and lead to a
//! sound night. Rows that it could not take are never given up.

use std::fs;

use serde_json::Value;

use super::support::Database;
use super::support::night::NightlyScenario;
use super::{limited, server, shop};

/// A night whose restore role may make databases and no more.
fn night(name: &str, sql: &str) -> (Database, NightlyScenario) {
    let (database, mut scenario) = shop(name);
    database.run(sql);
    let url = limited(&format!("{name}_restores"));
    scenario.set("restore", &format!("url = {url:?}"));
    for line in ["no_owner = true", "no_privileges = true", "jobs = 1"] {
        scenario.set("restore", line);
    }
    (database, scenario)
}

/// Lines of every finding's detail from each of these on, as they would be copied into a file.
fn blocks(report: &Value, start: &str) -> String {
    let mut text = String::new();
    for finding in report["findings"].as_array().unwrap() {
        let detail = finding["detail"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
        let mut is_inside = false;
        for line in detail {
            is_inside = line == start || (is_inside && line.contains(" = "));
            if is_inside {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

/// The second night, with everything that the first has printed.
fn demand_sound(scenario: &mut NightlyScenario, report: &Value) {
    let entries: toml::Table = blocks(report, "[[restore.accept]]").parse().unwrap();
    let entries = entries["restore"]["accept"].as_array().unwrap();
    let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
    scenario.set("restore", &format!("accept = [{}]", entries.join(", ")));
    let waivers = scenario.path("waivers.toml");
    fs::write(&waivers, blocks(report, "[[waiver]]")).unwrap();
    scenario.set("verify", &super::support::night::text("waivers", &waivers));
    scenario.demand(&["nightly"], 0);
}

const OF_SUPERUSER: &str = "CREATE FUNCTION shop.note() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
    CREATE EVENT TRIGGER \"Audit\" ON ddl_command_end EXECUTE FUNCTION shop.note();
    COMMENT ON EVENT TRIGGER \"Audit\" IS 'writes a log';
    CREATE FOREIGN DATA WRAPPER files;
    CREATE SERVER away FOREIGN DATA WRAPPER files;
    CREATE USER MAPPING FOR PUBLIC SERVER away;
    CREATE FOREIGN TABLE shop.far (id int) SERVER away;
    CREATE VIEW shop.farther AS SELECT id FROM shop.far;
    CREATE PUBLICATION everything FOR ALL TABLES;
    ALTER DATABASE refused SET log_min_duration_statement = 100;
    CREATE FUNCTION shop.secret(a int, text) RETURNS int LEAKPROOF LANGUAGE sql AS 'SELECT a';
    CREATE TYPE shop.box; CREATE FUNCTION shop.box_in(cstring) RETURNS shop.box LANGUAGE internal IMMUTABLE STRICT AS 'textin';";

#[test]
fn what_only_a_superuser_may_create_is_no_damage_and_what_is_printed_makes_the_next_night_sound() {
    let (_database, mut scenario) = night("refused", OF_SUPERUSER);
    let said = scenario.demand(&["nightly"], 1);
    let line = "the dump is proven; this restore server differs in: object that only a superuser may create";
    assert!(said.contains(line), "{said}");
    assert_eq!((scenario.backups("verified").len(), scenario.backups("damaged").len()), (1, 0));
    let report = scenario.report();
    let found: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|finding| finding["object"].as_str().unwrap()).collect();
    assert!(found.contains(&"event_trigger \"Audit\"") && found.contains(&"view shop.farther"), "{found:?}");
    demand_sound(&mut scenario, &report);
}

/// An untrusted extension with a function that a view calls, and with a table whose rows a dump carries.
const OF_EXTENSION: &str = "CREATE EXTENSION dblink SCHEMA shop;
    CREATE VIEW shop.links AS SELECT shop.dblink_get_connections();
    CREATE TABLE shop.config (k int PRIMARY KEY); INSERT INTO shop.config VALUES (1), (2);
    ALTER EXTENSION dblink ADD TABLE shop.config;
    UPDATE pg_catalog.pg_extension SET extconfig = ARRAY['shop.config'::regclass::oid], extcondition = ARRAY['']
     WHERE extname = 'dblink';";

#[test]
fn an_extension_that_the_restore_server_refuses_is_no_damage_but_a_table_of_its_types_is() {
    let (database, mut scenario) = night("unextended", OF_EXTENSION);
    let said = scenario.demand(&["nightly"], 1);
    assert!(said.contains("this restore server differs in: extension that it cannot create"), "{said}");
    assert_eq!((scenario.backups("verified").len(), scenario.backups("damaged").len()), (1, 0));
    let report = scenario.report();
    demand_sound(&mut scenario, &report);

    database.run("CREATE TABLE shop.keys (k shop.dblink_pkey_results)");
    let said = scenario.demand(&["nightly"], 1);
    assert!(said.contains("the dump is not proven: missing table shop.keys"), "{said}");
    assert_eq!(scenario.backups("damaged").len(), 1);
}

#[test]
fn every_problem_of_the_restore_server_is_named_in_one_run() {
    let (database, mut scenario) = night("lacking", "CREATE EXTENSION dblink");
    let other = super::support::cluster();
    Database::connect(&server().conninfo("postgres")).run("CREATE ROLE lacking_app");
    database.run("ALTER TABLE shop.orders OWNER TO lacking_app");
    database.run("UPDATE pg_catalog.pg_extension SET extname = 'nowhere' WHERE extname = 'dblink'");
    Database::connect(&other.conninfo("postgres")).run("CREATE ROLE weak LOGIN CREATEDB");
    let url = other.conninfo("postgres").replace("user='postgres'", "user='weak'");
    scenario.set("restore", &format!("url = {url:?}"));
    scenario.set("restore", "no_owner = false");
    let said = scenario.demand(&["nightly"], 2);
    for words in [
        "3 problems: the source uses the extension nowhere",
        "the role lacking_app, and the restore server",
        "weak may not give objects to postgres",
        "set restore.no_owner = true (owners are then not compared)",
        "object = \"EXTENSION nowhere\"",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(scenario.backups("unverified").len() + scenario.backups("damaged").len(), 0);
}
