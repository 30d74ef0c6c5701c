-- Which privileges will objects get that are yet to be created?
SELECT format('for %I%s on %s', pg_get_userbyid(d.defaclrole),
              CASE WHEN n.oid IS NOT NULL THEN format(' in %I', n.nspname) END,
              CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
                                   WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' WHEN 'L' THEN 'large objects' END) AS identity,
       coalesce((SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C")
                 FROM (SELECT CASE WHEN a.grantee = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(a.grantee)) END || ': '
                              || CASE WHEN count(DISTINCT a.privilege_type) = (SELECT count(*)
                                           FROM aclexplode(acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, 10)) f
                                           WHERE f.grantee = 10)
                                      THEN 'ALL' || CASE WHEN bool_and(a.is_grantable) THEN '*' ELSE '' END
                                           || CASE WHEN bool_or(a.is_grantable) AND NOT bool_and(a.is_grantable) THEN ' grantable in part' ELSE '' END
                                      ELSE string_agg(DISTINCT a.privilege_type || CASE WHEN a.is_grantable THEN '*' ELSE '' END, ', ') END AS line
                       FROM aclexplode(d.defaclacl) a GROUP BY a.grantee) lines), 'none') AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_default_acl d
LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
ORDER BY 1
