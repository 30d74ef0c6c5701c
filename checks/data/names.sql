-- What a pattern can name besides the relations that hold rows, and the partitioned table of each partition.
SELECT n.nspname, c.relname, c.relkind NOT IN ('r', 'm', 'f') AS is_other, pn.nspname AS parent_schema, p.relname AS parent
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
LEFT JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE (c.relkind IN ('p', 'v', 'S') OR (c.relkind IN ('r', 'f') AND c.relispartition))
  AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema'
  AND n.nspname !~ '^pg_'
