//! The real servers behind instances, reached as the program reaches them: by the endpoint's name, through the tunnel.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::fake_rds::{FakeRds, FakeRdsOptions, Image, Instance, Life, PasswordChange, Snapshot};
use crate::fake_rds_itself::aws::{Aws, code};
use crate::support::{Database, client_tools};

/// A small club.
fn club() -> Arc<Image> {
    Image::make("club", |database| {
        database.run("CREATE TABLE members (id int PRIMARY KEY, name text NOT NULL)");
        database.run("INSERT INTO members SELECT n, repeat('member ' || n, 20) FROM generate_series(1, 20000) n");
        database.run("CREATE SCHEMA accounts; CREATE TABLE accounts.dues (id int PRIMARY KEY, cents int)");
        database.run("RESET SESSION AUTHORIZATION; CREATE TABLE not_the_master_users (id int)");
    })
}

/// A program of PostgreSQL's own, which verifies by itself whom it talks to.
fn libpq(fake: &FakeRds, program: &str, host: &str, password: &str, arguments: &[&str]) -> Result<String, String> {
    let (address, port) = fake.connect_via().split_once(':').map(|(a, p)| (a.to_owned(), p.to_owned())).unwrap();
    let bundle = fake.ca_bundle().display();
    let conninfo = format!(
        "host={host} hostaddr={address} port={port} user=clubadmin dbname=club sslmode=verify-full sslrootcert={bundle}"
    );
    let mut command = Command::new(client_tools().program(program));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("PGPASSWORD", password);
    let output = command.args(arguments).arg("-d").arg(conninfo).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn ask(fake: &FakeRds, password: &str, sql: &str) -> Result<String, String> {
    let host = "temp-1.c0ffee123456.ap-southeast-2.rds.amazonaws.com";
    libpq(fake, "psql", host, password, &["-XAtqc", sql])
}

/// A fake with a club's snapshot, and `temp-1` made of it, available.
fn restored(life: Life) -> (FakeRds, Aws) {
    let fake = FakeRds::start(FakeRdsOptions { life, ..FakeRdsOptions::default() });
    let production = fake.add_instance(Instance::production("club-prod"));
    let snapshot = fake.add_snapshot(Snapshot::automated(&production, Duration::from_secs(3600), Some(&club())));
    let aws = Aws::of(&fake);
    aws.restore("temp-1", &snapshot.id);
    aws.look_until("temp-1", "available");
    (fake, aws)
}

fn change_password(aws: &Aws, password: &str) {
    let call = aws.rds.modify_db_instance().db_instance_identifier("temp-1");
    aws.wait(call.master_user_password(password).apply_immediately(true).send()).unwrap();
}

#[test]
fn a_whole_life_from_snapshot_to_not_found() {
    let (fake, aws) = restored(Life::default());
    assert!(ask(&fake, "new-password", "SELECT 1").unwrap_err().contains("password authentication failed"));
    change_password(&aws, "new-password");
    assert!(ask(&fake, "new-password", "SELECT 1").is_err(), "the change is only pending");
    (0..3).for_each(|_| drop(aws.look("temp-1").unwrap()));
    assert_eq!(ask(&fake, "new-password", "SELECT count(*) FROM members").unwrap(), "20000");
    assert_eq!(ask(&fake, "new-password", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").unwrap(), "t");
    assert_eq!(ask(&fake, "new-password", "SHOW is_superuser").unwrap(), "off");
    let host = "temp-1.c0ffee123456.ap-southeast-2.rds.amazonaws.com";
    let dump = libpq(&fake, "pg_dump", host, "new-password", &["--no-sync"]).unwrap();
    assert!(dump.contains("CREATE TABLE public.not_the_master_users"), "the master user may read what it does not own");
    let wrong =
        libpq(&fake, "psql", "club-prod.c0ffee123456.rds.amazonaws.com", "new-password", &["-XAtqc", "SELECT 1"]);
    assert!(wrong.unwrap_err().contains("does not match host name"), "the certificate is for the endpoint alone");
    aws.delete("temp-1").unwrap();
    assert!(ask(&fake, "new-password", "SELECT 1").is_err(), "the old password still works");
    (0..2).for_each(|_| drop(aws.look("temp-1").unwrap()));
    assert_eq!(aws.look("temp-1").unwrap_err(), "DBInstanceNotFound");
}

#[test]
fn a_password_can_work_later_than_it_looks() {
    let late = PasswordChange { pending: 0, resetting: 0, late: Duration::from_secs(5) };
    let (fake, aws) = restored(Life { password: late, ..Life::default() });
    change_password(&aws, "new-password");
    assert!(aws.look("temp-1").unwrap().pending_modified_values().unwrap().master_user_password().is_none());
    assert!(ask(&fake, "new-password", "SELECT 1").is_err());
    let works = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        ask(&fake, "new-password", "SELECT 1").is_ok()
    });
    assert!(works);
}

#[test]
fn a_certificate_for_another_name_is_noticed() {
    let (fake, _aws) = restored(Life { certificate_name: Some("else.example".into()), ..Life::default() });
    assert!(ask(&fake, "any-password", "SELECT 1").unwrap_err().contains("does not match host name"));
}

#[test]
fn connections_can_be_cut_and_held_and_counted() {
    let at_once = PasswordChange { pending: 0, resetting: 0, late: Duration::ZERO };
    let (fake, aws) = restored(Life { password: at_once, ..Life::default() });
    change_password(&aws, "new-password");
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let inner = seen.clone();
    fake.on_connection(move |number| inner.lock().unwrap().push(number));
    assert_eq!(ask(&fake, "new-password", "SELECT 1").unwrap(), "1");
    assert_eq!((fake.connections(), seen.lock().unwrap().clone()), (1, vec![1]));
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| ask(&fake, "new-password", "SELECT pg_sleep(60)"));
        let superuser = Database::connect(&fake.conninfo("temp-1", "club").unwrap());
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'";
        while superuser.value(sleeping) == "0" {
            std::thread::sleep(Duration::from_millis(20));
        }
        fake.cut_connections();
        assert!(sleeper.join().unwrap().is_err());
    });
    fake.cut_after(100_000);
    assert!(ask(&fake, "new-password", "SELECT * FROM members").is_err(), "cut in the middle");
    assert!(ask(&fake, "new-password", "SELECT 1").is_err(), "later ones too");
    fake.forward_freely();
    assert_eq!(ask(&fake, "new-password", "SELECT 1").unwrap(), "1");
    fake.hold_connections(true);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| ask(&fake, "new-password", "SELECT 2"));
        std::thread::sleep(Duration::from_millis(500));
        assert!(!held.is_finished());
        fake.hold_connections(false);
        assert_eq!(held.join().unwrap().unwrap(), "2");
    });
}

#[test]
fn two_instances_of_one_snapshot_do_not_share_data() {
    let (fake, aws) = restored(Life::default());
    let snapshot = fake.snapshots().remove(0);
    let first = Database::connect(&fake.conninfo("temp-1", "club").unwrap());
    first.run("DELETE FROM members");
    aws.restore("temp-2", &snapshot.id);
    assert!(fake.conninfo("temp-2", "club").is_none(), "no server before it is available");
    aws.look_until("temp-2", "available");
    let second = Database::connect(&fake.conninfo("temp-2", "club").unwrap());
    assert_eq!(second.value("SELECT count(*) FROM members"), "20000");
    let protected =
        aws.wait(aws.rds.delete_db_instance().db_instance_identifier("club-prod").skip_final_snapshot(true).send());
    assert_eq!(code(&protected.unwrap_err()), "InvalidParameterCombination");
}
