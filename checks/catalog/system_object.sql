-- Which objects did a user make in a schema of the server's own? pg_dump never carries them, and rows of such a table are not
-- compared. What an extension made comes with it; collations can be imported there; information_schema itself may have been made again.
SELECT format('%s %I.%s', o.kind, n.nspname, o.identity) AS identity,
       'made by a user in a schema of the server: pg_dump does not carry it'::text AS definition,
       n.nspname::text AS schema_name,
       o.relation::text AS relation_name
FROM (
    SELECT 'pg_class'::regclass AS classid, c.oid, c.relnamespace AS namespace, c.relname AS relation,
           CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                          WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' ELSE 'table' END AS kind,
           quote_ident(c.relname) AS identity
    FROM pg_class c
    LEFT JOIN pg_index x ON x.indexrelid = c.oid
    -- An index on a table that a user made there goes without saying.
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') OR (c.relkind IN ('i', 'I') AND x.indrelid < 16384)
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, p.pronamespace, NULL,
           CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END,
           format('%I(%s)', p.proname, oidvectortypes(p.proargtypes))
    FROM pg_proc p
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, t.typnamespace, NULL, 'type', quote_ident(t.typname)
    FROM pg_type t
    WHERE t.typtype IN ('b', 'd', 'e', 'r') AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = t.oid)
    UNION ALL
    SELECT 'pg_operator'::regclass, r.oid, r.oprnamespace, NULL, 'operator',
           format('%s (%s, %s)', r.oprname, format_type(r.oprleft, NULL), format_type(r.oprright, NULL))
    FROM pg_operator r
    UNION ALL
    SELECT 'pg_opclass'::regclass, k.oid, k.opcnamespace, NULL, 'operator class', format('%I using %I', k.opcname, am.amname)
    FROM pg_opclass k JOIN pg_am am ON am.oid = k.opcmethod
    UNION ALL
    SELECT 'pg_opfamily'::regclass, f.oid, f.opfnamespace, NULL, 'operator family', format('%I using %I', f.opfname, am.amname)
    FROM pg_opfamily f JOIN pg_am am ON am.oid = f.opfmethod
    UNION ALL
    SELECT 'pg_conversion'::regclass, c.oid, c.connamespace, NULL, 'conversion', quote_ident(c.conname)
    FROM pg_conversion c
    UNION ALL
    SELECT 'pg_ts_config'::regclass, c.oid, c.cfgnamespace, NULL, 'text search configuration', quote_ident(c.cfgname)
    FROM pg_ts_config c
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, d.oid, d.dictnamespace, NULL, 'text search dictionary', quote_ident(d.dictname)
    FROM pg_ts_dict d
    UNION ALL
    SELECT 'pg_trigger'::regclass, g.oid, c.relnamespace, c.relname, 'trigger', format('%I %I', c.relname, g.tgname)
    FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
    WHERE NOT g.tgisinternal AND c.oid < 16384
) o
JOIN pg_namespace n ON n.oid = o.namespace
WHERE o.oid >= 16384
  AND n.oid < 16384
  AND n.nspname IN ('pg_catalog', 'information_schema')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = o.classid AND e.objid = o.oid AND e.deptype IN ('e', 'i'))
