-- By which version of the library's rules were texts sorted when indexes were built? A copy on another machine sorts by other
-- rules and was built by them: only a side whose recorded version is not that of its own library is wrong. For the default
-- collation of the database see database_collation_version.
SELECT format('%I.%I', n.nspname, c.collname) AS identity,
       concat_ws(E'\n', 'version ' || c.collversion,
           CASE WHEN c.collversion IS DISTINCT FROM pg_collation_actual_version(c.oid)
                THEN 'the library now says ' || coalesce(pg_collation_actual_version(c.oid), 'none') END) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_collation c
JOIN pg_namespace n ON n.oid = c.collnamespace
WHERE c.collversion IS NOT NULL
  AND ((n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_collation'::regclass AND e.objid = c.oid AND e.deptype = 'e'))
       OR (n.nspname = 'pg_catalog'
           AND c.oid IN (SELECT a.attcollation FROM pg_attribute a WHERE a.attrelid >= 16384 AND a.attcollation >= 1000)))
