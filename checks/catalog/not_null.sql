-- Under which name does each column (or domain) refuse NULL, and from where did it come? Whether it does is part of the column or
-- domain. Older servers have no name for it, so it is compared where both sides have one. pg_dump writes a constraint that is
-- not valid into each child by itself, so the child of such a constraint has it as its own in the copy.
-- from: 18
-- between: 18
SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname) AS identity,
       concat_ws(E'\n', 'constraint ' || quote_ident(k.conname),
           CASE WHEN NOT k.conislocal AND NOT EXISTS (
                    SELECT FROM pg_inherits i
                    JOIN pg_attribute pa ON pa.attrelid = i.inhparent AND pa.attname = a.attname
                    JOIN pg_constraint pk ON pk.conrelid = i.inhparent AND pk.contype = 'n' AND pk.conkey[1] = pa.attnum
                    WHERE i.inhrelid = c.oid AND NOT pk.convalidated) THEN 'inherited' END) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]
WHERE k.contype = 'n'
  AND c.relkind IN ('r', 'p', 'f')
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
UNION ALL
SELECT format('domain %I.%I', n.nspname, t.typname), 'constraint ' || quote_ident(k.conname), n.nspname, NULL
FROM pg_constraint k
JOIN pg_type t ON t.oid = k.contypid
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE k.contype = 'n'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
