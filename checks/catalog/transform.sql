-- How does each type enter and leave each language?
-- if: pg_transform
SELECT format('for %s language %I', format_type(t.trftype, NULL), l.lanname) AS identity,
       concat_ws(E'\n', 'from sql ' || nullif(t.trffromsql::oid, 0)::regprocedure,
                        'to sql ' || nullif(t.trftosql::oid, 0)::regprocedure) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_transform t
JOIN pg_language l ON l.oid = t.trflang
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_transform'::regclass AND e.objid = t.oid AND e.deptype = 'e')
