-- From which functions is each text search parser made?
-- if: pg_ts_parser WHERE prsnamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, p.prsname) AS identity,
       concat_ws(E'\n', 'start ' || p.prsstart::oid::regprocedure, 'token ' || p.prstoken::oid::regprocedure,
           'end ' || p.prsend::oid::regprocedure, 'lexical types ' || p.prslextype::oid::regprocedure,
           'headline ' || nullif(p.prsheadline::oid, 0)::regprocedure) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_ts_parser p
JOIN pg_namespace n ON n.oid = p.prsnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_ts_parser'::regclass AND e.objid = p.oid AND e.deptype = 'e')
