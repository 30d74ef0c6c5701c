//! Connections get lost, servers stop, people press Ctrl-C.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use pgwitness::postgres::server::ClusterOptions;

use crate::no_false_sound::scenario::{Pair, lock, ours, start, until};
use crate::support;

/// Large enough not to fit into the buffers of a socket.
const TABLES: &str = "CREATE TABLE big (id int PRIMARY KEY, word text); \
    INSERT INTO big SELECT n, repeat(n::text, 50) FROM generate_series(1, 30000) n; \
    CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (1), (2); ANALYZE";

#[test]
fn a_lost_session_is_replaced_and_its_range_is_read_again() {
    let pair = Pair::new(TABLES);
    let running = pair.caught_sending(&pair.actual, "big", &["--jobs", "2"]);
    pair.terminate(&pair.actual, "query LIKE 'COPY%big%'");
    running.signal("CONT");
    let said = running.end();
    said.is(0, &["sound", "30,002", "read actual again, the connection was lost"]);
    assert!(!said.out.contains("again"), "a notice is not a result: {said}");
}

#[test]
fn damage_is_found_also_by_a_session_that_was_replaced() {
    let pair = Pair::new(TABLES);
    pair.actual.run("UPDATE big SET word = 'other' WHERE id = 29999");
    let running = pair.caught_sending(&pair.actual, "big", &["--jobs", "2"]);
    pair.terminate(&pair.actual, "query LIKE 'COPY%big%'");
    running.signal("CONT");
    running.end().is(1, &["big", "29999"]);
}

#[test]
fn without_its_moment_a_lost_range_stays_unread() {
    let pair = Pair::new(TABLES);
    let running = pair.caught_sending(&pair.expected, "big", &["--jobs", "1"]);
    pair.terminate(&pair.expected, "HOLDER OR query LIKE 'COPY%big%'");
    running.signal("CONT");
    running.end().is(2, &["rows public.big", "the session that held the snapshot was lost", "inconclusive"]);
}

#[test]
fn a_session_in_the_moment_goes_on_without_its_holder() {
    let pair = Pair::new(TABLES);
    let running = pair.caught_sending(&pair.expected, "big", &["--jobs", "1"]);
    pair.terminate(&pair.expected, "HOLDER");
    running.signal("CONT");
    running.end().is(0, &["sound"]);
}

#[test]
fn all_sessions_lost_is_no_verdict() {
    let pair = Pair::new(TABLES);
    let running = pair.caught_sending(&pair.expected, "big", &["--jobs", "2"]);
    pair.terminate(&pair.expected, "true");
    running.signal("CONT");
    running.end().is(2, &["terminating connection due to administrator command"]);
}

#[test]
fn a_server_that_stops_in_the_middle_is_no_verdict() {
    for restarts in [false, true] {
        let pair = Pair::on(Arc::new(support::cluster()), TABLES);
        let other = Pair::new(TABLES);
        let locked = lock(&pair.actual, "big");
        let running = start(&["compare", &other.expected.conninfo, &pair.actual.conninfo]);
        let waits = format!("{} AND wait_event_type = 'Lock'", ours(&pair.actual));
        until("the table is being waited for", || pair.count(&waits) > 0);
        running.signal("STOP");
        drop(locked);
        match restarts {
            false => drop(pair),
            true => pair.server.restart().unwrap(),
        }
        running.signal("CONT");
        running.end().is(2, &["actual"]);
    }
}

#[test]
fn a_cancelled_scan_is_unchecked() {
    let pair = Pair::new(TABLES);
    let running = pair.caught_sending(&pair.actual, "big", &[]);
    let sessions = ours(&pair.actual);
    let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'COPY%big%' AND";
    assert_eq!(pair.actual.value(&format!("{cancel} {sessions}")), "1");
    running.signal("CONT");
    running.end().is(2, &["rows public.big", "canceling statement due to user request", "small"]);
}

#[test]
fn ctrl_c_ends_everything_and_leaves_nothing() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let pair = Pair::new(TABLES);
        let reports = tempfile::tempdir().unwrap();
        let locked = lock(&pair.actual, "big");
        let running = pair.start(&["--report", reports.path().to_str().unwrap()]);
        until("it waits", || pair.count(&format!("{} AND wait_event_type = 'Lock'", ours(&pair.actual))) > 0);
        assert_eq!(fs::read_dir(reports.path()).unwrap().count(), 1);
        running.signal(signal);
        running.end().is(code, &["interrupted"]);
        assert_eq!(fs::read_dir(reports.path()).unwrap().count(), 0, "half a report");
        // The server notices at the next interval, not only when the lock is free.
        until("the sessions are gone", || pair.count(&ours(&pair.actual)) + pair.count(&ours(&pair.expected)) == 0);
        drop(locked);
    }
}

#[test]
fn fewer_sessions_than_asked_for_do_the_same_work_and_it_is_said() {
    let pair = Pair::new(TABLES);
    let role = pair.role("GRANT SELECT ON ALL TABLES IN SCHEMA public TO ROLE");
    // Two sides, and on each the session that holds the snapshot, and its workers.
    pair.expected.run(&format!("ALTER ROLE {role} CONNECTION LIMIT 5"));
    pair.compare_as(&role, &["--jobs", "8"]).is(0, &["sound", "going on with", "too many connections"]);
    pair.expected.run(&format!("ALTER ROLE {role} CONNECTION LIMIT 2"));
    pair.compare_as(&role, &["--jobs", "8"]).is_error(&["too many connections"]);
}

#[test]
fn time_limits_of_a_role_or_a_database_do_not_reach_us() {
    let pair = Pair::new(TABLES);
    let role = pair.role("GRANT SELECT ON ALL TABLES IN SCHEMA public TO ROLE");
    let limits =
        ["statement_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout"];
    for limit in limits {
        if pair.expected.value(&format!("SELECT count(*) FROM pg_settings WHERE name = '{limit}'")) == "1" {
            pair.expected.run(&format!("ALTER ROLE {role} SET {limit} = '700ms'"));
        }
    }
    let locked = lock(&pair.actual, "big");
    let conninfo = |side: &support::Database| side.conninfo.replace("user='postgres'", &format!("user='{role}'"));
    let running = start(&["compare", &conninfo(&pair.expected), &conninfo(&pair.actual), "--jobs", "2"]);
    until("it waits", || pair.count(&format!("{} AND wait_event_type = 'Lock'", ours(&pair.actual))) > 0);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    drop(locked);
    running.end().is(0, &["sound"]);
}

/// Passes on what the server says, message by message; of its counts of copied rows, each has another last digit.
fn miscount(mut server: TcpStream, mut client: TcpStream) {
    let mut header = [0; 5];
    while server.read_exact(&mut header).is_ok() {
        let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        let mut payload = vec![0; length as usize - 4];
        server.read_exact(&mut payload).unwrap();
        if header[0] == b'C' && payload.starts_with(b"COPY ") {
            let last = payload.len() - 2;
            payload[last] = if payload[last] == b'9' { b'0' } else { payload[last] + 1 };
        }
        if client.write_all(&[&header[..], &payload].concat()).is_err() {
            break;
        }
    }
}

/// A way to the server through [`miscount`]. Returns its port.
fn miscounting(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (mut asks, mut hears) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut asks, &mut hears));
            std::thread::spawn(move || miscount(server, client));
        }
    });
    own
}

#[test]
fn rows_of_which_the_server_counts_another_number_are_unchecked_in_large_and_small_tables() {
    let server = Arc::new(support::cluster_with(ClusterOptions { tcp: true, ..ClusterOptions::default() }));
    let pair = Pair::on(server, TABLES);
    let name = pair.actual.value("SELECT current_database()");
    let straight = format!("{} sslmode=disable", pair.server.tcp_conninfo(&name).unwrap());
    let port = pair.server.port();
    let bent = straight.replace(&format!("port='{port}'"), &format!("port='{}'", miscounting(port)));
    assert_ne!(straight, bent);
    // In parts, as a whole, and among others in one question.
    for jobs in ["1", "3"] {
        start(&["compare", &pair.expected.conninfo, &straight, "--jobs", jobs]).end().is(0, &["sound"]);
        let said = start(&["compare", &pair.expected.conninfo, &bent, "--jobs", jobs]).end();
        let counts = ["the server reported 30001 rows, but 30000 arrived", "the server reported 3 rows, but 2 arrived"];
        said.is(2, &["rows public.big", "rows public.small", counts[0], counts[1], "inconclusive"]);
    }
}

/// A session of the server that is stopped (SIGSTOP): the connection stays open, and nothing comes. It goes on when dropped.
struct Silenced(String);

impl Silenced {
    fn session(side: &support::Database, condition: &str) -> Self {
        let sql = format!("SELECT pid FROM pg_stat_activity WHERE {} AND {condition} LIMIT 1", ours(side));
        let silenced = Self(side.value(&sql));
        silenced.signal("STOP");
        silenced
    }

    fn signal(&self, name: &str) {
        let command = format!("kill -s {name} {}", self.0);
        assert!(std::process::Command::new("sh").args(["-c", &command]).status().unwrap().success());
    }
}

impl Drop for Silenced {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}

#[test]
fn a_server_that_goes_silent_in_the_middle_of_a_table_is_given_up_and_the_table_is_unchecked() {
    let pair = Pair::new(TABLES);
    let running = pair.caught_sending(&pair.actual, "big", &["--jobs", "1", "--stalled-after", "6"]);
    let silenced = Silenced::session(&pair.actual, "query LIKE 'COPY%big%'");
    running.signal("CONT");
    let said = running.end();
    drop(silenced);
    said.is(2, &["rows public.big", "nothing came from the server for 6 s"]);
}

#[test]
fn a_server_that_goes_silent_while_it_is_asked_is_given_up() {
    let pair = Pair::new(TABLES);
    let locked = lock(&pair.actual, "big");
    let running = pair.start(&["--jobs", "1", "--stalled-after", "6"]);
    let waits = format!("{} AND wait_event_type = 'Lock'", ours(&pair.actual));
    until("the table is being waited for", || pair.count(&waits) > 0);
    let silenced = Silenced::session(&pair.actual, "wait_event_type = 'Lock'");
    drop(locked);
    let said = running.end();
    drop(silenced);
    said.is(2, &["rows public.big", "nothing came from the server for 6 s"]);
}

#[test]
fn a_locked_table_is_unchecked_and_the_others_are_compared() {
    let pair = Pair::new(TABLES);
    let locked = lock(&pair.actual, "big");
    let said = pair.compare(&["--lock-timeout", "1", "--all-tables"]);
    said.is(2, &["rows public.big", "lock timeout", "public.small"]);
    drop(locked);
    start(&["compare", "dbname=a", "dbname=b", "--lock-timeout", "0"]).end().is_error(&["--lock-timeout"]);
}

#[test]
fn an_unreachable_server_is_an_error_with_a_cause() {
    let pair = Pair::new("");
    let good = &pair.expected.conninfo;
    let nowhere = "host=127.0.0.1 port=1 dbname=x user=x";
    start(&["compare", good, nowhere]).end().is_error(&["open the actual side", "refused"]);
    let no_database = good.replace("dbname='", "dbname='no_");
    start(&["compare", &no_database, good]).end().is_error(&["open the expected side", "does not exist"]);
    start(&["compare", good, "/nonexistent.dump"]).end().is_error(&["there is no file /nonexistent.dump"]);
}

#[test]
fn a_server_that_hides_damaged_pages_is_refused() {
    let pair = Pair::new(TABLES);
    let name = pair.actual.value("SELECT current_database()");
    pair.actual.run(&format!("ALTER DATABASE {name} SET zero_damaged_pages = on"));
    pair.compare(&[]).is_error(&["open the actual side", "zero_damaged_pages = on", "hides damage"]);
}
