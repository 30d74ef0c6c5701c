-- What does each view show, under which column names and types, with which options and defaults?
-- if: pg_class WHERE relkind = 'v' AND relnamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, c.relname) AS identity,
       concat_ws(E'\n',
           columns.list,
           'options ' || (SELECT string_agg(CASE WHEN o ~ '[,'']|\s' THEN quote_literal(o) ELSE o END, ', ' ORDER BY o COLLATE "C") FROM unnest(c.reloptions) o),
           pg_get_viewdef(c.oid)) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
                          || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), ''), E'\n' ORDER BY a.attnum) AS list
    FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
) columns
WHERE c.relkind = 'v'
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
