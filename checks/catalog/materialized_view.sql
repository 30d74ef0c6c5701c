-- What does each materialized view show, and has it been filled? pg_dump leaves a view that was never filled empty.
-- if: pg_class WHERE relkind = 'm' AND relnamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, c.relname) AS identity,
       concat_ws(E'\n',
           CASE WHEN c.relispopulated THEN 'populated' ELSE 'NOT POPULATED' END,
           columns.list,
           'access method ' || quote_ident(am.amname),
           'tablespace ' || quote_ident(ts.spcname),
           'options ' || (SELECT string_agg(CASE WHEN o ~ '[,'']|\s' THEN quote_literal(o) ELSE o END, ', ' ORDER BY o COLLATE "C") FROM unnest(c.reloptions) o),
           'toast options ' || (SELECT string_agg(CASE WHEN o ~ '[,'']|\s' THEN quote_literal(o) ELSE o END, ', ' ORDER BY o COLLATE "C") FROM unnest(toast.reloptions) o),
           CASE c.relreplident WHEN 'f' THEN 'replica identity full'
                               WHEN 'n' THEN 'replica identity nothing'
                               WHEN 'i' THEN 'replica identity using index ' || coalesce((
                                   SELECT string_agg(quote_ident(i.relname), ', ' ORDER BY i.relname COLLATE "C")
                                   FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                                   WHERE x.indrelid = c.oid AND x.indisreplident), '(none)') END,
           pg_get_viewdef(c.oid)) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
CROSS JOIN LATERAL (
    SELECT string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
               CASE WHEN a.attstorage <> t.typstorage THEN 'storage ' || a.attstorage::text END,
               'compression ' || nullif(to_jsonb(a) ->> 'attcompression', ''),
               'statistics ' || CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END,
               'options ' || (SELECT string_agg(CASE WHEN o ~ '[,'']|\s' THEN quote_literal(o) ELSE o END, ', ' ORDER BY o COLLATE "C") FROM unnest(a.attoptions) o
                              WHERE o NOT LIKE 'pg\_attver=%')), E'\n' ORDER BY a.attnum) AS list
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
) columns
WHERE c.relkind = 'm'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
