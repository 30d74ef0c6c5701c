-- What does each rewrite rule do, and is it enabled? A view's own rule is the view.
SELECT format('%I.%I %I', n.nspname, c.relname, r.rulename) AS identity,
       concat_ws(E'\n',
           pg_get_ruledef(r.oid),
           CASE r.ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled replica' WHEN 'A' THEN 'enabled always' ELSE 'enabled' END) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN'
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY 1
