-- Where is each foreign table, on which server, with which options?
-- if: pg_foreign_table
SELECT format('%I.%I', n.nspname, c.relname) AS identity,
       concat_ws(E'\n', 'server ' || quote_ident(s.srvname),
           CASE WHEN c.relispartition THEN 'partition of ' ELSE 'inherits ' END
               || (SELECT string_agg(format('%I.%I', pn.nspname, p.relname), ', ' ORDER BY i.inhseqno)
                   FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
                   WHERE i.inhrelid = c.oid),
           CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END,
           'options ' || (SELECT string_agg(CASE WHEN o.option_name ~ '^[a-z_][a-z0-9_]*$' THEN o.option_name
                   ELSE '"' || replace(o.option_name, '"', '""') || '"' END || '=' || CASE WHEN o.option_name ~* 'pass|secret|token|key|credential'
                   THEN '(hidden value ' || encode(convert_to(o.option_value, 'UTF8'), 'hex') || ')'
                   ELSE quote_literal(o.option_value) END, ', ' ORDER BY o.option_name COLLATE "C")
               FROM pg_options_to_table(f.ftoptions) o)) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_foreign_table f
JOIN pg_class c ON c.oid = f.ftrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_foreign_server s ON s.oid = f.ftserver
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
