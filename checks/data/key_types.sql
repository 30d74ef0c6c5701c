-- The columns of a relation (as {schema} and {name} quote its name) and the type to which a literal is cast to be compared with them: that
-- of PostgreSQL itself, below any domain, or an enum. NULL where a comparison, or reading the literal, would run other code.
WITH RECURSIVE below AS (
    SELECT a.attname, t.oid, t.typname, t.typnamespace, t.typtype, t.typbasetype
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE n.nspname = {schema} AND c.relname = {name}
    UNION ALL
    SELECT b.attname, t.oid, t.typname, t.typnamespace, t.typtype, t.typbasetype
    FROM below b
    JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype
    WHERE b.typtype = 'd'
)
SELECT b.attname,
       CASE WHEN b.typtype = 'e' OR (b.oid < 16384 AND b.typtype IN ('b', 'r', 'm')) THEN pg_catalog.format('%I.%I', n.nspname, b.typname) END
FROM below b
JOIN pg_catalog.pg_namespace n ON n.oid = b.typnamespace
WHERE b.typtype <> 'd'
