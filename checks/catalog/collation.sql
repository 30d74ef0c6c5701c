-- Which order does each added collation ask for? The version of the library's rules is the question collation_version.
-- if: pg_collation WHERE collnamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, c.collname) AS identity,
       concat_ws(E'\n',
           CASE c.collprovider WHEN 'i' THEN 'provider icu' WHEN 'c' THEN 'provider libc' WHEN 'b' THEN 'provider builtin' ELSE 'provider default' END,
           'locale ' || coalesce(j ->> 'colllocale', j ->> 'colliculocale',
                                 CASE WHEN c.collprovider = 'i' THEN c.collcollate::text END),
           CASE WHEN c.collprovider = 'c' THEN format('lc_collate %s lc_ctype %s', c.collcollate, c.collctype) END,
           'rules ' || (j ->> 'collicurules'),
           CASE WHEN NOT c.collisdeterministic THEN 'not deterministic' END,
           'encoding ' || CASE WHEN c.collencoding >= 0 THEN pg_encoding_to_char(c.collencoding) END) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_collation c
CROSS JOIN LATERAL to_jsonb(c) j
JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_collation'::regclass AND e.objid = c.oid AND e.deptype = 'e')
