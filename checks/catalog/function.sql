-- What does each function do, with every property that CREATE FUNCTION can set? Those that a range type brings along are left out.
-- if: pg_proc WHERE prokind IN ('f', 'w') AND pronamespace NOT IN (TABLE own)
SELECT p.oid::regprocedure::text AS identity,
       pg_get_functiondef(p.oid) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prokind IN ('f', 'w')
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype IN ('e', 'i'))
