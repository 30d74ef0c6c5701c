use proptest::prelude::*;

use super::*;

/// All pieces of `text`, fed in blocks of `block` bytes, and whether the end is a clean one.
fn split_in(text: &str, block: usize) -> (Vec<String>, bool) {
    let mut splitter = Splitter::new();
    let mut pieces = Vec::new();
    for chunk in text.as_bytes().chunks(block) {
        let mut at = 0;
        while at < chunk.len() {
            let (taken, piece) = splitter.feed(&chunk[at..]);
            at += taken;
            pieces.extend(piece.map(show));
        }
    }
    let is_clean = splitter.is_between_statements();
    pieces.extend(splitter.last_line().map(show));
    (pieces, is_clean)
}

fn show(piece: Piece<'_>) -> String {
    let (Piece::Statement { text, .. } | Piece::Comment(text) | Piece::Command(text)) = piece;
    String::from_utf8(text.to_vec()).unwrap()
}

fn split(text: &str) -> Vec<String> {
    split_in(text, usize::MAX).0
}

#[test]
fn a_semicolon_in_quotes_of_any_kind_ends_nothing() {
    for body in ["'a;''b;'", "E'a\\';''b\\\\'", "\"a;\"\"b;\"", "$$a;$ ' $$", "$x$a;$$;$x $x$", "(a;b)", "U&'\\0041;'"]
    {
        assert_eq!(split(&format!("one {body}; two;")), [format!("one {body}"), "two".into()], "{body}");
    }
}

#[test]
fn a_parameter_and_a_dollar_in_a_name_are_no_dollar_quotes() {
    assert_eq!(split("a $1; b$x$; c $1$;"), ["a $1", "b$x$", "c $1$"]);
}

#[test]
fn a_sql_body_keeps_its_semicolons() {
    let body = "CREATE OR REPLACE FUNCTION s.begin() RETURNS int\n BEGIN ATOMIC\n SELECT 1;\n SELECT (CASE WHEN a THEN 1 END);\n COPY;\nEND";
    assert_eq!(split(&format!("{body};\nnext;")), [body, "next"]);
    assert_eq!(split("BEGIN;\nSELECT 1;\nCOMMIT;"), ["BEGIN", "SELECT 1", "COMMIT"]);
    assert_eq!(split("CREATE FUNCTION a(begin int) AS 'x'; b;"), ["CREATE FUNCTION a(begin int) AS 'x'", "b"]);
}

#[test]
fn comments_between_statements_are_given_out_and_others_dropped() {
    assert_eq!(split("-- a;'\nb -- c;\nd; /* ; /* ' */ ; */ e /* x */ f;"), ["-- a;'", "b \nd", "e   f"]);
    assert_eq!(split("a - -b; c -d; 1/2;"), ["a - -b", "c -d", "1/2"]);
}

#[test]
fn psql_commands_reach_to_the_end_of_their_line() {
    assert_eq!(split("\\restrict a;b'\nc;\n\\unrestrict"), ["\\restrict a;b'", "c", "\\unrestrict"]);
}

#[test]
fn an_open_end_is_seen() {
    for text in ["a", "a 'b;", "a \"b;", "a $$b;", "/* ;", "a -- b", "CREATE FUNCTION a BEGIN ATOMIC b;", "a (b;"] {
        assert!(!split_in(text, 9).1, "{text}");
    }
    for text in ["", "a;", "a; \n", "a;\n-- b", "a;\n\\b", "a; /* b */"] {
        assert!(split_in(text, 9).1, "{text}");
    }
}

#[test]
fn without_standard_strings_every_literal_has_escapes() {
    let mut splitter = Splitter::new();
    splitter.plain_quotes_escape = true;
    assert_eq!(splitter.feed(b"a '\\';';").0, 8);
}

#[test]
fn a_statement_too_long_to_keep_says_so_and_the_next_is_whole() {
    let long = format!("INSERT '{}'; b;", "x".repeat(MAX_STATEMENT_BYTES));
    let mut splitter = Splitter::new();
    let (taken, piece) = splitter.feed(long.as_bytes());
    assert!(matches!(piece, Some(Piece::Statement { is_whole: false, .. })));
    assert_eq!(
        splitter.feed(&long.as_bytes()[taken..]).1,
        Some(Piece::Statement { text: b"b", is_whole: true, has_command: false })
    );
}

/// Parts that may stand next to each other in a statement, each closed in itself.
fn part() -> impl Strategy<Value = String> {
    let quoted = "[a-c;$\"\\\\/*\\- \n-]{0,8}";
    prop_oneof![
        "[a-d_]{1,6}".prop_map(|s| s),
        quoted.prop_map(|s| format!("'{}'", s.replace('\\', ""))),
        quoted.prop_map(|s| format!("E'{}'", s.replace('\\', "\\\\"))),
        quoted.prop_map(|s| format!("\"{}\"", s.replace('"', "\"\""))),
        quoted.prop_map(|s| format!("$t${}$t$", s.replace('$', ""))),
        quoted.prop_map(|s| format!("({})", s.replace(['$', '"', '*', '-', '\\'], ""))),
    ]
}

proptest! {
    #[test]
    fn what_was_joined_by_semicolons_comes_apart_again(
        statements in prop::collection::vec(prop::collection::vec(part(), 1..5), 0..6),
        block in 1usize..20,
    ) {
        let statements: Vec<String> = statements.iter().map(|parts| parts.join(" ")).collect();
        let text: String = statements.iter().map(|s| format!("{s};\n")).collect();
        let (pieces, is_clean) = split_in(&text, block);
        prop_assert_eq!(pieces, statements);
        prop_assert!(is_clean);
    }

    #[test]
    fn the_size_of_the_blocks_does_not_matter(text in "[abE'\"$\\\\;/*\n (-]{0,60}", block in 1usize..9) {
        prop_assert_eq!(split_in(&text, block), split_in(&text, usize::MAX));
    }
}
