-- On which columns together does the planner keep statistics? (The statistics themselves are not compared.)
SELECT format('%I.%I', n.nspname, s.stxname) AS identity,
       concat_ws(E'\n', pg_get_statisticsobjdef(s.oid),
           'statistics ' || CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget END) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
JOIN pg_class c ON c.oid = s.stxrelid
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY 1
