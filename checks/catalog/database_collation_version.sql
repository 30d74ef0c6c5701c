-- By which version of the library's rules does the database itself sort? As collation_version; 14 does not record it.
-- from: 15
-- between: 15
SELECT 'this database'::text AS identity,
       concat_ws(E'\n', 'version ' || d.datcollversion,
           CASE WHEN d.datcollversion IS DISTINCT FROM pg_database_collation_actual_version(d.oid)
                THEN 'the library now says ' || coalesce(pg_database_collation_actual_version(d.oid), 'none') END) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_database d
WHERE d.datname = current_database()
  AND d.datcollversion IS NOT NULL
