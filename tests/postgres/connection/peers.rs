//! What may sit behind a port instead of a server that behaves.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use pgwitness::postgres::session::{Session, SessionOptions};

use super::{connect, resolve};

/// Authentication is over, and the session has begun.
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

/// A peer on a port of its own that treats every connection alike. Returns its address as a connection string.
fn peer(serve: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    format!("host=127.0.0.1 port={port} user=u dbname=d connect_timeout=5")
}

fn startup(stream: &mut TcpStream) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer).unwrap_or(0);
    buffer[..read].to_vec()
}

#[tokio::test]
async fn a_peer_that_is_not_postgresql_is_named_so() {
    for said in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail ESMTP\r\n", b"-E"] {
        let text = peer(move |mut stream| {
            startup(&mut stream);
            let _ = stream.write_all(said);
        });
        for mode in ["disable", "prefer"] {
            let error = connect(&format!("{text} sslmode={mode}")).await.unwrap_err();
            assert!(error.to_string().contains("does not speak PostgreSQL's protocol"), "{error}");
            assert!(error.hint_text().is_some_and(|hint| hint.contains("127.0.0.1")), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_peer_that_is_silent_closes_or_speaks_no_tls_is_asked_about_in_the_hint() {
    let silent = peer(|stream| {
        std::thread::sleep(Duration::from_secs(9));
        drop(stream);
    });
    let silent = silent.replace("connect_timeout=5", "connect_timeout=2");
    let closes = peer(drop);
    let no_tls = peer(|mut stream| {
        startup(&mut stream);
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        startup(&mut stream);
    });
    for (text, mode, why) in [
        (&silent, "disable", "no answer within 2 s"),
        (&silent, "require", "no answer within 2 s"),
        (&closes, "disable", "the peer closed the connection during the login"),
        (&closes, "prefer", "the peer closed the connection during the login"),
        (&closes, "require", "the peer closed the connection during the login"),
        (&no_tls, "require", "the peer does not speak TLS"),
    ] {
        let error = connect(&format!("{text} sslmode={mode}")).await.unwrap_err();
        assert!(error.to_string().ends_with(why), "{mode}: {error}");
        let hint = error.hint_text().unwrap_or_default();
        assert!(hint.starts_with("is 127.0.0.1:") && hint.contains(" a PostgreSQL server?"), "{mode}: {hint}");
    }
}

#[tokio::test]
async fn a_server_that_is_silent_after_the_login_is_given_up() {
    let text = peer(|mut stream| {
        startup(&mut stream);
        let _ = stream.write_all(WELCOME);
        std::thread::sleep(Duration::from_secs(60));
    });
    let start = Instant::now();
    let error = connect(&format!("{text} sslmode=disable")).await.unwrap_err();
    assert!(error.to_string().contains("accepted the login and then did not answer for 10 s"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(30));
}

/// What a server answers to a statement without rows.
const DONE: &[u8] = b"C\0\0\0\x08SET\0Z\0\0\0\x05I";

#[tokio::test]
async fn a_server_that_is_silent_after_the_first_step_is_given_up_while_the_session_is_prepared() {
    let text = peer(|mut stream| {
        startup(&mut stream);
        let _ = stream.write_all(WELCOME);
        // The search path, and the time limits.
        for _ in 0..2 {
            startup(&mut stream);
            let _ = stream.write_all(DONE);
        }
        std::thread::sleep(Duration::from_secs(60));
    });
    let start = Instant::now();
    let options = SessionOptions { lock_timeout_s: 1 };
    let opened = Session::open(&resolve(&format!("{text} sslmode=disable")), &options).await;
    let error = opened.err().unwrap();
    assert!(error.to_string().starts_with("prepare a session on "), "{error}");
    assert!(error.to_string().ends_with("pin the settings: nothing came from the server for 10 s"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(40));
}

/// The answer to a query with one row.
fn row(values: &[&str]) -> Vec<u8> {
    let message =
        |kind: u8, body: &[u8]| [&[kind][..], &u32::try_from(body.len() + 4).unwrap().to_be_bytes(), body].concat();
    let count = u16::try_from(values.len()).unwrap().to_be_bytes();
    let (mut columns, mut cells) = (count.to_vec(), count.to_vec());
    for value in values {
        // A name, no table, the type text.
        columns.extend(b"c\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
        cells.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        cells.extend(value.as_bytes());
    }
    [message(b'T', &columns), message(b'D', &cells), message(b'C', b"SELECT 1\0"), message(b'Z', b"I")].concat()
}

#[tokio::test]
async fn a_server_that_is_too_old_is_refused_in_one_sentence_whatever_settings_it_lacks() {
    let text = peer(|mut stream| {
        startup(&mut stream);
        let _ = stream.write_all(WELCOME);
        // The search path, the time limits, the settings, the notice of our end.
        for _ in 0..4 {
            startup(&mut stream);
            let _ = stream.write_all(DONE);
        }
        startup(&mut stream);
        let _ = stream.write_all(&row(&["9", "9.5.25"]));
        startup(&mut stream);
    });
    let options = SessionOptions { lock_timeout_s: 1 };
    let opened = Session::open(&resolve(&format!("{text} sslmode=disable")), &options).await;
    let error = opened.err().unwrap();
    assert!(error.to_string().ends_with(": the server runs PostgreSQL 9.5.25; pgwitness supports 14 to 18"), "{error}");
    assert_eq!(error.hint_text(), Some("upgrade the server to PostgreSQL 14 or later"));
}

/// A database with a `transaction_timeout` of a few milliseconds: the first statement is one too many.
#[tokio::test]
async fn a_transaction_limit_that_ends_the_first_statement_is_turned_off_in_the_startup_packet() {
    let (report, reported) = channel();
    let text = peer(move |mut stream| {
        let asked = String::from_utf8_lossy(&startup(&mut stream)).into_owned();
        let is_off = asked.contains("-c transaction_timeout=0");
        let _ = report.send(asked);
        let _ = stream.write_all(WELCOME);
        startup(&mut stream);
        if is_off {
            let _ = stream.write_all(DONE);
            startup(&mut stream);
            let _ = stream.write_all(DONE);
            return;
        }
        let text = b"SFATAL\0VFATAL\0C25P04\0Mterminating connection due to transaction timeout\0\0";
        let length = u32::try_from(text.len() + 4).unwrap().to_be_bytes();
        let _ = stream.write_all(&[&b"E"[..], &length, text].concat());
    });
    connect(&format!("{text} sslmode=disable")).await.unwrap();
    let [first, second] = [reported.recv().unwrap(), reported.recv().unwrap()];
    // A server before 17 refuses what it does not know.
    assert!(!first.contains("transaction_timeout=0") && first.contains("statement_timeout=0"), "{first}");
    assert!(second.contains("-c transaction_timeout=0"), "{second}");
    assert!(reported.try_recv().is_err(), "a third connection");
}

#[tokio::test]
async fn notices_without_end_do_not_fill_the_memory() {
    let text = peer(|mut stream| {
        startup(&mut stream);
        let notice = [&b"N\0\0\xff\x04M"[..], &vec![b'x'; 0xff00 - 2], b"\0"].concat();
        let _ = stream.write_all(b"R\0\0\0\x08\0\0\0\0");
        while stream.write_all(&notice).is_ok() {}
    });
    let error = connect(&format!("{text} sslmode=disable")).await.unwrap_err();
    assert!(error.to_string().contains("more than a login needs"), "{error}");
}

/// A pooler that refuses options, and tells which statement came first.
fn pooler() -> (String, Receiver<String>) {
    let (report, reported) = channel();
    let text = peer(move |mut stream| {
        let asked = startup(&mut stream);
        if asked.windows(8).any(|bytes| bytes == b"options\0") {
            let text = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
            let length = u32::try_from(text.len() + 4).unwrap().to_be_bytes();
            let _ = stream.write_all(&[&b"E"[..], &length, text].concat());
            return;
        }
        let _ = stream.write_all(WELCOME);
        let first = startup(&mut stream);
        let _ = report.send(String::from_utf8_lossy(&first[5..]).trim_end_matches('\0').to_owned());
    });
    (text, reported)
}

#[tokio::test]
async fn behind_a_pooler_that_refuses_options_the_search_path_comes_first_and_alone() {
    let (text, reported) = pooler();
    let _ = resolve(&format!("{text} sslmode=disable")).connect("").await;
    let first = reported.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(first, "SELECT pg_catalog.set_config('search_path', '', false)");
}
