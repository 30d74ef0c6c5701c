-- The search path that a session of this role has in this database unless it sets its own, and the schemas it can use. Ours is empty, so
-- it is derived: the most particular setting first. A value in the server's configuration file shows only where no option of ours hides it.
SELECT COALESCE(
           (SELECT pg_catalog.substr(s.setting, pg_catalog.length('search_path=') + 1)
            FROM pg_catalog.pg_db_role_setting r CROSS JOIN LATERAL pg_catalog.unnest(r.setconfig) AS s (setting)
            WHERE s.setting LIKE 'search\_path=%'
              AND (r.setdatabase = 0 OR r.setdatabase = (SELECT oid FROM pg_catalog.pg_database
                                                         WHERE datname = pg_catalog.current_database()))
              AND (r.setrole = 0 OR r.setrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = SESSION_USER))
            ORDER BY r.setdatabase <> 0 AND r.setrole <> 0 DESC, r.setrole <> 0 DESC, r.setdatabase <> 0 DESC
            LIMIT 1),
           (SELECT NULLIF(reset_val, '') FROM pg_catalog.pg_settings WHERE name = 'search_path' AND reset_val <> '""'),
           '"$user", public') AS path,
       CURRENT_USER AS role,
       (SELECT COALESCE(pg_catalog.json_agg(nspname), '[]') FROM pg_catalog.pg_namespace
        WHERE pg_catalog.has_schema_privilege(oid, 'USAGE')) AS usable
