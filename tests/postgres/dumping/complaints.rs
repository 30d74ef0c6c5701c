//! What pg_restore complains of, and dumps that are no longer what pg_dump wrote.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use pgwitness::config::AcceptedError;
use pgwitness::nightly::restoring::{restore, sqlstate_of};

use crate::dumping::scenario::{block, conninfo, copy_of, dumped, restore_order, restored};
use crate::support::{Database, cluster};

#[test]
fn an_owner_that_is_not_there_is_a_complaint_about_the_object() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let source = Database::create(&cluster, "app");
    source.run("CREATE ROLE gone; CREATE TABLE public.t (n int); ALTER TABLE public.t OWNER TO gone");
    source.run("CREATE TABLE public.u (n int); CREATE INDEX i ON public.u (n)");
    let dumped = dumped(&source.conninfo, temp.path());
    source.run("REASSIGN OWNED BY gone TO postgres; DROP ROLE gone");
    copy_of(&source.conninfo, &cluster, "copy");
    let copy = Database::connect(&cluster.conninfo("copy"));

    let result = restored(&dumped.path, &copy.conninfo).unwrap();
    let complaint = result.complaints.first().unwrap().clone();
    let reported = (complaint.object.as_str(), complaint.sqlstate.as_str(), complaint.message.as_str());
    assert_eq!(reported, ("TABLE t", "42704", "role \"gone\" does not exist"));
    assert_eq!((result.complaints.len(), result.unaccepted().count()), (1, 1));

    copy.run("DROP TABLE t, u");
    let accept = [AcceptedError {
        object: "TABLE t".into(),
        sqlstate: "42704".into(),
        reason: "no such role".into(),
        message: None,
    }];
    let info = conninfo(&copy.conninfo);
    let order = pgwitness::nightly::restoring::RestoreOrder { accept: &accept, ..restore_order(&dumped.path, &info) };
    let result = block(restore(&order)).unwrap();
    assert_eq!((result.complaints.len(), result.unaccepted().count()), (1, 0));

    copy.run("DROP TABLE t, u");
    let order = pgwitness::nightly::restoring::RestoreOrder { no_owner: true, ..restore_order(&dumped.path, &info) };
    assert_eq!(block(restore(&order)).unwrap().complaints, vec![]);
}

#[test]
fn an_orphan_that_keeps_a_key_from_coming_back_is_a_complaint() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let source = Database::create(&cluster, "app");
    source.run("CREATE TABLE p (n int PRIMARY KEY); CREATE TABLE c (n int REFERENCES p)");
    source.run("SET session_replication_role = replica; INSERT INTO c VALUES (1)");
    let dumped = dumped(&source.conninfo, temp.path());
    copy_of(&source.conninfo, &cluster, "copy");
    let result = restored(&dumped.path, &cluster.conninfo("copy")).unwrap();
    let reported: Vec<_> = result.unaccepted().map(|one| (one.object.as_str(), one.sqlstate.as_str())).collect();
    assert_eq!(reported, vec![("FK CONSTRAINT c c_n_fkey", "23503")]);
}

#[test]
fn the_codes_that_we_read_from_messages_are_those_of_the_server() {
    let cluster = cluster();
    let server = Database::create(&cluster, "app");
    server.run("CREATE ROLE nobody_much; CREATE SCHEMA s; CREATE TABLE s.t (n int PRIMARY KEY CHECK (n < 9))");
    server.run("CREATE TABLE s.u (n int); INSERT INTO s.u VALUES (1), (1), (10); CREATE TYPE s.ty AS ENUM ()");
    server.run("CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1'");
    let as_nobody = |sql: &str| format!("SET LOCAL ROLE nobody_much; {sql}");
    let wrong = [
        "CREATE SCHEMA s".to_owned(),
        "CREATE TABLE nowhere.t (n int)".into(),
        "CREATE TABLE s.t (n int)".into(),
        "SELECT * FROM t_nowhere".into(),
        "CREATE TYPE s.ty AS ENUM ()".into(),
        "CREATE TABLE s.v (n nowhere)".into(),
        "CREATE EXTENSION plpgsql".into(),
        "COMMENT ON EXTENSION nowhere IS ''".into(),
        "CREATE EXTENSION nowhere".into(),
        "CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1'".into(),
        "SELECT nowhere()".into(),
        "DROP SERVER nowhere".into(),
        "DROP FOREIGN DATA WRAPPER nowhere".into(),
        "DROP EVENT TRIGGER nowhere".into(),
        "DROP PUBLICATION nowhere".into(),
        "DROP SUBSCRIPTION nowhere".into(),
        "DROP ACCESS METHOD nowhere".into(),
        "CREATE INDEX ON s.t (n nowhere)".into(),
        "SELECT 1 OPERATOR(pg_catalog.@@@@) 2".into(),
        "ALTER TABLE s.t OWNER TO nowhere".into(),
        "CREATE TABLE s.v (n int) TABLESPACE nowhere".into(),
        "CREATE FUNCTION s.g() RETURNS int LANGUAGE nowhere AS ''".into(),
        "CREATE TABLE s.v (t text COLLATE nowhere)".into(),
        "SET nowhere = 1".into(),
        "SET datestyle = 'nowhere'".into(),
        "INSERT INTO s.t VALUES (1), (1)".into(),
        "CREATE UNIQUE INDEX i ON s.u (n)".into(),
        "ALTER TABLE s.u ADD FOREIGN KEY (n) REFERENCES s.t".into(),
        "INSERT INTO s.t VALUES (10)".into(),
        "ALTER TABLE s.u ADD CHECK (n < 9)".into(),
        "ALTER TABLE s.t ADD PRIMARY KEY (n)".into(),
        as_nobody("COMMENT ON EXTENSION plpgsql IS ''"),
        as_nobody("CREATE SCHEMA v"),
        as_nobody("COMMENT ON SCHEMA s IS ''"),
    ];
    for sql in wrong {
        let reported = server.try_run(&sql).unwrap_err();
        let (code, message) = reported.split_once(' ').unwrap();
        // The detail follows after a colon; a complaint has it after a semicolon.
        let known = sqlstate_of(message).or_else(|| sqlstate_of(message.split(": ").next().unwrap()));
        assert_eq!(known, Some(code), "{sql}: {message}");
    }
}

fn damaged(dump: &Path, to: &Path, damage: impl Fn(&Path, &Path)) -> PathBuf {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    let mut largest = (0, PathBuf::new());
    for entry in fs::read_dir(dump).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        fs::copy(entry.path(), &target).unwrap();
        let length = entry.metadata().unwrap().len();
        if entry.file_name() != "toc.dat" && length > largest.0 {
            largest = (length, target);
        }
    }
    damage(&to.join("toc.dat"), &largest.1);
    to.to_owned()
}

fn cut(file: &Path) {
    let file = OpenOptions::new().write(true).open(file).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
}

fn flip(file: &Path) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let (mut byte, middle) = ([0], file.metadata().unwrap().len() / 2);
    file.read_exact_at(&mut byte, middle).unwrap();
    file.write_all_at(&[!byte[0]], middle).unwrap();
}

#[test]
fn a_dump_that_is_cut_or_changed_is_one_clear_line() {
    let (cluster, temp) = (cluster(), tempfile::tempdir().unwrap());
    let source = Database::create(&cluster, "app");
    source.run("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 50000) g");
    let dumped = dumped(&source.conninfo, temp.path());
    type Damage = dyn Fn(&Path, &Path);
    let damages: [(&str, &Damage); 5] = [
        ("the contents cut", &|toc, _| cut(toc)),
        ("the rows cut", &|_, rows| cut(rows)),
        ("a byte of the rows", &|_, rows| flip(rows)),
        ("the rows gone", &|_, rows| fs::remove_file(rows).unwrap()),
        ("the contents empty", &|toc, _| fs::write(toc, "").unwrap()),
    ];
    for (number, (name, damage)) in damages.iter().enumerate() {
        let path = damaged(&dumped.path, &temp.path().join("damaged"), damage);
        let copy = copy_of(&source.conninfo, &cluster, &format!("copy{number}"));
        let error = restored(&path, &cluster.conninfo(&copy.database)).unwrap_err();
        eprintln!("{name}: {error} [{}]", error.hint_text().unwrap_or_default());
        assert!(!error.to_string().contains('\n') && error.to_string().starts_with("restore "), "{name}: {error}");
    }
    fs::write(temp.path().join("nonsense"), "nonsense").unwrap();
    let error = restored(&temp.path().join("nonsense"), &cluster.conninfo("copy0")).unwrap_err();
    assert!(error.to_string().ends_with("this is not a PostgreSQL dump"), "{error}");
}
