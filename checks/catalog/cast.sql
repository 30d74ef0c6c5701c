-- How does each added cast convert, and when? Those that a range type brings along are left out.
-- if: pg_cast WHERE oid >= 16384
SELECT format('(%s AS %s)', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)) AS identity,
       concat_ws(E'\n',
           CASE c.castmethod WHEN 'f' THEN 'function ' || c.castfunc::regprocedure
                             WHEN 'i' THEN 'with inout' ELSE 'without function' END,
           CASE c.castcontext WHEN 'e' THEN 'explicit' WHEN 'a' THEN 'assignment' ELSE 'implicit' END) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_cast c
WHERE c.oid >= 16384
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_cast'::regclass AND e.objid = c.oid AND e.deptype IN ('e', 'i'))
