-- Which large objects are there? Rows hold these numbers, so the number is the identity. What is in them is data.
-- if: pg_largeobject_metadata
SELECT l.oid::text AS identity,
       'large object'::text AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_largeobject_metadata l
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_largeobject_metadata'::regclass AND e.objid = l.oid AND e.deptype = 'e')
