-- Which labels has each enum, in which order?
-- if: pg_type WHERE typtype = 'e' AND typnamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, t.typname) AS identity,
       'enum ' || coalesce((SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                            FROM pg_enum e WHERE e.enumtypid = t.oid), '(no labels)') AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
