use super::*;

fn read(text: &str) -> Statement {
    parse(text.as_bytes(), true, Reading { is_utf8: true, plain_quotes_escape: false }).unwrap()
}

fn name(name: &str) -> Name {
    Name::new("s", name)
}

#[test]
fn a_table_tells_its_columns_types_and_which_are_generated() {
    let Statement::Table(table) = read(
        "CREATE TABLE s.\"a b\" (\n    id integer NOT NULL,\n    \"to, tal\" numeric(10,2) DEFAULT 'x,)'::text,\n    g integer GENERATED ALWAYS AS ((id * 2)) STORED,\n    i integer GENERATED ALWAYS AS IDENTITY,\n    t timestamp(3) with time zone COLLATE pg_catalog.\"C\",\n    e s.not[] CHECK ((a, b)),\n    r text[] DEFAULT ARRAY['a'::text, 'b)]'::text] NOT NULL,\n    CONSTRAINT c CHECK ((id > 0))\n)\nPARTITION BY RANGE (id)",
    ) else {
        panic!()
    };
    let columns: Vec<_> =
        table.columns.iter().map(|c| (c.name.as_str(), c.type_name.as_str(), c.is_generated)).collect();
    assert_eq!(
        columns,
        [
            ("id", "integer", false),
            ("to, tal", "numeric(10,2)", false),
            ("g", "integer", true),
            ("i", "integer", false),
            ("t", "timestamp(3) with time zone", false),
            ("e", "s.not[]", false),
            ("r", "text[]", false),
        ]
    );
    assert_eq!((table.kind, table.name), (TableKind::Partitioned, name("a b")));
}

#[test]
fn every_kind_of_table_is_told_apart() {
    let kind = |text: &str| match read(text) {
        Statement::Table(t) => (t.kind, t.is_unlogged, t.columns.len(), t.inherits.len(), t.of_type.is_some()),
        other => panic!("{other:?}"),
    };
    assert_eq!(kind("CREATE UNLOGGED TABLE s.a (\n)"), (TableKind::Ordinary, true, 0, 0, false));
    assert_eq!(kind("CREATE FOREIGN TABLE s.a (\n a int\n)\nSERVER x"), (TableKind::Foreign, false, 1, 0, false));
    assert_eq!(kind("CREATE MATERIALIZED VIEW s.a AS\n SELECT 1"), (TableKind::MaterializedView, false, 0, 0, false));
    assert_eq!(kind("CREATE TABLE s.a (\n)\nINHERITS (s.b, s.c)"), (TableKind::Ordinary, false, 0, 2, false));
    assert_eq!(kind("CREATE TABLE s.a OF s.t"), (TableKind::Ordinary, false, 0, 0, true));
}

#[test]
fn copy_is_read_with_and_without_columns() {
    assert_eq!(read("COPY s.a  FROM stdin"), Statement::Copy { table: name("a"), columns: vec![] });
    let columns = vec!["x".into(), "y\"z".into()];
    assert_eq!(read("COPY s.a (x, \"y\"\"z\") FROM stdin"), Statement::Copy { table: name("a"), columns });
}

#[test]
fn sequences_keys_partitions_and_large_objects_are_read() {
    let sequence = Statement::Sequence { name: name("it's"), last_value: -4, is_called: false };
    assert_eq!(read("SELECT pg_catalog.setval('s.\"it''s\"', -4, false)"), sequence);
    let key = Statement::PrimaryKey { table: name("a"), columns: vec!["x".into(), "y".into()] };
    assert_eq!(read("ALTER TABLE ONLY s.a\n    ADD CONSTRAINT k PRIMARY KEY (x, y) INCLUDE (z)"), key);
    let attach = Statement::Attach { parent: name("a"), child: name("b") };
    assert_eq!(read("ALTER TABLE ONLY s.a ATTACH PARTITION s.b DEFAULT"), attach);
    assert_eq!(read("SELECT pg_catalog.lo_open('16400', 131072)"), Statement::LargeObjectOpen(16400));
    assert_eq!(read("SELECT pg_catalog.lowrite(0, '\\x00ff')"), Statement::LargeObjectWrite(vec![0, 255]));
}

#[test]
fn the_option_that_a_server_keeps_for_itself_is_seen() {
    for options in ["pg_attver=7", "n_distinct=5, pg_attver=7"] {
        let text = format!("ALTER TABLE ONLY s.a ALTER COLUMN id SET ({options})");
        assert_eq!(read(&text), Statement::Marked(name("a")));
    }
    for other in ["SET (n_distinct=5)", "SET DEFAULT 'pg_attver=7'", "SET STATISTICS 5"] {
        assert_eq!(read(&format!("ALTER TABLE ONLY s.a ALTER COLUMN id {other}")), Statement::Other);
    }
}

#[test]
fn what_should_be_read_and_cannot_be_is_an_error() {
    let reading = Reading { is_utf8: true, plain_quotes_escape: false };
    for (text, is_whole) in
        [("COPY a FROM stdin", true), ("COPY s.a FROM stdin CSV", true), ("ALTER TABLE s.a x", false)]
    {
        assert!(parse(text.as_bytes(), is_whole, reading).is_err(), "{text}");
    }
    assert!(parse(b"INSERT INTO s.a VALUES (", false, reading).is_ok());
    assert!(parse(b"COPY s.\xff FROM stdin", true, reading).is_err());
}
