-- Which constraints have some of their own triggers switched off? A key whose triggers are off is printed as valid and checks
-- nothing, and pg_dump does not carry the state. Where all are on, as they should be, there is no row.
-- if: pg_trigger WHERE tgisinternal AND tgenabled <> 'O'
SELECT format('%I.%I %I', n.nspname, c.relname, k.conname) AS identity,
       string_agg(format('%s on %I.%I %s', p.proname, gn.nspname, gc.relname,
                         CASE g.tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled replica' WHEN 'A' THEN 'enabled always' END),
                  E'\n' ORDER BY p.proname COLLATE "C", gn.nspname COLLATE "C", gc.relname COLLATE "C") AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_trigger g
JOIN pg_constraint k ON k.oid = g.tgconstraint
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class gc ON gc.oid = g.tgrelid
JOIN pg_namespace gn ON gn.oid = gc.relnamespace
JOIN pg_proc p ON p.oid = g.tgfoid
WHERE g.tgisinternal
  AND g.tgenabled <> 'O'
  AND k.contype <> 't'
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
GROUP BY n.nspname, c.relname, k.conname
