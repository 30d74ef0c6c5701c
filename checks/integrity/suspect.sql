-- Functions that neither the server, nor a superuser, nor an extension of a superuser, nor this role answers for. The questions on
-- foreign keys and on planning begin with this.
WITH suspect AS MATERIALIZED (
    SELECT p.oid, p.oid::regprocedure::text AS printed, p.proname, p.prosrc, l.lanname = 'sql' AS is_sql
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid >= 16384
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles o
                      WHERE o.oid = p.proowner AND (o.rolsuper OR o.rolname = current_user))
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                      JOIN pg_catalog.pg_roles o ON o.oid = e.extowner
                      WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                        AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND o.rolsuper)
),
