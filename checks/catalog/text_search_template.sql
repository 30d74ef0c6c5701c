-- From which functions is each text search template made?
-- if: pg_ts_template WHERE tmplnamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, t.tmplname) AS identity,
       concat_ws(E'\n', 'init ' || nullif(t.tmplinit::oid, 0)::regprocedure, 'lexize ' || t.tmpllexize::oid::regprocedure) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_ts_template t
JOIN pg_namespace n ON n.oid = t.tmplnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_ts_template'::regclass AND e.objid = t.oid AND e.deptype = 'e')
