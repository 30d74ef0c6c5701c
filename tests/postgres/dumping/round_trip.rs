//! From a database into a dump, and from the dump into a copy.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pgwitness::base::shared_text::TextPool;
use pgwitness::endpoint::live::{Live, LiveOptions};
use pgwitness::model::hashing::DigestOn;
use pgwitness::model::name::Name;
use pgwitness::model::progress::{Event, Listener, Side, no_listener};
use pgwitness::nightly::dumping::{DumpOrder, GLOBALS, dump, globals};
use pgwitness::nightly::restoring::{
    CopyIdentity, CopyOrder, DatabaseFacts, PropertiesOrder, create_copy, database_facts, drop_copy, restore,
    restore_properties,
};
use pgwitness::postgres::conninfo::ConnInfo;

use crate::dumping::scenario::{block, config, conninfo, copy_of, dumped, order, restore_order, restored};
use crate::support::fixture_database::{FixtureDatabase, compare};
use crate::support::{Database, cluster};

fn properties<'a>(admin: &'a ConnInfo, copy: &'a CopyIdentity, facts: &'a DatabaseFacts) -> PropertiesOrder<'a> {
    let (no_owner, no_privileges) = (false, false);
    PropertiesOrder { admin, copy, facts, no_owner, no_privileges, accept: &[], protected: &[] }
}

#[test]
fn what_was_dumped_of_a_moment_is_the_moment_whatever_is_written_meanwhile() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let club = FixtureDatabase::all().into_iter().find(|fixture| fixture.name == "club").unwrap();
    let (source, reference) = (club.load(&cluster, "club"), club.load(&cluster, "reference"));
    let (done, inserted) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let info = conninfo(&source.conninfo);
        let live = LiveOptions {
            jobs: 2,
            lock_timeout_s: 30,
            assertion_timeout_s: 30,
            stalled_after_s: 600,
            allow_user_functions: false,
            digest_on: DigestOn::Client,
            texts: TextPool::default(),
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let live = runtime.block_on(Live::open(info, live, Side::Expected, String::new())).unwrap();
        scope.spawn(|| {
            let writer = Database::connect(&source.conninfo);
            while !done.load(Ordering::Relaxed) {
                writer
                    .run("INSERT INTO club.events (title, starts_at, fee, seats) VALUES ('late', '2026-01-01', 1, 1)");
                inserted.fetch_add(1, Ordering::Relaxed);
            }
        });
        crate::dumping::scenario::soon("rows after the moment", || inserted.load(Ordering::Relaxed) > 10);
        let config = config();
        let mut order = order(live.server(), temp.path(), &config);
        order.snapshot = Some(live.snapshot());
        let dumped = runtime.block_on(dump(&order, &no_listener()));
        runtime.block_on(live.check_snapshot()).unwrap();
        done.store(true, Ordering::Relaxed);
        assert_eq!(dumped.unwrap().notes, []);
    });
    copy_of(&source.conninfo, &cluster, "copy");
    let result = restored(&temp.path().join("dump"), &cluster.conninfo("copy")).unwrap();
    assert_eq!(result.complaints, vec![]);
    let said = compare(&reference.conninfo, &cluster.conninfo("copy"), &[]);
    // A sequence is of no moment: those of events are later than the rows.
    assert!(said.findings.iter().all(|finding| finding.contains("club.events_id_seq")), "{said}");
    assert!(said.exit.is_some_and(|exit| exit < 2) && said.unchecked.is_empty(), "{said}");
}

#[test]
fn every_fixture_database_comes_back_with_what_its_database_is_set_to() {
    let cluster = cluster();
    let server = Database::connect(&cluster.conninfo("postgres"));
    for (number, fixture) in FixtureDatabase::all_on(&server).into_iter().enumerate() {
        let temp = tempfile::tempdir().unwrap();
        let source = fixture.load(&cluster, &format!("source {number}"));
        fixture.add_settings(&source);
        source.run(&format!("COMMENT ON DATABASE \"source {number}\" IS 'it''s \\ mine'"));
        source.run(&format!("ALTER DATABASE \"source {number}\" SET search_path = \"$user\", 'a b', public"));
        source.run(&format!("GRANT CREATE ON DATABASE \"source {number}\" TO PUBLIC"));
        source.run(&format!("ALTER DATABASE \"source {number}\" CONNECTION LIMIT 50"));
        dumped(&source.conninfo, temp.path());
        let copy = copy_of(&source.conninfo, &cluster, &format!("copy {number}"));
        let there = cluster.conninfo(&copy.database);
        let result = restored(&temp.path().join("dump"), &there).unwrap();
        assert_eq!(result.complaints, vec![], "{}", fixture.name);
        let (info, admin) = (conninfo(&source.conninfo), conninfo(&cluster.conninfo("postgres")));
        let refused = block(async {
            let facts = database_facts(&info).await.unwrap();
            restore_properties(&properties(&admin, &copy, &facts)).await.unwrap()
        });
        assert_eq!(refused, vec![], "{}", fixture.name);
        let said = compare(&source.conninfo, &there, &fixture.checks());
        assert!(said.is_sound(), "{}: {said}", fixture.name);
    }
}

#[test]
fn a_role_that_is_not_a_superuser_can_restore_its_own_objects() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let source = Database::create(&cluster, "app");
    source.run("CREATE ROLE boss; CREATE ROLE carol LOGIN CREATEDB; DROP EXTENSION plpgsql");
    source.run("CREATE EXTENSION plpgsql; COMMENT ON EXTENSION plpgsql IS 'ours'");
    source.run(
        "CREATE TABLE t (n int); INSERT INTO t VALUES (7); ALTER TABLE t OWNER TO boss; GRANT SELECT ON t TO boss",
    );
    let dumped = dumped(&source.conninfo, temp.path());
    let admin = conninfo(&format!("{} user=carol", cluster.conninfo("postgres")));
    let copy = block(async {
        let facts = database_facts(&conninfo(&source.conninfo)).await.unwrap();
        let order =
            CopyOrder { admin: &admin, database: "carols", owner: Some("carol"), facts: &facts, protected: &[] };
        create_copy(&order).await.unwrap()
    });
    let there = conninfo(&format!("{} user=carol", cluster.conninfo("carols")));
    let mut order = restore_order(&dumped.path, &there);
    (order.no_owner, order.no_privileges, order.role) = (true, true, Some("carol"));
    let result = block(restore(&order)).unwrap();
    assert_eq!(result.unaccepted().count(), 0, "{result:?}");
    let objects: Vec<&str> = result.complaints.iter().map(|complaint| complaint.object.as_str()).collect();
    assert_eq!(objects, ["COMMENT EXTENSION plpgsql"]);
    let here = Database::connect(&cluster.conninfo("carols"));
    assert_eq!(here.value("SELECT tableowner || (SELECT n FROM t) FROM pg_tables WHERE tablename = 't'"), "carol7");
    drop(here);
    assert!(block(drop_copy(&admin, &copy, &[])).unwrap());
}

#[test]
fn a_setting_for_a_role_that_is_not_there_is_a_complaint_with_its_code() {
    let cluster = cluster();
    let source = Database::create(&cluster, "app");
    source.run("CREATE ROLE gone; ALTER ROLE gone IN DATABASE app SET work_mem = '1MB'");
    source.run("ALTER DATABASE app SET search_path = \"a b\", public; ALTER DATABASE app SET work_mem = '2MB'");
    let copy = copy_of(&source.conninfo, &cluster, "copy");
    let (info, admin) = (conninfo(&source.conninfo), conninfo(&cluster.conninfo("postgres")));
    let facts = block(database_facts(&info)).unwrap();
    source.run("DROP ROLE gone");
    let complaints = block(restore_properties(&properties(&admin, &copy, &facts))).unwrap();
    let reported: Vec<_> = complaints.iter().map(|one| (one.object.as_str(), one.sqlstate.as_str())).collect();
    assert_eq!(reported, [("DATABASE PROPERTIES work_mem", "42704")]);
    let here = Database::connect(&cluster.conninfo("copy"));
    assert_eq!(here.value("SHOW search_path") + &here.value("SHOW work_mem"), "\"a b\", public2MB");
}

#[test]
fn tables_whose_rows_are_left_out_are_those_that_were_named_and_no_others() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let source = Database::create(&cluster, "it's \"odd\" = \\ here");
    let hostile = r#""a "" b; -- .*""#;
    source.run(&format!("CREATE TABLE public.{hostile} (n int); INSERT INTO public.{hostile} VALUES (1)"));
    source.run("CREATE TABLE public.a (n int); INSERT INTO public.a VALUES (1)");
    source.run("CREATE TABLE public.mail_in (n int); INSERT INTO public.mail_in VALUES (1)");
    let info = conninfo(&source.conninfo);
    let mut config = config();
    config.compression = Some("0".into());
    let without_rows = [Name::new("public", r#"a " b; -- .*"#), Name::new("public", "mail_in")];
    let order = DumpOrder { without_rows: &without_rows, ..order(&info, temp.path(), &config) };
    block(dump(&order, &no_listener())).unwrap();
    copy_of(&source.conninfo, &cluster, "copy");
    restored(&temp.path().join("dump"), &cluster.conninfo("copy")).unwrap();
    let copy = Database::connect(&cluster.conninfo("copy"));
    let counts = format!(
        "SELECT concat_ws(' ', (SELECT count(*) FROM public.{hostile}), (SELECT count(*) FROM public.a), \
         (SELECT count(*) FROM public.mail_in))"
    );
    assert_eq!(copy.value(&counts), "0 1 0");
}

#[test]
fn what_was_written_is_told_and_listed() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let source = Database::create(&cluster, "app");
    source.run("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 50000) g");
    let reported = Arc::new(AtomicU64::new(0));
    let listener: Listener = {
        let reported = Arc::clone(&reported);
        Arc::new(move |event| {
            if let Event::Written { bytes } = event {
                reported.fetch_add(bytes, Ordering::Relaxed);
            }
        })
    };
    let (info, config) = (conninfo(&source.conninfo), config());
    let dumped = block(dump(&order(&info, temp.path(), &config), &listener)).unwrap();
    let names: Vec<&str> = dumped.files.iter().map(|(path, _)| path.to_str().unwrap()).collect();
    assert!(names.contains(&"dump/toc.dat") && names.iter().all(|name| name.starts_with("dump/")), "{names:?}");
    assert_eq!(reported.load(Ordering::Relaxed), dumped.bytes);
    assert!(dumped.bytes > 100_000, "{dumped:?}");
    let again = block(dump(&order(&info, temp.path(), &config), &no_listener())).unwrap_err();
    assert!(again.to_string().ends_with("dump exists already"), "{again}");
}

#[test]
fn a_dump_may_be_one_file() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let source = Database::create(&cluster, "app");
    source.run("CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
    let (info, mut config) = (conninfo(&source.conninfo), config());
    config.format = pgwitness::config::DumpFormat::Custom;
    let dumped = block(dump(&order(&info, temp.path(), &config), &no_listener())).unwrap();
    assert_eq!((dumped.files.len(), dumped.files[0].1), (1, dumped.bytes));
    assert_eq!(std::fs::metadata(&dumped.path).unwrap().mode() & 0o777, 0o600);
    copy_of(&source.conninfo, &cluster, "copy");
    restored(&dumped.path, &cluster.conninfo("copy")).unwrap();
    assert_eq!(Database::connect(&cluster.conninfo("copy")).value("SELECT n FROM t"), "7");
}

#[test]
fn roles_are_kept_without_their_passwords() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let server = Database::connect(&cluster.conninfo("postgres"));
    server.run("CREATE ROLE keeper LOGIN PASSWORD 'very secret'");
    server.run("CREATE DATABASE app");
    let (info, config) = (conninfo(&cluster.conninfo("app")), config());
    block(globals(&order(&info, temp.path(), &config))).unwrap();
    let text = std::fs::read_to_string(temp.path().join(GLOBALS)).unwrap();
    assert_eq!(std::fs::metadata(temp.path().join(GLOBALS)).unwrap().mode() & 0o777, 0o600);
    assert!(text.contains("CREATE ROLE keeper") && !text.contains("PASSWORD") && !text.contains("SCRAM"), "{text}");
}

#[test]
fn a_database_whose_name_is_a_connection_string_leads_nowhere_else() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let server = Database::connect(&cluster.conninfo("postgres"));
    let name = "host=127.0.0.1 port=1 user=thief dbname=elsewhere";
    server.run("CREATE ROLE keeper");
    server.run(&format!("CREATE DATABASE \"{name}\""));
    let info = conninfo(&cluster.conninfo(name));
    let config = config();
    let order = order(&info, temp.path(), &config);
    block(globals(&order)).unwrap();
    let text = std::fs::read_to_string(temp.path().join(GLOBALS)).unwrap();
    assert!(text.contains("CREATE ROLE keeper"), "{text}");
    block(dump(&order, &no_listener())).unwrap();
}
