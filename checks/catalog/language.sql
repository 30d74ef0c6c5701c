-- Which procedural languages were added by hand, with which handlers?
-- if: pg_language WHERE oid >= 16384
SELECT quote_ident(l.lanname) AS identity,
       concat_ws(E'\n',
           CASE WHEN l.lanpltrusted THEN 'trusted' ELSE 'untrusted' END,
           'handler ' || nullif(l.lanplcallfoid, 0)::regprocedure,
           'inline ' || nullif(l.laninline, 0)::regprocedure,
           'validator ' || nullif(l.lanvalidator, 0)::regprocedure) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_language l
WHERE l.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_language'::regclass AND e.objid = l.oid AND e.deptype = 'e')
