-- For which type and access method is each operator class, and is it the default?
SELECT format('%I.%I using %I', n.nspname, o.opcname, am.amname) AS identity,
       concat_ws(E'\n',
           'for ' || format_type(o.opcintype, NULL),
           CASE WHEN o.opcdefault THEN 'default' END,
           format('family %I.%I', fn.nspname, f.opfname),
           'storage ' || CASE WHEN o.opckeytype <> 0 THEN format_type(o.opckeytype, NULL) END) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_opclass o
JOIN pg_namespace n ON n.oid = o.opcnamespace
JOIN pg_am am ON am.oid = o.opcmethod
JOIN pg_opfamily f ON f.oid = o.opcfamily
JOIN pg_namespace fn ON fn.oid = f.opfnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_opclass'::regclass AND e.objid = o.oid AND e.deptype = 'e')
ORDER BY 1
