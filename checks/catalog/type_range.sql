-- Over which type, in which order, does each range run? Multiranges came with 14.
-- if: pg_type WHERE typtype = 'r' AND typnamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, t.typname) AS identity,
       concat_ws(E'\n',
           'range of ' || format_type(r.rngsubtype, NULL),
           format('operator class %I.%I', opn.nspname, op.opcname),
           CASE WHEN r.rngcollation <> st.typcollation THEN format('collate %I.%I', cn.nspname, co.collname) END,
           'canonical ' || nullif(r.rngcanonical::oid, 0)::regprocedure,
           'difference ' || nullif(r.rngsubdiff::oid, 0)::regprocedure,
           'multirange ' || format_type((to_jsonb(r) ->> 'rngmultitypid')::oid, NULL)) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_range r
JOIN pg_type t ON t.oid = r.rngtypid
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_type st ON st.oid = r.rngsubtype
JOIN pg_opclass op ON op.oid = r.rngsubopc
JOIN pg_namespace opn ON opn.oid = op.opcnamespace
LEFT JOIN pg_collation co ON co.oid = r.rngcollation
LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
