//! Errors of a server or of the connection to it: one line with SQLSTATE, detail and hint, and one without values.
//!
//! The caller decides whether the error matters.

use std::error::Error as StdError;

use tokio_postgres::error::{DbError, SqlState};

use crate::base::error::Error;
use crate::base::marked::MarkedText;
use crate::model::name::{Name, quote_ident};
use crate::model::sqlstate::condition;

/// Our error for one of tokio-postgres: the server's message, SQLSTATE and detail on one line, its hint as ours.
pub fn describe_error(error: &tokio_postgres::Error) -> Error {
    if let Some(server) = error.as_db_error() {
        return describe_server_error(server);
    }
    match error.source() {
        // "error connecting to server" is less exact than its cause.
        Some(cause) if is_wrapper(&error.to_string()) => Error::from_source(cause),
        _ if error.is_closed() => Error::new("the server closed the connection"),
        _ => Error::from_source(error),
    }
}

/// Messages of tokio-postgres that are less exact than their cause.
fn is_wrapper(text: &str) -> bool {
    ["error communicating with the server", "error connecting to server", "error performing TLS handshake"]
        .contains(&text)
        || ["invalid configuration", "authentication error"].contains(&text)
}

fn describe_server_error(server: &DbError) -> Error {
    let mut text = format!("{} (SQLSTATE {})", one_line(server.message()), server.code().code());
    if let Some(detail) = server.detail() {
        text.push_str(&format!("; {}", one_line(detail)));
    }
    let described = Error::new(MarkedText::with_values(text, without_values(server)));
    match server.hint() {
        Some(hint) => described.hint(MarkedText::with_values(one_line(hint), "")),
        None => described,
    }
}

/// `unique_violation (SQLSTATE 23505), table shop.orders, constraint orders_pkey`: what the server says in fields of their own.
fn without_values(server: &DbError) -> String {
    let mut text = condition(server.code().code());
    // A function may raise an error with any text as a name.
    if is_of_language(server) {
        return text;
    }
    let quoted = |name: Option<&str>| name.map(quote_ident);
    let schema = server.schema().unwrap_or_default();
    let of_schema = |name: Option<&str>| name.map(|name| Name::new(schema, name).to_string());
    let names = [
        ("table", of_schema(server.table())),
        ("column", quoted(server.column())),
        ("constraint", quoted(server.constraint())),
        ("data type", of_schema(server.datatype())),
    ];
    names.into_iter().for_each(|(noun, name)| text.extend(name.map(|name| format!(", {noun} {name}"))));
    text
}

/// Whether the code of a procedural language raised the error itself: `pl_exec.c`, `plpy_plpymodule.c`. No file of the server
/// itself that begins so names objects.
fn is_of_language(server: &DbError) -> bool {
    server.file().is_none_or(|file| file.starts_with("pl"))
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The five characters that name a server's error, `None` if the error is not the server's.
pub fn sqlstate(error: &tokio_postgres::Error) -> Option<&str> {
    error.code().map(SqlState::code)
}

/// Whether the connection is gone, so that nothing more can be asked on it: closed, broken, or ended by the server.
pub fn is_connection_lost(error: &tokio_postgres::Error) -> bool {
    let is_ended = |code: &str| code.starts_with("08") || ["57P01", "57P02", "57P03", "57P05", "25P03"].contains(&code);
    let is_broken = || error.source().is_some_and(|cause| cause.is::<std::io::Error>());
    error.is_closed() || sqlstate(error).map_or_else(is_broken, is_ended)
}

/// Whether TLS, not the network or the server's rules, is what failed.
pub fn is_tls_failure(error: &tokio_postgres::Error) -> bool {
    error.to_string() == "error performing TLS handshake"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    const CANARY: &str = "c4n4ry";

    /// What tokio-postgres reads of an error with these fields, as a server sends it in place of a greeting.
    fn received(fields: &[(char, &str)]) -> tokio_postgres::Error {
        let mut body = Vec::new();
        for (kind, value) in fields {
            body.extend([*kind as u8]);
            body.extend(value.replace('\0', "").bytes().chain([0]));
        }
        body.push(0);
        let length = u32::try_from(body.len() + 4).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let connected = runtime.block_on(async {
            let (client, mut server) = tokio::io::duplex(1 << 20);
            server.write_all(&[&b"E"[..], &length.to_be_bytes(), &body].concat()).await.unwrap();
            tokio_postgres::Config::new().user("x").connect_raw(client, tokio_postgres::NoTls).await
        });
        connected.err().unwrap()
    }

    const DUPLICATE: [(char, &str); 8] = [
        ('S', "FEHLER"),
        ('C', "23505"),
        ('M', "doppelter Schlüsselwert »c4n4ry«"),
        ('D', "Schlüssel »(mail)=(c4n4ry)« existiert bereits."),
        ('H', "c4n4ry"),
        ('s', "shop"),
        ('t', "orders"),
        ('n', "orders_pkey"),
    ];

    #[test]
    fn without_values_an_error_is_its_state_and_the_names_of_objects() {
        let error = describe_error(&received(&[&DUPLICATE[..], &[('F', "nbtinsert.c")]].concat())).context("restore x");
        let safe = "restore x: unique_violation (SQLSTATE 23505), table shop.orders, constraint orders_pkey";
        assert_eq!(error.text().safe(), safe);
        assert_eq!(error.text().full().matches(CANARY).count(), 2, "{error}");
        assert_eq!(error.marked_hint().map(|hint| (hint.full(), hint.safe())), Some((CANARY, "")));
    }

    #[test]
    fn names_that_a_function_may_have_chosen_are_values() {
        for file in ["pl_exec.c", "plpy_plpymodule.c"] {
            let error = describe_error(&received(&[&DUPLICATE[..], &[('F', file), ('c', CANARY)]].concat()));
            assert_eq!(error.text().safe(), "unique_violation (SQLSTATE 23505)", "{file}");
        }
        assert_eq!(describe_error(&received(&DUPLICATE)).text().safe(), "unique_violation (SQLSTATE 23505)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever stands around a value, in whichever language and with whichever quotes.
        #[test]
        fn a_value_in_a_text_of_the_server_never_shows(
            before in "\\PC{0,9}",
            after in "(\n|\\PC){0,9}",
            kind in prop::sample::select(vec!['M', 'D', 'H', 'W', 'q']),
            names in ["[a-z_]{3,8}", "[a-z_]{3,8}", "[a-z_]{3,8}", "[a-z_]{3,8}"],
        ) {
            let said = format!("{before}{CANARY}{after}");
            let [schema, table, column, constraint] = names.each_ref().map(String::as_str);
            let (mut fields, file) = (vec![('S', "ERROR"), ('C', "23505"), ('F', "nbtinsert.c")], ('M', "said"));
            fields.extend((kind != 'M').then_some(file));
            fields.extend([(kind, said.as_str()), ('s', schema), ('t', table), ('c', column), ('n', constraint)]);
            let error = describe_error(&received(&fields)).context("restore x");
            let text = error.text();
            prop_assert!(!text.safe().contains(CANARY), "{}", text.safe());
            prop_assert_eq!(text.full().contains(CANARY), "MD".contains(kind));
            for name in ["restore x", "SQLSTATE 23505", table, column, constraint] {
                prop_assert!(text.safe().contains(name), "{} lacks {}", text.safe(), name);
            }
        }
    }
}
