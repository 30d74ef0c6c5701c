-- What is each index, and can it be used? pg_dump leaves an invalid index out without a word.
-- pg_dump leaves out what a user put on a relation of an extension, so those are asked as well.
SELECT format('%I.%I', n.nspname, i.relname) AS identity,
       concat_ws(E'\n',
           pg_get_indexdef(i.oid),
           CASE WHEN x.indisprimary THEN 'primary key' WHEN x.indisexclusion THEN 'exclusion' WHEN x.indisunique THEN 'unique' END,
           CASE WHEN NOT x.indimmediate THEN 'deferrable' END,
           'tablespace ' || quote_ident(ts.spcname),
           'partition of ' || parent.name,
           CASE WHEN x.indisclustered THEN 'clustered' END,
           CASE WHEN x.indisreplident THEN 'replica identity' END,
           'statistics ' || (SELECT string_agg(a.attnum || ' ' || a.attstattarget, ', ' ORDER BY a.attnum)
                             FROM pg_attribute a WHERE a.attrelid = i.oid AND a.attstattarget >= 0),
           CASE WHEN NOT x.indisvalid THEN 'INVALID' END,
           CASE WHEN NOT x.indisready THEN 'NOT READY' END,
           CASE WHEN NOT x.indislive THEN 'NOT LIVE' END,
           'on a relation of extension ' || extension.name) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = i.relnamespace
LEFT JOIN pg_tablespace ts ON ts.oid = i.reltablespace
LEFT JOIN (
    SELECT h.inhrelid, format('%I.%I', pn.nspname, p.relname) AS name
    FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
    WHERE p.relkind = 'I'
) parent ON parent.inhrelid = i.oid
LEFT JOIN (
    SELECT e.objid, quote_ident(x.extname) AS name
    FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid
    WHERE e.classid = 'pg_class'::regclass AND e.refclassid = 'pg_extension'::regclass AND e.objsubid = 0 AND e.deptype = 'e'
) extension ON extension.objid = c.oid
WHERE c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
