-- Which settings apply in this database, to all or to one role? pg_dump carries them only with --create. Values of settings
-- named like secrets are not shown, only a digest that is made slowly in the program (src/hidden.rs).
SELECT format('%s %s', CASE WHEN s.setrole = 0 THEN 'this database' ELSE 'role ' || quote_ident(pg_get_userbyid(s.setrole)) END,
              split_part(c, '=', 1)) AS identity,
       CASE WHEN split_part(c, '=', 1) ~* 'pass|secret|token|key|credential'
            THEN '(hidden value ' || encode(convert_to(substr(c, strpos(c, '=') + 1), 'UTF8'), 'hex') || ')'
            ELSE substr(c, strpos(c, '=') + 1) END AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_db_role_setting s
CROSS JOIN LATERAL unnest(s.setconfig) c
WHERE s.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
