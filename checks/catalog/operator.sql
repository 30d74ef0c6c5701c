-- Which function stands behind each operator, and what may the planner assume of it?
-- if: pg_operator WHERE oprnamespace NOT IN (TABLE own)
SELECT o.oid::regoperator::text AS identity,
       concat_ws(E'\n',
           'function ' || o.oprcode::oid::regprocedure,
           'result ' || format_type(o.oprresult, NULL),
           'commutator ' || nullif(o.oprcom, 0)::regoperator,
           'negator ' || nullif(o.oprnegate, 0)::regoperator,
           'restrict ' || nullif(o.oprrest::oid, 0)::regprocedure,
           'join ' || nullif(o.oprjoin::oid, 0)::regprocedure,
           CASE WHEN o.oprcanmerge THEN 'merges' END,
           CASE WHEN o.oprcanhash THEN 'hashes' END) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_operator o
JOIN pg_namespace n ON n.oid = o.oprnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_operator'::regclass AND e.objid = o.oid AND e.deptype = 'e')
