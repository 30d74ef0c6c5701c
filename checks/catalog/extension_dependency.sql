-- Which objects go when an extension goes (ALTER … DEPENDS ON EXTENSION), although they do not belong to it?
SELECT i.type || ' ' || i.identity || ' on ' || quote_ident(x.extname) AS identity,
       'depends on the extension'::text AS definition,
       coalesce(i.schema, n.nspname)::text AS schema_name,
       coalesce(owner.relname, c.relname)::text AS relation_name
FROM pg_depend d
JOIN pg_extension x ON x.oid = d.refobjid
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) i
LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
LEFT JOIN pg_index x2 ON x2.indexrelid = c.oid
LEFT JOIN pg_trigger g ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid
LEFT JOIN pg_class owner ON owner.oid = coalesce(x2.indrelid, g.tgrelid)
LEFT JOIN pg_namespace n ON n.oid = owner.relnamespace
WHERE d.refclassid = 'pg_extension'::regclass
  AND d.deptype = 'x'
  AND i.identity IS NOT NULL
