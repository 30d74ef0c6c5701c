-- Which comment stands on each object? The comment of plpgsql, which every database has from its template, is left out.
SELECT format('%s %I.%I', CASE WHEN d.objsubid > 0 THEN 'column' WHEN c.relkind = 'S' THEN 'sequence' WHEN c.relkind IN ('i', 'I') THEN 'index'
                               WHEN c.relkind = 'v' THEN 'view' WHEN c.relkind = 'm' THEN 'materialized view'
                               WHEN c.relkind = 'f' THEN 'foreign table' WHEN c.relkind = 'c' THEN 'composite type' ELSE 'table' END,
              n.nspname, c.relname)
           || CASE WHEN d.objsubid > 0 THEN '.' || quote_ident(a.attname) ELSE '' END AS identity,
       d.description AS definition,
       n.nspname::text AS schema_name,
       coalesce(parent.relname, c.relname)::text AS relation_name
FROM pg_description d
JOIN pg_class c ON c.oid = d.objoid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
LEFT JOIN pg_index x ON x.indexrelid = c.oid
LEFT JOIN pg_class parent ON parent.oid = x.indrelid
WHERE d.classoid = 'pg_class'::regclass
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = x.indrelid AND e.deptype = 'e')
UNION ALL
SELECT CASE WHEN i.type = 'large object' THEN 'large object ' || d.objoid
            -- As owners and the objects themselves are called.
            WHEN i.type LIKE 'operator %' THEN i.type || ' ' || replace(i.identity, ' USING ', ' using ')
            ELSE i.type || ' ' || i.identity END,
       d.description,
       CASE WHEN d.classoid = 'pg_namespace'::regclass THEN s.nspname ELSE coalesce(i.schema, rn.nspname) END,
       r.relname
FROM pg_description d
CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) i
LEFT JOIN pg_namespace s ON d.classoid = 'pg_namespace'::regclass AND s.oid = d.objoid
LEFT JOIN pg_trigger g ON d.classoid = 'pg_trigger'::regclass AND g.oid = d.objoid
LEFT JOIN pg_constraint k ON d.classoid = 'pg_constraint'::regclass AND k.oid = d.objoid
LEFT JOIN pg_policy p ON d.classoid = 'pg_policy'::regclass AND p.oid = d.objoid
LEFT JOIN pg_rewrite w ON d.classoid = 'pg_rewrite'::regclass AND w.oid = d.objoid
LEFT JOIN pg_class r ON r.oid = coalesce(g.tgrelid, k.conrelid, p.polrelid, w.ev_class)
LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
WHERE d.classoid <> 'pg_class'::regclass
  -- DROP SUBSCRIPTION leaves its comment behind: an object that is gone has no identity.
  AND i.identity IS NOT NULL
  AND (d.objoid >= 16384
       OR d.classoid = 'pg_largeobject'::regclass
       OR (d.classoid = 'pg_namespace'::regclass AND s.nspname = 'public'))
  AND coalesce(i.schema, '') !~ '^pg_'
  AND NOT (d.classoid = 'pg_extension'::regclass AND i.name = 'plpgsql')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')
UNION ALL
SELECT 'database this database', d.description, NULL, NULL
FROM pg_shdescription d
JOIN pg_database b ON b.oid = d.objoid AND b.datname = current_database()
WHERE d.classoid = 'pg_database'::regclass
