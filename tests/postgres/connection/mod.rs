//! Connections to a real server: what is accepted, what is refused, and what the refusal says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "these are tests")]

mod peers;
mod server;

use std::time::Duration;

use pgwitness::base::error::Error;
use pgwitness::postgres::conninfo::{ConnInfo, Connection};
use pgwitness::postgres::errors;
use server::{PASSWORD, Server};
use tokio_postgres::SimpleQueryMessage;

/// One server with TLS and one without; both stop when this is dropped.
struct Servers {
    tls: Server,
    plain: Server,
}

fn resolve(text: &str) -> ConnInfo {
    ConnInfo::resolve(text, &|_| None).unwrap()
}

async fn connect(text: &str) -> Result<Connection, Error> {
    resolve(text).connect("-c default_transaction_read_only=on").await
}

async fn refusal(text: &str) -> (String, String) {
    let error = connect(text).await.expect_err(text);
    let (text, hint) = (error.to_string(), error.hint_text().unwrap_or_default().to_owned());
    println!("{text}\n    hint: {hint}");
    assert!(!text.contains(PASSWORD) && !hint.contains(PASSWORD) && !text.contains('\n'));
    (text, hint)
}

/// By a simple query, as all of the program are. A prepared statement is closed later, and tokio-postgres takes what a server says when
/// it ends for the answer to that, which it drops.
async fn show(connection: &Connection, sql: &str) -> String {
    let messages = connection.client.simple_query(sql).await.unwrap();
    let row =
        messages.iter().find_map(|message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None });
    row.and_then(|row| row.get(0)).unwrap().to_owned()
}

impl Servers {
    fn tls(&self, rest: &str) -> String {
        let passfile = self.tls.passfile(PASSWORD);
        format!("host=127.0.0.1 port={} user=app dbname=postgres passfile={passfile} {rest}", self.tls.port)
    }

    fn root(&self, name: &str) -> String {
        self.tls.path(name).to_str().unwrap().to_owned()
    }
}

/// All in one test, one after the other, so that both servers are stopped however it ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_made_and_refused_as_libpq_would() {
    let servers = tokio::task::spawn_blocking(|| Servers { tls: Server::start(true), plain: Server::start(false) });
    let servers = servers.await.unwrap();
    the_socket_needs_no_password_and_is_neither_encrypted_nor_verified(&servers).await;
    scram_takes_the_password_from_the_file(&servers).await;
    a_wrong_password_names_user_host_and_origin(&servers).await;
    the_right_root_and_host_are_verified(&servers).await;
    the_wrong_host_or_root_is_refused(&servers).await;
    require_is_encrypted_but_not_verified(&servers).await;
    a_server_without_tls_is_refused_or_taken_as_sslmode_says(&servers).await;
    prefer_and_allow_try_the_other_transport(&servers).await;
    a_dead_first_host_is_passed_over(&servers).await;
    a_service_is_enough(&servers).await;
    cancel_stops_a_query(&servers).await;
    a_lost_connection_says_why(&servers).await;
    common_failures_say_what_to_try(&servers).await;
    children_reach_the_same_server(&servers).await;
    a_self_signed_server_that_is_its_own_root_is_accepted(&servers).await;
}

async fn the_socket_needs_no_password_and_is_neither_encrypted_nor_verified(servers: &Servers) {
    let text = format!(
        "host={} port={} user=app dbname=postgres sslmode=verify-full options='-c work_mem=1MB'",
        servers.tls.socket(),
        servers.tls.port
    );
    let connection = connect(&text).await.unwrap();
    let peer = connection.peer;
    assert_eq!((peer.encrypted, peer.verified, peer.is_local_socket), (false, false, true));
    assert_eq!(show(&connection, "SHOW application_name").await, "pgwitness");
    assert_eq!(show(&connection, "SHOW work_mem").await, "1MB");
    assert_eq!(show(&connection, "SHOW default_transaction_read_only").await, "on");
    assert!(connect(&resolve(&text).describe()).await.is_ok());
}

async fn scram_takes_the_password_from_the_file(servers: &Servers) {
    let connection = connect(&servers.tls("sslmode=disable")).await.unwrap();
    assert_eq!(show(&connection, "SELECT current_user::text").await, "app");
    assert!(!connection.peer.encrypted);
    let connection = connect(&servers.tls("sslmode=require channel_binding=require")).await.unwrap();
    assert!(connection.peer.encrypted);
}

async fn a_wrong_password_names_user_host_and_origin(servers: &Servers) {
    let passfile = servers.tls.passfile("not it");
    let (text, hint) = refusal(&servers.tls(&format!("sslmode=disable passfile={passfile}"))).await;
    assert!(text.contains("SQLSTATE 28P01"), "{text}");
    assert!(hint.contains("user app") && hint.contains("127.0.0.1") && hint.contains("line 1"), "{hint}");
    let (_, hint) = refusal(&servers.tls("sslmode=disable passfile=/nonexistent")).await;
    assert!(hint.contains("no password for user app"), "{hint}");
}

async fn the_right_root_and_host_are_verified(servers: &Servers) {
    let root = servers.root("root.crt");
    for rest in ["", "host=db.example hostaddr=127.0.0.1"] {
        let text = servers.tls(&format!("sslmode=verify-full sslrootcert={root} {rest}"));
        let connection = connect(&text).await.unwrap();
        assert!(connection.peer.encrypted && connection.peer.verified);
        let tls: bool = connection.client.query_one(IS_TLS, &[]).await.unwrap().get(0);
        assert!(tls);
        assert!(connection.info().connect("").await.unwrap().peer.verified);
    }
    for version in ["TLSv1.2", "TLSv1.3"] {
        let rest = format!("ssl_min_protocol_version={version} ssl_max_protocol_version={version}");
        let connection =
            connect(&servers.tls(&format!("sslmode=verify-full sslrootcert={root} {rest}"))).await.unwrap();
        let sql = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(show(&connection, sql).await, version);
    }
}

const IS_TLS: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

async fn the_wrong_host_or_root_is_refused(servers: &Servers) {
    let (root, other) = (servers.root("root.crt"), servers.root("other.crt"));
    let wrong_host = format!("host=localhost hostaddr=127.0.0.1 sslrootcert={root}");
    let (text, hint) = refusal(&servers.tls(&format!("sslmode=verify-full {wrong_host}"))).await;
    assert!(
        text.contains("not for host localhost") && hint.contains("it is for db.example, 127.0.0.1:"),
        "{text} {hint}"
    );
    // verify-ca, and require with a root, do not look at the name.
    for mode in ["verify-ca", "require"] {
        assert!(connect(&servers.tls(&format!("sslmode={mode} {wrong_host}"))).await.unwrap().peer.verified);
    }
    for mode in ["verify-full", "verify-ca", "require"] {
        for host in ["", "host=localhost hostaddr=127.0.0.1"] {
            let (text, hint) = refusal(&servers.tls(&format!("sslmode={mode} sslrootcert={other} {host}"))).await;
            assert!(text.contains("not signed by a trusted root") && hint.contains("other.crt"), "{text} {hint}");
        }
    }
    let (_, hint) = refusal(&servers.tls("sslmode=verify-full")).await;
    assert!(hint.contains("sslrootcert"), "{hint}");
    let (text, _) = refusal(&servers.tls("sslmode=require sslrootcert=/nonexistent/root.crt")).await;
    assert!(text.contains("/nonexistent/root.crt"), "{text}");
    let (text, _) = refusal(&servers.tls("sslmode=verify-full sslrootcert=system")).await;
    assert!(text.contains("127.0.0.1"), "{text}");
}

async fn require_is_encrypted_but_not_verified(servers: &Servers) {
    let connection = connect(&servers.tls("sslmode=require")).await.unwrap();
    let peer = connection.peer;
    assert_eq!((peer.encrypted, peer.verified, peer.is_local_socket), (true, false, false));
}

async fn a_server_without_tls_is_refused_or_taken_as_sslmode_says(servers: &Servers) {
    let (port, passfile) = (servers.plain.port, servers.plain.passfile(PASSWORD));
    let text = format!("host=127.0.0.1 port={port} user=app dbname=postgres passfile={passfile}");
    let root = servers.root("root.crt");
    for mode in ["require", "verify-ca", "verify-full"] {
        let (error, hint) = refusal(&format!("{text} sslmode={mode} sslrootcert={root}")).await;
        assert!(error.contains("does not support TLS") && hint.contains(mode), "{error} {hint}");
    }
    for mode in ["prefer", "allow", "disable"] {
        assert!(!connect(&format!("{text} sslmode={mode}")).await.unwrap().peer.encrypted);
    }
}

async fn prefer_and_allow_try_the_other_transport(servers: &Servers) {
    let admin = connect(&servers.tls("sslmode=disable options='-c default_transaction_read_only=off'")).await.unwrap();
    let sql = "SET default_transaction_read_only = off; SET password_encryption = 'scram-sha-256'";
    admin.client.batch_execute(sql).await.unwrap();
    for user in ["plain", "tls"] {
        let sql = format!("CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'");
        admin.client.batch_execute(&sql).await.unwrap();
    }
    assert!(!connect(&servers.tls("sslmode=prefer user=plain")).await.unwrap().peer.encrypted);
    assert!(connect(&servers.tls("sslmode=allow user=tls")).await.unwrap().peer.encrypted);
    assert!(!connect(&servers.tls("sslmode=allow")).await.unwrap().peer.encrypted);
    assert!(connect(&servers.tls("sslmode=prefer")).await.unwrap().peer.encrypted);
    let (text, hint) = refusal(&servers.tls("sslmode=require user=plain")).await;
    assert!(text.contains("28000") && hint.contains("pg_hba.conf"), "{text} {hint}");
}

async fn a_dead_first_host_is_passed_over(servers: &Servers) {
    let (port, dead) = (servers.tls.port, 1);
    let passfile = servers.tls.passfile(PASSWORD);
    let rest = format!("user=app dbname=postgres passfile={passfile} sslmode=disable");
    let two = format!("host=127.0.0.1,127.0.0.1 port={dead},{port} {rest}");
    let connection = connect(&two).await.unwrap();
    assert_eq!(connection.info().hosts().len(), 1);
    assert_eq!(connection.info().hosts()[0].port, port);
    assert!(connect(&format!("{two} target_session_attrs=primary")).await.is_ok());
    assert!(connect(&format!("{two} target_session_attrs=prefer-standby")).await.is_ok());
    let (text, _) = refusal(&format!("{two} target_session_attrs=standby")).await;
    assert!(text.contains("it is a primary") && text.contains("refused"), "{text}");
    // A host that answers and refuses us ends the search: the next one would only hide it.
    let no = format!("host=127.0.0.1,127.0.0.1 port={port},{dead} {rest} password=wrong");
    assert!(refusal(&no).await.0.contains("28P01"));
}

async fn a_service_is_enough(servers: &Servers) {
    let file = servers.tls.path("services");
    let (socket, port) = (servers.tls.socket(), servers.tls.port);
    std::fs::write(&file, format!("[app]\nhost={socket}\nport={port}\nuser=app\ndbname=template1\n")).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let environment = move |name: &str| (name == "PGSERVICEFILE").then(|| file.clone());
    let info = ConnInfo::resolve("service=app", &environment).unwrap();
    let connection = info.connect("").await.unwrap();
    assert_eq!(show(&connection, "SELECT current_database()::text").await, "template1");
}

async fn cancel_stops_a_query(servers: &Servers) {
    let root = servers.root("root.crt");
    for rest in [format!("sslmode=verify-full sslrootcert={root}"), "sslmode=disable".into()] {
        let connection = connect(&servers.tls(&rest)).await.unwrap();
        let sleep = connection.client.batch_execute("SELECT pg_sleep(60)");
        let admin = connect(&servers.tls("sslmode=disable")).await.unwrap();
        let cancel = async {
            while show(&admin, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").await == "0" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            connection.cancel().await
        };
        let (slept, cancelled) = tokio::join!(sleep, cancel);
        cancelled.unwrap();
        let error = slept.unwrap_err();
        assert_eq!(errors::sqlstate(&error), Some("57014"));
        assert!(!errors::is_connection_lost(&error));
        assert_eq!(show(&connection, "SELECT 'alive'").await, "alive");
    }
}

async fn a_lost_connection_says_why(servers: &Servers) {
    let connection = connect(&servers.tls("sslmode=require")).await.unwrap();
    let admin = connect(&servers.tls("sslmode=disable")).await.unwrap();
    let pid = show(&connection, "SELECT pg_backend_pid()").await;
    admin.client.batch_execute(&format!("SELECT pg_terminate_backend({pid}, 5000)")).await.unwrap();
    // What the server said last is read before anything is sent: the answer to a late question may throw it away.
    for _ in 0..1200 {
        if connection.client.is_closed() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let error = connection.client.batch_execute("SELECT 1").await.unwrap_err();
    assert!(errors::is_connection_lost(&error), "{error:?}");
    assert!(connection.lost().is_some_and(|why| why.to_string().contains("57P01")), "{:?}", connection.lost());
    let error = admin.client.batch_execute("SELECT 1/0").await.unwrap_err();
    assert_eq!(errors::describe_error(&error).to_string(), "division by zero (SQLSTATE 22012)");
}

async fn common_failures_say_what_to_try(servers: &Servers) {
    let (text, hint) = refusal(&servers.tls("sslmode=disable dbname=absent")).await;
    assert!(text.contains("3D000") && hint.contains("psql -l"), "{text} {hint}");
    let (text, hint) = refusal(&servers.tls("sslmode=disable dbname=refused")).await;
    assert!(text.contains("28000") && hint.contains("pg_hba.conf"), "{text} {hint}");
    let (text, hint) = refusal("host=127.0.0.1 port=1").await;
    assert!(text.contains("refused") && hint.contains("is the server running"), "{text} {hint}");
    let (text, hint) = refusal("host=/tmp port=1").await;
    assert!(text.contains("No such file") && hint.contains(".s.PGSQL.1"), "{text} {hint}");
    let (text, _) = refusal("host=no-such-host.invalid connect_timeout=5").await;
    assert!(text.contains("no-such-host.invalid"), "{text}");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let (text, _) = refusal(&format!("host=127.0.0.1 port={port} connect_timeout=2")).await;
    assert!(text.contains("no answer within 2 s"), "{text}");
}

async fn children_reach_the_same_server(servers: &Servers) {
    let root = servers.root("root.crt");
    let connection = connect(&servers.tls(&format!("sslmode=verify-full sslrootcert={root}"))).await.unwrap();
    let socket = format!("host={} port={} user=app dbname=postgres", servers.tls.socket(), servers.tls.port);
    let passfile = servers.tls.passfile(PASSWORD);
    let address = format!("hostaddr=127.0.0.1 port={} user=app dbname=postgres passfile={passfile}", servers.tls.port);
    for info in [connection.info().clone(), resolve(&socket), resolve(&address)] {
        let child = info.child_environment().unwrap().with_options("-c work_mem=2MB");
        let mut psql = std::process::Command::new("psql");
        child.apply(&mut psql);
        let psql = psql.args(["-XAtc", "SELECT current_setting('work_mem') || current_setting('port')", "-d"]);
        let output = psql.arg(child.connection_argument()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert_eq!(text, format!("2MB{}", servers.tls.port), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The certificate that PostgreSQL's manual tells people to make with `openssl req -x509`. Changes the server: last.
async fn a_self_signed_server_that_is_its_own_root_is_accepted(servers: &Servers) {
    for (is_expired, expected) in [(false, true), (true, false)] {
        let (mut params, key) = server::authority("self");
        params.subject_alt_names = vec![rcgen::SanType::DnsName("self.example".try_into().unwrap())];
        if is_expired {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let pem = params.self_signed(&key).unwrap().pem();
        servers.tls.install(&pem, &key.serialize_pem());
        servers.tls.reload();
        let root = servers.root("self.crt");
        std::fs::write(&root, &pem).unwrap();
        let ask = |rest: &str| servers.tls(&format!("hostaddr=127.0.0.1 sslrootcert={root} {rest}"));
        let full = connect(&ask("host=self.example sslmode=verify-full")).await;
        assert_eq!(full.is_ok(), expected, "{full:?}");
        assert_eq!(connect(&ask("host=other.example sslmode=verify-ca")).await.is_ok(), expected);
        assert!(connect(&ask("host=other.example sslmode=verify-full")).await.is_err());
    }
}
