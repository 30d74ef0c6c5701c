-- Which schemas are there? Owner, privileges and comment are questions of their own.
SELECT quote_ident(n.nspname) AS identity,
       'schema'::text AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e')
