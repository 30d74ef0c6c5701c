-- Which function converts between which encodings?
-- if: pg_conversion WHERE connamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, c.conname) AS identity,
       concat_ws(E'\n',
           format('%s to %s', pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding)),
           'function ' || c.conproc::oid::regprocedure,
           CASE WHEN c.condefault THEN 'default' END) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_conversion c
JOIN pg_namespace n ON n.oid = c.connamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_conversion'::regclass AND e.objid = c.oid AND e.deptype = 'e')
