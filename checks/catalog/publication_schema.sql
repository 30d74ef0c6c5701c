-- Of which schemas does each publication send every table?
-- from: 15
-- if: pg_publication
SELECT format('%I %I', p.pubname, n.nspname) AS identity,
       'all tables of the schema'::text AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_publication_namespace s
JOIN pg_publication p ON p.oid = s.pnpubid
JOIN pg_namespace n ON n.oid = s.pnnspid
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_publication'::regclass AND e.objid = p.oid AND e.deptype = 'e')
