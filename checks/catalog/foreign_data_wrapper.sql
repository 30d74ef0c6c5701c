-- Which foreign-data wrappers are there, with which handlers and options? Values of options named like secrets are not shown.
-- if: pg_foreign_data_wrapper
SELECT quote_ident(f.fdwname) AS identity,
       concat_ws(E'\n', 'foreign-data wrapper',
           'handler ' || nullif(f.fdwhandler, 0)::regprocedure,
           'validator ' || nullif(f.fdwvalidator, 0)::regprocedure,
           'options ' || (SELECT string_agg(CASE WHEN o.option_name ~ '^[a-z_][a-z0-9_]*$' THEN o.option_name
                   ELSE '"' || replace(o.option_name, '"', '""') || '"' END || '=' || CASE WHEN o.option_name ~* 'pass|secret|token|key|credential'
                   THEN '(hidden value ' || encode(convert_to(o.option_value, 'UTF8'), 'hex') || ')'
                   ELSE quote_literal(o.option_value) END, ', ' ORDER BY o.option_name COLLATE "C")
               FROM pg_options_to_table(f.fdwoptions) o)) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_foreign_data_wrapper f
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_foreign_data_wrapper'::regclass AND e.objid = f.oid AND e.deptype = 'e')
