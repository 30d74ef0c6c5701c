-- Who may do what with each object? One row for each object (or column) and each of those who were granted something.
-- No list at all and a list that says what the default says are the same rights, so the default is filled in. The owner is called
-- that, so that a changed owner is one finding and not three. The grantor and the order are left out: a restore makes its own.
-- Everything that can be granted is called ALL (with * when it can be passed on): a new major adds privileges of its own.
WITH everything AS (
    SELECT t.objtype::"char" AS objtype, count(*) AS number
    FROM unnest(ARRAY['r', 's', 'f', 'T', 'n', 'd', 'l', 'F', 'S', 'L']) t(objtype)
    CROSS JOIN LATERAL aclexplode(acldefault(t.objtype::"char", 10)) a
    WHERE a.grantee = 10
    GROUP BY t.objtype
    UNION ALL
    SELECT 'c', 4
),
object AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind, format('%I.%I', n.nspname, c.relname) AS identity, CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char" AS objtype, c.relowner AS owner,
           coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl, n.nspname AS schema_name, c.relname AS relation_name
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND c.relpersistence <> 't'
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    UNION ALL
    SELECT CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END, p.oid::regprocedure::text, 'f', p.proowner,
           coalesce(p.proacl, acldefault('f', p.proowner)), n.nspname, NULL
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype IN ('e', 'i'))
    UNION ALL
    SELECT 'type', format('%I.%I', n.nspname, t.typname), 'T', t.typowner,
           coalesce(t.typacl, acldefault('T', t.typowner)), n.nspname, NULL
    FROM pg_type t
    JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_class row_of ON row_of.oid = t.typrelid
    WHERE (t.typtype IN ('b', 'd', 'e', 'r') OR row_of.relkind = 'c' OR NOT t.typisdefined)
      AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = t.oid)
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 'schema', quote_ident(n.nspname), 'n', n.nspowner,
           coalesce(n.nspacl, acldefault('n', n.nspowner)), n.nspname, NULL
    FROM pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 'database', 'this database', 'd', d.datdba,
           coalesce(d.datacl, acldefault('d', d.datdba)), NULL, NULL
    FROM pg_database d
    WHERE d.datname = current_database()
    UNION ALL
    SELECT 'language', quote_ident(l.lanname), 'l', l.lanowner,
           coalesce(l.lanacl, acldefault('l', l.lanowner)), NULL, NULL
    FROM pg_language l
    WHERE l.oid >= 16384
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_language'::regclass AND e.objid = l.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 'foreign-data wrapper', quote_ident(w.fdwname), 'F', w.fdwowner,
           coalesce(w.fdwacl, acldefault('F', w.fdwowner)), NULL, NULL
    FROM pg_foreign_data_wrapper w
    WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_foreign_data_wrapper'::regclass AND e.objid = w.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 'server', quote_ident(s.srvname), 'S', s.srvowner,
           coalesce(s.srvacl, acldefault('S', s.srvowner)), NULL, NULL
    FROM pg_foreign_server s
    WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_foreign_server'::regclass AND e.objid = s.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 'large object', o.oid::text, 'L', o.lomowner,
           coalesce(o.lomacl, acldefault('L', o.lomowner)), NULL, NULL
    FROM pg_largeobject_metadata o
    WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_largeobject_metadata'::regclass AND e.objid = o.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 'column', format('%I.%I.%I', n.nspname, c.relname, a.attname), 'c', c.relowner, a.attacl, n.nspname, c.relname
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attacl IS NOT NULL
      AND NOT a.attisdropped
      AND c.relpersistence <> 't'
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
)
SELECT format('%s %s to %s', o.kind, o.identity, g.grantee) AS identity,
       CASE WHEN g.number < e.number OR g.grantable NOT IN (0, g.number) THEN g.list
            WHEN g.grantable = 0 OR g.grantee = 'its owner' THEN 'ALL'
            ELSE 'ALL*' END AS definition,
       o.schema_name::text AS schema_name,
       o.relation_name::text AS relation_name
FROM object o
JOIN everything e ON e.objtype = o.objtype
CROSS JOIN LATERAL (
    SELECT x.grantee, count(*) AS number, count(*) FILTER (WHERE x.grantable) AS grantable,
           string_agg(x.privilege_type || CASE WHEN x.grantable AND x.grantee <> 'its owner' THEN '*' ELSE '' END, ', '
                      ORDER BY x.privilege_type COLLATE "C") AS list
    FROM (
        SELECT CASE WHEN a.grantee = 0 THEN 'public' WHEN a.grantee = o.owner THEN 'its owner'
                    ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
               a.privilege_type, bool_or(a.is_grantable) AS grantable
        FROM aclexplode(o.acl) a
        GROUP BY 1, 2
    ) x
    GROUP BY x.grantee
) g
ORDER BY 1
