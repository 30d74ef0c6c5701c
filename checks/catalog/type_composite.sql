-- Which attributes has each composite type that is not a table's row?
-- if: pg_class WHERE relkind = 'c' AND relnamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, c.relname) AS identity,
       'composite'
       || coalesce((SELECT string_agg(concat_ws(' ', E'\n' || quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
                             CASE WHEN a.attcollation <> t.typcollation THEN format('collate %I.%I', cn.nspname, co.collname) END),
                             '' ORDER BY a.attnum)
                    FROM pg_attribute a
                    JOIN pg_type t ON t.oid = a.atttypid
                    LEFT JOIN pg_collation co ON co.oid = a.attcollation
                    LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
                    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '') AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'c'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = c.reltype AND e.deptype = 'e')
