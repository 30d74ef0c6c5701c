-- Where does each foreign server point? Values of options named like secrets are not shown (src/hidden.rs).
-- if: pg_foreign_server
SELECT quote_ident(s.srvname) AS identity,
       concat_ws(E'\n', 'wrapper ' || quote_ident(f.fdwname), 'type ' || s.srvtype, 'version ' || s.srvversion,
           'options ' || (SELECT string_agg(CASE WHEN o.option_name ~ '^[a-z_][a-z0-9_]*$' THEN o.option_name
                   ELSE '"' || replace(o.option_name, '"', '""') || '"' END || '=' || CASE WHEN o.option_name ~* 'pass|secret|token|key|credential'
                   THEN '(hidden value ' || encode(convert_to(o.option_value, 'UTF8'), 'hex') || ')'
                   ELSE quote_literal(o.option_value) END, ', ' ORDER BY o.option_name COLLATE "C")
               FROM pg_options_to_table(s.srvoptions) o)) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_foreign_server s
JOIN pg_foreign_data_wrapper f ON f.oid = s.srvfdw
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_foreign_server'::regclass AND e.objid = s.oid AND e.deptype = 'e')
