-- What does each table constraint demand? Foreign keys of partitions follow the one on top, under names of the server's own
-- choice, so only the one on top is asked. NOT NULL (a constraint since 18) is asked with the column, domains with the type.
-- pg_dump leaves out what a user put on a relation of an extension, so those are asked as well.
SELECT format('%I.%I %I', n.nspname, c.relname, k.conname) AS identity,
       concat_ws(E'\n',
           pg_get_constraintdef(k.oid),
           CASE WHEN NOT k.convalidated THEN 'not validated' END,
           CASE WHEN NOT k.conislocal THEN 'inherited' END,
           'on a relation of extension ' || extension.name) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (
    SELECT e.objid, quote_ident(x.extname) AS name
    FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid
    WHERE e.classid = 'pg_class'::regclass AND e.refclassid = 'pg_extension'::regclass AND e.objsubid = 0 AND e.deptype = 'e'
) extension ON extension.objid = c.oid
WHERE k.contype IN ('c', 'p', 'u', 'x', 'f')
  AND (k.contype <> 'f' OR k.conparentid = 0)
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
