-- Who may do what with each object? One row for each object (or column) and each of those who were granted something.
-- No list at all and a list that says what the default says are the same rights, so the default is filled in. The owner is called
-- that, so that a changed owner is one finding and not three. The grantor and the order are left out: a restore makes its own.
-- Every privilege is named: a new major adds some of its own, and only those that both sides know can be compared.
-- Of objects of the server and of extensions, only what was granted or revoked since is asked, as pg_dump does;
-- it passes over information_schema.
WITH extension AS (
    SELECT e.classid, e.objid FROM pg_depend e WHERE e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
),
object AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind, format('%I.%I', n.nspname, c.relname) AS identity, c.relowner AS owner,
           c.relacl AS acl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner) AS by_default, n.nspname AS schema_name, c.relname AS relation_name,
           'pg_class'::regclass AS classid, c.oid AS objid, 0 AS objsubid, c.oid < 16384 AS is_of_server
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
      AND (c.relacl IS NOT NULL OR c.oid >= 16384)
      AND n.nspname <> 'information_schema' AND (n.nspname !~ '^pg_' OR (n.nspname = 'pg_catalog' AND c.oid < 16384))
    UNION ALL
    SELECT CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind, CASE WHEN p.oid < 16384 THEN 'pg_catalog.' ELSE '' END || p.oid::regprocedure::text AS identity, p.proowner AS owner,
           p.proacl AS acl, acldefault('f', p.proowner) AS by_default, n.nspname AS schema_name, NULL AS relation_name,
           'pg_proc'::regclass AS classid, p.oid AS objid, 0 AS objsubid, p.oid < 16384 AS is_of_server
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE (p.proacl IS NOT NULL OR p.oid >= 16384)
      AND n.nspname <> 'information_schema' AND (n.nspname !~ '^pg_' OR (n.nspname = 'pg_catalog' AND p.oid < 16384))
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'i')
    UNION ALL
    SELECT 'type' AS kind, format('%I.%I', n.nspname, t.typname) AS identity, t.typowner AS owner,
           t.typacl AS acl, acldefault('T', t.typowner) AS by_default, n.nspname AS schema_name, NULL AS relation_name,
           'pg_type'::regclass AS classid, t.oid AS objid, 0 AS objsubid, t.oid < 16384 AS is_of_server
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class row_of ON row_of.oid = t.typrelid
    WHERE (t.typtype IN ('b', 'd', 'e', 'r') OR row_of.relkind = 'c' OR NOT t.typisdefined)
      AND (t.typacl IS NOT NULL OR t.oid >= 16384)
      AND n.nspname <> 'information_schema' AND (n.nspname !~ '^pg_' OR (n.nspname = 'pg_catalog' AND t.oid < 16384))
      AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = t.oid)
    UNION ALL
    SELECT 'schema' AS kind, quote_ident(n.nspname) AS identity, n.nspowner AS owner,
           n.nspacl AS acl, acldefault('n', n.nspowner) AS by_default, n.nspname AS schema_name, NULL AS relation_name,
           'pg_namespace'::regclass AS classid, n.oid AS objid, 0 AS objsubid, n.oid < 16384 AND n.nspname <> 'public' AS is_of_server
    FROM pg_namespace n
    WHERE n.nspname !~ '^pg_(toast|temp)' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT 'database' AS kind, 'this database' AS identity, d.datdba AS owner,
           d.datacl AS acl, acldefault('d', d.datdba) AS by_default, NULL AS schema_name, NULL AS relation_name,
           'pg_database'::regclass AS classid, d.oid AS objid, 0 AS objsubid, false AS is_of_server
    FROM pg_database d
    WHERE d.datname = current_database()
    UNION ALL
    SELECT 'language' AS kind, quote_ident(l.lanname) AS identity, l.lanowner AS owner,
           l.lanacl AS acl, acldefault('l', l.lanowner) AS by_default, NULL AS schema_name, NULL AS relation_name,
           'pg_language'::regclass AS classid, l.oid AS objid, 0 AS objsubid, l.oid < 16384 AS is_of_server
    FROM pg_language l
    WHERE l.lanispl
    UNION ALL
    SELECT 'foreign-data wrapper' AS kind, quote_ident(w.fdwname) AS identity, w.fdwowner AS owner,
           w.fdwacl AS acl, acldefault('F', w.fdwowner) AS by_default, NULL AS schema_name, NULL AS relation_name,
           'pg_foreign_data_wrapper'::regclass AS classid, w.oid AS objid, 0 AS objsubid, false AS is_of_server
    FROM pg_foreign_data_wrapper w
    UNION ALL
    SELECT 'server' AS kind, quote_ident(s.srvname) AS identity, s.srvowner AS owner,
           s.srvacl AS acl, acldefault('S', s.srvowner) AS by_default, NULL AS schema_name, NULL AS relation_name,
           'pg_foreign_server'::regclass AS classid, s.oid AS objid, 0 AS objsubid, false AS is_of_server
    FROM pg_foreign_server s
    UNION ALL
    SELECT 'large object' AS kind, o.oid::text AS identity, o.lomowner AS owner,
           o.lomacl AS acl, acldefault('L', o.lomowner) AS by_default, NULL AS schema_name, NULL AS relation_name,
           'pg_largeobject'::regclass AS classid, o.oid AS objid, 0 AS objsubid, false AS is_of_server
    FROM pg_largeobject_metadata o
    UNION ALL
    SELECT 'column' AS kind, format('%I.%I.%I', n.nspname, c.relname, a.attname) AS identity, c.relowner AS owner,
           a.attacl AS acl, NULL::aclitem[] AS by_default, n.nspname AS schema_name, c.relname AS relation_name,
           'pg_class'::regclass AS classid, c.oid AS objid, a.attnum AS objsubid, c.oid < 16384 AS is_of_server
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT a.attisdropped AND c.relpersistence <> 't'
      AND n.nspname <> 'information_schema' AND (n.nspname !~ '^pg_' OR (n.nspname = 'pg_catalog' AND c.oid < 16384))
      AND (a.attacl IS NOT NULL OR EXISTS (SELECT FROM pg_init_privs i
                                           WHERE i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = a.attnum))
),
listed AS (
    SELECT o.kind, o.identity, o.owner, coalesce(o.acl, o.by_default) AS acl, o.schema_name, o.relation_name,
           o.is_of_server OR x.objid IS NOT NULL AS is_theirs,
           CASE WHEN o.is_of_server OR x.objid IS NOT NULL THEN coalesce(i.initprivs, o.by_default) END AS at_first
    FROM object o
    LEFT JOIN extension x ON x.classid = o.classid AND x.objid = o.objid
    LEFT JOIN pg_init_privs i ON i.classoid = o.classid AND i.objoid = o.objid AND i.objsubid = o.objsubid
),
held AS (
    SELECT l.kind, l.identity, l.schema_name, l.relation_name, l.is_theirs,
           CASE WHEN a.grantee = 0 THEN 'public' WHEN a.grantee = l.owner THEN 'its owner'
                ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
           a.privilege_type || CASE WHEN bool_or(a.is_grantable) AND a.grantee <> l.owner THEN '*' ELSE '' END AS privilege,
           bool_or(a.is_now) AS is_now, bool_or(a.was_first) AS was_first
    FROM listed l
    CROSS JOIN LATERAL (
        SELECT e.grantee, e.privilege_type, e.is_grantable, true AS is_now, false AS was_first FROM aclexplode(l.acl) e
        UNION ALL
        SELECT e.grantee, e.privilege_type, e.is_grantable, false, true FROM aclexplode(l.at_first) e
    ) a
    WHERE NOT l.is_theirs
       -- What an object of the server had at first may name roles that are gone.
       OR (l.at_first IS DISTINCT FROM l.acl AND (a.grantee = 0 OR EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.grantee)))
    GROUP BY 1, 2, 3, 4, 5, 6, a.privilege_type, a.grantee, l.owner,
             -- Of an object of the server, the same privilege with and without the right to pass it on are two.
             CASE WHEN l.is_theirs AND a.grantee <> l.owner THEN a.is_grantable END
)
SELECT format('%s %s to %s', h.kind, h.identity, h.grantee) AS identity,
       CASE WHEN h.is_theirs THEN concat_ws(E'\n',
                'granted ' || string_agg(h.privilege, ', ' ORDER BY h.privilege COLLATE "C") FILTER (WHERE NOT h.was_first),
                'revoked ' || string_agg(h.privilege, ', ' ORDER BY h.privilege COLLATE "C") FILTER (WHERE NOT h.is_now))
            ELSE string_agg(h.privilege, ', ' ORDER BY h.privilege COLLATE "C") END AS definition,
       h.schema_name::text AS schema_name,
       h.relation_name::text AS relation_name
FROM held h
WHERE NOT h.is_theirs OR h.is_now <> h.was_first
GROUP BY h.kind, h.identity, h.grantee, h.is_theirs, h.schema_name, h.relation_name
