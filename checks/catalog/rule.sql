-- What does each rewrite rule do, and is it enabled? A view's own rule is the view.
-- pg_dump leaves out what a user put on a relation of an extension, so those are asked as well.
-- if: pg_rewrite WHERE rulename <> '_RETURN' AND ev_class <> 'pg_catalog.pg_settings'::regclass
SELECT format('%I.%I %I', n.nspname, c.relname, r.rulename) AS identity,
       concat_ws(E'\n',
           pg_get_ruledef(r.oid),
           CASE r.ev_enabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled replica' WHEN 'A' THEN 'enabled always' ELSE 'enabled' END,
           'on a relation of extension ' || extension.name) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (
    SELECT e.objid, quote_ident(x.extname) AS name
    FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid
    WHERE e.classid = 'pg_class'::regclass AND e.refclassid = 'pg_extension'::regclass AND e.objsubid = 0 AND e.deptype = 'e'
) extension ON extension.objid = c.oid
WHERE r.rulename <> '_RETURN'
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
