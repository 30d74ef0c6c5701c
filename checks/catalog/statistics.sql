-- On which columns together does the planner keep statistics? (The statistics themselves are not compared.)
-- pg_dump leaves out what a user put on a relation of an extension, so those are asked as well.
-- if: pg_statistic_ext
SELECT format('%I.%I', n.nspname, s.stxname) AS identity,
       concat_ws(E'\n', pg_get_statisticsobjdef(s.oid),
           'statistics ' || CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget END,
           'on a relation of extension ' || extension.name) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
JOIN pg_class c ON c.oid = s.stxrelid
LEFT JOIN (
    SELECT e.objid, quote_ident(x.extname) AS name
    FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid
    WHERE e.classid = 'pg_class'::regclass AND e.refclassid = 'pg_extension'::regclass AND e.objsubid = 0 AND e.deptype = 'e'
) extension ON extension.objid = c.oid
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_statistic_ext'::regclass AND e.objid = s.oid AND e.deptype = 'e')
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
