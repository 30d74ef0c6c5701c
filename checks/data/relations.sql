-- Everything that holds rows of its own, with its columns, its primary key and what is known of its size.
SELECT n.nspname,
       c.relname,
       c.relkind,
       c.relpersistence = 'u' AS is_unlogged,
       c.relispopulated,
       c.oid,
       GREATEST(c.relpages, 0)::bigint * current_setting('block_size')::bigint AS bytes,
       -- Only a heap is sure to be split by ctid.
       COALESCE(am.amname = 'heap', false) AS is_heap,
       e.extname,
       COALESCE(k.names, '[]'::json) AS key,
       COALESCE(a.columns, '[]'::json) AS columns,
       -- NULL where no dump carries the rows of an extension's table.
       CASE WHEN c.oid = ANY (e.extconfig) THEN
           COALESCE(e.extcondition[pg_catalog.array_position(e.extconfig, c.oid)], '')
       END AS condition,
       COALESCE(o.rolsuper, false) AS is_of_superuser
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
LEFT JOIN pg_catalog.pg_depend d
       ON d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
LEFT JOIN pg_catalog.pg_roles o ON o.oid = e.extowner
LEFT JOIN (
    SELECT i.indrelid, json_agg(a.attname ORDER BY key.position) AS names
    FROM pg_catalog.pg_index i
    CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS key (attnum, position)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = key.attnum
    WHERE i.indisprimary AND key.position <= i.indnkeyatts
    GROUP BY i.indrelid
) k ON k.indrelid = c.oid
LEFT JOIN LATERAL (
    SELECT pg_catalog.array_to_json(pg_catalog.array_agg(ARRAY[a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attgenerated::text]
                                   ORDER BY a.attnum)) AS columns
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
) a ON true
WHERE c.relkind IN ('r', 'm', 'f')
  AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema'
  AND n.nspname !~ '^pg_'
