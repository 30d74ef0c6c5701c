-- To which publications does each subscription listen? Only what everybody may read; where it connects to holds a password.
-- Whether it is enabled is not asked: a restored copy must not start to replicate, and pg_restore leaves it disabled.
SELECT quote_ident(s.subname) AS identity,
       concat_ws(E'\n',
           'publications ' || (SELECT string_agg(quote_ident(name), ', ' ORDER BY name COLLATE "C") FROM unnest(s.subpublications) name),
           'slot ' || quote_ident(s.subslotname)) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_subscription s
WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
ORDER BY 1
