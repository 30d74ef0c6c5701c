//! The database that gets the copy: nothing else is ever touched.

use pgwitness::nightly::restoring::{
    CopyOrder, DatabaseFacts, create_copy, database_facts, drop_copy, find_copy, rename_copy, wait_for_creation,
};
use pgwitness::postgres::server::ClusterOptions;

use crate::dumping::scenario::{block, conninfo, copy_of};
use crate::support::{Database, cluster, cluster_with};

fn made(admin: &str, database: &str, facts: &DatabaseFacts, protected: &[String]) -> Result<(), String> {
    let admin = conninfo(admin);
    let order = CopyOrder { admin: &admin, database, owner: None, facts, protected };
    block(create_copy(&order)).map(drop).map_err(|error| error.to_string())
}

#[test]
fn a_copy_is_created_as_the_source_was_whatever_the_server_would_do() {
    let cluster = cluster();
    let server = Database::connect(&cluster.conninfo("postgres"));
    server.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
    copy_of(&cluster.conninfo("latin"), &cluster, "copy");
    let facts = |name: &str| block(database_facts(&conninfo(&cluster.conninfo(name)))).unwrap();
    assert_eq!(facts("copy"), facts("latin"));
    assert_eq!((facts("copy").encoding.as_str(), facts("copy").lc_collate.as_str()), ("LATIN1", "C"));
}

#[test]
fn a_locale_of_icu_is_kept_and_one_that_is_not_there_is_named() {
    let cluster = cluster();
    let server = Database::connect(&cluster.conninfo("postgres"));
    let icu =
        "CREATE DATABASE icu TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de-AT' ENCODING 'UTF8' LOCALE 'C'";
    match server.try_run(icu) {
        Ok(()) => {
            copy_of(&cluster.conninfo("icu"), &cluster, "copy");
            let locale = "SELECT to_jsonb(d) ->> 'daticulocale' FROM pg_database d WHERE datname = 'copy'";
            let locale_17 = "SELECT to_jsonb(d) ->> 'datlocale' FROM pg_database d WHERE datname = 'copy'";
            let found = [locale, locale_17].map(|sql| server.query(sql)[0][0].clone());
            assert!(found.contains(&Some("de-AT".to_owned())), "{found:?}");
        }
        Err(error) => eprintln!("skipped: no ICU here: {error}"),
    }
    let mut facts = block(database_facts(&conninfo(&cluster.conninfo("postgres")))).unwrap();
    facts.lc_collate = "xx_NOWHERE.UTF-8".into();
    let error = made(&cluster.conninfo("postgres"), "other", &facts, &[]).unwrap_err();
    assert!(error.contains("xx_NOWHERE.UTF-8") && error.contains("the source has encoding"), "{error}");
}

#[test]
fn an_existing_or_protected_database_is_refused() {
    let cluster = cluster();
    let admin = cluster.conninfo("postgres");
    let facts = block(database_facts(&conninfo(&admin))).unwrap();
    let kept = Database::create(&cluster, "kept");
    kept.run("CREATE TABLE t (n int)");
    let error = made(&admin, "kept", &facts, &[]).unwrap_err();
    assert!(error.ends_with("database \"kept\" exists already"), "{error}");
    for name in ["postgres", "template1", "cobalt", "", &"x".repeat(64)] {
        assert!(made(&admin, name, &facts, &["cobalt".into()]).is_err(), "{name:?}");
    }
    assert_eq!(kept.value("SELECT count(*) FROM t"), "0");
}

#[test]
fn a_copy_is_dropped_with_the_sessions_in_it() {
    let cluster = cluster();
    let admin = conninfo(&cluster.conninfo("postgres"));
    let copy = copy_of(&cluster.conninfo("postgres"), &cluster, "it's \"mine\"");
    let _busy = Database::connect(&cluster.conninfo(&copy.database));
    assert!(block(drop_copy(&admin, &copy, &[])).unwrap());
    assert!(!block(drop_copy(&admin, &copy, &[])).unwrap(), "there is nothing left to drop");
}

/// A role that may not end the sessions of others, as autovacuum's: WITH (FORCE) fails for it as long as there is one.
#[test]
fn a_busy_copy_is_dropped_plainly_first_and_again_until_it_is_free() {
    let settings = vec![("log_statement".to_owned(), "ddl".to_owned())];
    let cluster = cluster_with(ClusterOptions { settings, ..ClusterOptions::default() });
    let server = Database::connect(&cluster.conninfo("postgres"));
    server.run("CREATE ROLE plain LOGIN CREATEDB");
    let admin = conninfo(&cluster.conninfo("postgres").replace("user='postgres'", "user='plain'"));
    let facts = block(database_facts(&admin)).unwrap();
    let order = CopyOrder { admin: &admin, database: "copy", owner: None, facts: &facts, protected: &[] };
    let copy = block(create_copy(&order)).unwrap();
    let busy = Database::connect(&cluster.conninfo("copy"));
    let log = || std::fs::read_to_string(cluster.data_dir().parent().unwrap().join("log")).unwrap();
    let drops = || {
        log().lines().filter(|line| line.contains("statement: DROP DATABASE")).map(str::to_owned).collect::<Vec<_>>()
    };
    let refused = || {
        log().contains("must be a superuser to terminate superuser process")
            || log().contains("permission denied to terminate process")
    };
    std::thread::scope(|scope| {
        let dropping = scope.spawn(|| block(drop_copy(&admin, &copy, &[])));
        crate::dumping::scenario::soon("the server refuses to end the session", refused);
        drop(busy);
        assert!(dropping.join().unwrap().unwrap());
    });
    let drops = drops();
    let is_forced: Vec<bool> = drops.iter().map(|line| line.contains("FORCE")).collect();
    assert_eq!(is_forced[..3], [false, true, false], "{drops:?}");
    assert_eq!(block(find_copy(&admin, "copy")).unwrap(), None);
}

#[test]
fn what_is_not_the_very_database_that_was_made_is_never_dropped() {
    let (cluster, other) = (cluster(), cluster_with(ClusterOptions { templates: None, ..ClusterOptions::default() }));
    let _ = &other;
    let admin = conninfo(&cluster.conninfo("postgres"));
    let server = Database::connect(&cluster.conninfo("postgres"));
    let copy = copy_of(&cluster.conninfo("postgres"), &cluster, "copy");
    let refused = |copy, protected: &[String]| block(drop_copy(&admin, copy, protected)).unwrap_err().to_string();

    assert!(refused(&copy, &["copy".into()]).ends_with("it is protected"));
    let elsewhere = pgwitness::nightly::restoring::CopyIdentity { system_identifier: "1".into(), ..copy.clone() };
    assert!(refused(&elsewhere, &[]).contains("the copy was made on 1"));
    server.run("DROP DATABASE copy");
    server.run("CREATE DATABASE copy");
    assert!(refused(&copy, &[]).contains("it is not the copy that was made"));

    let now = block(find_copy(&admin, "copy")).unwrap().unwrap();
    assert_ne!(now.oid, copy.oid);
    server.run("ALTER DATABASE copy RENAME TO precious");
    assert!(refused(&now, &[]).ends_with("the copy is now called \"precious\""));
    let postgres = block(find_copy(&admin, "postgres")).unwrap().unwrap();
    assert!(refused(&postgres, &[]).ends_with("it belongs to the server"));
    assert_eq!(server.value("SELECT count(*) FROM pg_database WHERE datname IN ('precious', 'postgres')"), "2");
}

#[test]
fn a_copy_gets_its_final_name_only_if_that_is_free() {
    let cluster = cluster();
    let admin = conninfo(&cluster.conninfo("postgres"));
    let copy = copy_of(&cluster.conninfo("postgres"), &cluster, "copy_1");
    Database::create(&cluster, "taken");
    let error = block(rename_copy(&admin, &copy, "taken", &[])).unwrap_err();
    assert!(error.to_string().ends_with("database \"taken\" exists already"), "{error}");
    let renamed = block(rename_copy(&admin, &copy, "final", &[])).unwrap();
    assert_eq!((renamed.database.as_str(), renamed.oid), ("final", copy.oid));
    assert!(block(drop_copy(&admin, &renamed, &[])).unwrap());
}

#[test]
fn a_database_that_is_still_being_created_for_a_lost_session_is_waited_for() {
    let cluster = cluster();
    let server = Database::connect(&cluster.conninfo("postgres"));
    let admin = conninfo(&cluster.conninfo("postgres"));
    let facts = block(database_facts(&admin)).unwrap();
    // template0 cannot be copied before this is over.
    server.run("BEGIN");
    server.run("COMMENT ON DATABASE template0 IS 'held'");
    let order = CopyOrder { admin: &admin, database: "late copy", owner: None, facts: &facts, protected: &[] };
    let (sender, waits) = tokio::sync::oneshot::channel();
    let watcher = Database::connect(&cluster.conninfo("postgres"));
    std::thread::spawn(move || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE \"late copy\"%' AND wait_event_type = 'Lock'";
        while watcher.value(waiting) == "0" {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        sender.send(()).unwrap();
    });
    block(async {
        tokio::select! {
            created = create_copy(&order) => panic!("{created:?}"),
            given_up = waits => given_up.unwrap(),
        }
    });
    assert_eq!(block(find_copy(&admin, "late copy")).unwrap(), None, "not yet");
    let release = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(700));
        server.run("COMMIT");
    });
    block(wait_for_creation(&admin, "late copy")).unwrap();
    assert!(block(find_copy(&admin, "late copy")).unwrap().is_some());
    block(wait_for_creation(&admin, "another")).unwrap();
    release.join().unwrap();
}
