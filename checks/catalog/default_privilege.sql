-- Which privileges will objects get that are yet to be created? Every privilege is named: a new major adds some of its own, and
-- only those that both sides know can be compared.
-- if: pg_default_acl
SELECT format('for %I%s on %s', pg_get_userbyid(d.defaclrole),
              CASE WHEN n.oid IS NOT NULL THEN format(' in %I', n.nspname) END,
              CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
                                   WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' WHEN 'L' THEN 'large objects' END) AS identity,
       coalesce((SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C")
                 FROM (SELECT g.grantee || ': ' || string_agg(g.privilege, ', ' ORDER BY g.privilege COLLATE "C") AS line
                       FROM (SELECT CASE WHEN a.grantee = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
                                    a.privilege_type || CASE WHEN bool_or(a.is_grantable) THEN '*' ELSE '' END AS privilege
                             FROM aclexplode(d.defaclacl) a
                             GROUP BY a.grantee, a.privilege_type) g
                       GROUP BY g.grantee) lines), 'none') AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_default_acl d
LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
