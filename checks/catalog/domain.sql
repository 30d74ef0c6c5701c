-- What does each domain allow?
-- if: pg_type WHERE typtype = 'd' AND typnamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, t.typname) AS identity,
       concat_ws(E'\n',
           format_type(t.typbasetype, t.typtypmod),
           CASE WHEN t.typcollation <> b.typcollation THEN format('collate %I.%I', cn.nspname, co.collname) END,
           CASE WHEN t.typnotnull THEN 'not null' END,
           'default ' || t.typdefault,
           (SELECT string_agg(format('constraint %I %s', k.conname, pg_get_constraintdef(k.oid)), E'\n' ORDER BY k.conname COLLATE "C")
            FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c')) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_collation co ON co.oid = t.typcollation
LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
WHERE t.typtype = 'd'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
