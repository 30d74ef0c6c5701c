-- How is each base type stored, read and written? Array types that the server makes by itself are left out.
SELECT format('%I.%I', n.nspname, t.typname) AS identity,
       CASE WHEN NOT t.typisdefined THEN 'shell' ELSE concat_ws(E'\n',
           'input ' || t.typinput::oid::regprocedure,
           'output ' || t.typoutput::oid::regprocedure,
           'receive ' || nullif(t.typreceive::oid, 0)::regprocedure,
           'send ' || nullif(t.typsend::oid, 0)::regprocedure,
           'typmod in ' || nullif(t.typmodin::oid, 0)::regprocedure,
           'typmod out ' || nullif(t.typmodout::oid, 0)::regprocedure,
           'analyze ' || nullif(t.typanalyze::oid, 0)::regprocedure,
           'subscript ' || nullif(to_jsonb(t) ->> 'typsubscript', '-'),
           format('length %s by value %s align %s storage %s', t.typlen, t.typbyval, t.typalign, t.typstorage),
           format('category %s preferred %s delimiter %s', t.typcategory, t.typispreferred, t.typdelim),
           'element ' || CASE WHEN t.typelem <> 0 THEN format_type(t.typelem, NULL) END,
           'default ' || t.typdefault,
           CASE WHEN t.typcollation <> 0 THEN 'collatable' END) END AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE (t.typtype = 'b' OR NOT t.typisdefined)
  AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = t.oid)
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
