-- What does each trigger do, and is it enabled? A partition's clone is asked only where its state differs from its original's.
-- pg_dump leaves out what a user put on a relation of an extension, so those are asked as well.
-- if: pg_trigger WHERE NOT tgisinternal
SELECT format('%I.%I %I', n.nspname, c.relname, g.tgname) AS identity,
       concat_ws(E'\n',
           pg_get_triggerdef(g.oid),
           CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled replica' WHEN 'A' THEN 'enabled always' ELSE 'enabled' END,
           CASE WHEN o.oid IS NOT NULL THEN 'clone of the trigger of the partitioned table' END,
           'on a relation of extension ' || extension.name) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_trigger g
JOIN pg_class c ON c.oid = g.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_trigger o ON o.oid = g.tgparentid
LEFT JOIN (
    SELECT e.objid, quote_ident(x.extname) AS name
    FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid
    WHERE e.classid = 'pg_class'::regclass AND e.refclassid = 'pg_extension'::regclass AND e.objsubid = 0 AND e.deptype = 'e'
) extension ON extension.objid = c.oid
WHERE ((NOT g.tgisinternal AND g.tgparentid = 0) OR (NOT o.tgisinternal AND o.tgenabled <> g.tgenabled))
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
