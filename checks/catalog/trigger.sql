-- What does each trigger do, and is it enabled? A partition's clone is asked only where its state differs from its original's.
SELECT format('%I.%I %I', n.nspname, c.relname, g.tgname) AS identity,
       concat_ws(E'\n',
           pg_get_triggerdef(g.oid),
           CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled replica' WHEN 'A' THEN 'enabled always' ELSE 'enabled' END,
           CASE WHEN o.oid IS NOT NULL THEN 'clone of the trigger of the partitioned table' END) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_trigger g
JOIN pg_class c ON c.oid = g.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_trigger o ON o.oid = g.tgparentid
WHERE ((NOT g.tgisinternal AND g.tgparentid = 0) OR (NOT o.tgisinternal AND o.tgenabled <> g.tgenabled))
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY 1
