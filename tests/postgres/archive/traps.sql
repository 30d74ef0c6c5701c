-- Everything that could confuse a reader of dumps.
CREATE SCHEMA shop;
CREATE TABLE shop.orders (
    id serial PRIMARY KEY,
    "to tal" numeric(10,2),
    g integer GENERATED ALWAYS AS (id * 2) STORED,
    t timestamptz DEFAULT '2024-02-29 12:00:00+05',
    b bytea, f float8, i interval
);
INSERT INTO shop.orders ("to tal", b, f, i)
    SELECT n / 3.0, sha256(n::text::bytea), n / 7.0, n * interval '1 hour' FROM generate_series(1, 4000) n;
SELECT setval('shop.orders_id_seq', 4711);

-- Names.
CREATE TABLE shop."a.b" (x text);
INSERT INTO shop."a.b" VALUES ('dot');
CREATE TABLE shop."new
line %s ""q"" 'it' \back" ("col
""umn" text);
INSERT INTO shop."new
line %s ""q"" 'it' \back" VALUES ('hostile');
CREATE TABLE public."PostgreSQL database dump complete" (a text);
INSERT INTO public."PostgreSQL database dump complete" VALUES ('-- PostgreSQL database dump complete');
CREATE TABLE public."x
-- PostgreSQL database dump complete
--
" (a int);
CREATE SCHEMA "DATA";
CREATE TABLE "DATA"."größe 表" (a int);
INSERT INTO "DATA"."größe 表" VALUES (1), (NULL);
CREATE SEQUENCE shop."it's a \ ""sequence""" MINVALUE -100 START -5;

-- Values.
CREATE TABLE shop.text_values (a text, b text);
INSERT INTO shop.text_values VALUES
    ('\.', ''), ('', NULL), (NULL, '\N'), (E'\\.\n', E'a\tb\r\n'), ('COPY x FROM stdin;', E'\x01'), (';', '$$'),
    ('ünïcödé 表', '''');
CREATE TABLE shop.one_column (a text);
INSERT INTO shop.one_column VALUES ('\.'), (''), (NULL), (E'\n\\.\n');
CREATE TABLE shop.long (a text);
INSERT INTO shop.long VALUES (repeat('x', 3000000)), ('short');
CREATE TABLE shop.zero ();
INSERT INTO shop.zero DEFAULT VALUES;
INSERT INTO shop.zero DEFAULT VALUES;
CREATE TABLE shop.empty (a int DEFAULT 3 CHECK (a IN (1, 2, 3)), b text COLLATE "C" DEFAULT 'a,(b',
    c text[] DEFAULT ARRAY['x', 'y)'] NOT NULL, d point);

-- Kinds.
CREATE UNLOGGED TABLE shop.unlogged (a int);
INSERT INTO shop.unlogged VALUES (1);
CREATE TABLE shop.parts (a int, b text, PRIMARY KEY (a, b)) PARTITION BY RANGE (a);
CREATE TABLE shop.parts_low PARTITION OF shop.parts FOR VALUES FROM (0) TO (10) PARTITION BY LIST (b);
CREATE TABLE shop.parts_low_x PARTITION OF shop.parts_low FOR VALUES IN ('x');
CREATE TABLE shop.parts_rest PARTITION OF shop.parts DEFAULT;
INSERT INTO shop.parts VALUES (1, 'x'), (50, 'y'), (51, 'z');
CREATE TABLE shop.child (own text) INHERITS (shop.orders);
INSERT INTO shop.child (id, own) VALUES (1, 'child');
CREATE TYPE shop.pair AS (a integer, b text);
CREATE TABLE shop.typed OF shop.pair (PRIMARY KEY (a));
INSERT INTO shop.typed VALUES (1, 'typed');
CREATE MATERIALIZED VIEW shop.totals AS SELECT count(*) AS n FROM shop.orders;
CREATE VIEW shop.a_view AS SELECT 'COPY shop.a FROM stdin;' AS x;
CREATE TABLE shop.identity (a int GENERATED ALWAYS AS IDENTITY, b int);
INSERT INTO shop.identity (b) VALUES (1);

-- Bodies with text that is none of our business.
CREATE FUNCTION shop.plain_body() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
COPY shop.zero FROM stdin;
-- '
RETURN $x$
\.
-- PostgreSQL database dump complete
--
CREATE TABLE shop.not_there (a int);
$x$; END $$;
CREATE FUNCTION shop.begin(atomic int) RETURNS int LANGUAGE sql
BEGIN ATOMIC
    SELECT 1;
    SELECT CASE WHEN atomic > 0 THEN (CASE WHEN true THEN 1 END) ELSE 2 END;
END;
CREATE FUNCTION shop.e_quoted() RETURNS text LANGUAGE sql AS 'SELECT E''it\\''s; -- /* '' || ''$$''';
CREATE RULE two AS ON INSERT TO shop.a_view DO INSTEAD
    (INSERT INTO shop.zero DEFAULT VALUES; INSERT INTO shop.zero DEFAULT VALUES);
COMMENT ON TABLE shop.zero IS E'a comment;\nCOPY shop.zero FROM stdin;\n\\.\n/* '' -- \\';

SELECT lo_from_bytea(20001, decode(repeat('00ff5c27', 20000), 'hex'));
SELECT lo_from_bytea(20002, '');
SELECT lo_from_bytea(20003, 'short');
