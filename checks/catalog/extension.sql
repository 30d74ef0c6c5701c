-- Which extensions are installed, in which version and schema? pg_dump writes no version: a restore installs whatever is there.
SELECT quote_ident(x.extname) AS identity,
       concat_ws(E'\n', 'version ' || x.extversion, 'schema ' || quote_ident(n.nspname),
                 CASE WHEN x.extrelocatable THEN 'relocatable' END) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace
