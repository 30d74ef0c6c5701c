-- Which label has a security module put on each object?
SELECT i.type || ' ' || i.identity || ' by ' || quote_ident(l.provider) AS identity,
       l.label AS definition,
       i.schema::text AS schema_name,
       NULL::text AS relation_name
FROM pg_seclabel l
CROSS JOIN LATERAL pg_identify_object(l.classoid, l.objoid, l.objsubid) i
WHERE i.identity IS NOT NULL -- the object may be gone
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = l.classoid AND e.objid = l.objoid AND e.deptype = 'e')
UNION ALL
SELECT 'database this database by ' || quote_ident(l.provider), l.label, NULL, NULL
FROM pg_shseclabel l
JOIN pg_database b ON b.oid = l.objoid AND b.datname = current_database()
WHERE l.classoid = 'pg_database'::regclass
