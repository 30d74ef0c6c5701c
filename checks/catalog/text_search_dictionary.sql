-- From which template, with which options, is each text search dictionary made?
-- if: pg_ts_dict WHERE dictnamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, d.dictname) AS identity,
       concat_ws(E'\n', format('template %I.%I', tn.nspname, t.tmplname), 'options ' || d.dictinitoption) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_ts_dict d
JOIN pg_namespace n ON n.oid = d.dictnamespace
JOIN pg_ts_template t ON t.oid = d.dicttemplate
JOIN pg_namespace tn ON tn.oid = t.tmplnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_ts_dict'::regclass AND e.objid = d.oid AND e.deptype = 'e')
