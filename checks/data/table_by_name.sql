-- A table by its name, in one schema or in all, and what holds its rows: itself, or the leaves of a partitioned table.
SELECT n.nspname, c.relname, c.relkind,
       pn.nspname AS part_schema, p.relname AS part_name, p.relkind AS part_kind,
       COALESCE((SELECT json_agg(a.attname ORDER BY a.attnum)
                 FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = p.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '[]') AS columns
FROM (VALUES ({schema}::text, {name}::text)) AS wanted (schema, name)
JOIN pg_catalog.pg_class c ON c.relname = wanted.name AND c.relkind NOT IN ('i', 'I', 'c', 't')
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL pg_catalog.pg_partition_tree(c.oid) leaf ON c.relkind = 'p' AND leaf.isleaf
JOIN pg_catalog.pg_class p ON p.oid = COALESCE(leaf.relid, c.oid)
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE CASE WHEN wanted.schema IS NULL THEN n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
           ELSE n.nspname = wanted.schema END
ORDER BY 1, 4, 5
