-- Which roles use which foreign server as which remote user? Values of options named like secrets are not shown. A role sees only
-- some mappings' options (pg_user_mappings in the manual), and a dump by that role loses the others: those cannot be compared.
-- if: pg_foreign_server
SELECT format('%s on %I', CASE WHEN m.umuser = 0 THEN 'public' ELSE quote_ident(m.usename) END, m.srvname) AS identity,
       CASE WHEN m.umoptions IS NULL AND NOT r.rolsuper
             AND NOT (pg_has_role(s.srvowner, 'USAGE') AND m.umuser = 0)
             AND NOT (m.usename = current_user AND (pg_has_role(s.srvowner, 'USAGE') OR has_server_privilege(s.oid, 'USAGE')))
            THEN 'NOT READABLE: this role may not see the options (user, password), and a dump by this role leaves them out'
            ELSE concat_ws(E'\n', 'user mapping',
           'options ' || (SELECT string_agg(CASE WHEN o.option_name ~ '^[a-z_][a-z0-9_]*$' THEN o.option_name
                   ELSE '"' || replace(o.option_name, '"', '""') || '"' END || '=' || CASE WHEN o.option_name ~* 'pass|secret|token|key|credential'
                   THEN '(hidden value ' || encode(convert_to(o.option_value, 'UTF8'), 'hex') || ')'
                   ELSE quote_literal(o.option_value) END, ', ' ORDER BY o.option_name COLLATE "C")
               FROM pg_options_to_table(m.umoptions) o)) END AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_user_mappings m
JOIN pg_foreign_server s ON s.oid = m.srvid
JOIN pg_roles r ON r.rolname = current_user
