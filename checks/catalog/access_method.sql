-- Which access methods were added? Objects without a schema are ours when their number is not one of the server's own (below 16384).
-- if: pg_am WHERE oid >= 16384
SELECT quote_ident(a.amname) AS identity,
       concat_ws(E'\n',
           CASE a.amtype WHEN 't' THEN 'table' ELSE 'index' END,
           'handler ' || a.amhandler::oid::regprocedure) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_am a
WHERE a.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_am'::regclass AND e.objid = a.oid AND e.deptype = 'e')
