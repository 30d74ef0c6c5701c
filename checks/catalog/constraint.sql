-- What does each table constraint demand? Foreign keys of partitions follow the one on top, under names of the server's own
-- choice, so only the one on top is asked. NOT NULL (a constraint since 18) is asked with the column, domains with the type.
SELECT format('%I.%I %I', n.nspname, c.relname, k.conname) AS identity,
       concat_ws(E'\n',
           pg_get_constraintdef(k.oid),
           CASE WHEN NOT k.convalidated THEN 'not validated' END,
           CASE WHEN NOT k.conislocal THEN 'inherited' END) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype IN ('c', 'p', 'u', 'x', 'f')
  AND (k.contype <> 'f' OR k.conparentid = 0)
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY 1
