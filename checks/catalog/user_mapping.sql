-- Who may use which foreign server as whom? Values of options named like secrets are not shown, only eight digits of their
-- digest: enough to see a change, too few to prove a guess. Options that this user may not read are left out by the server.
SELECT format('%s on %I', CASE WHEN m.umuser = 0 THEN 'public' ELSE quote_ident(m.usename) END, m.srvname) AS identity,
       concat_ws(E'\n', 'user mapping',
           'options ' || (SELECT string_agg(o.option_name || '=' || CASE WHEN o.option_name ~* 'pass|secret|token|key|credential'
                   THEN '(hidden ' || left(encode(sha256(convert_to(o.option_value, 'UTF8')), 'hex'), 8) || ')'
                   ELSE quote_literal(o.option_value) END, ', ' ORDER BY o.option_name COLLATE "C")
               FROM pg_options_to_table(m.umoptions) o)) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_user_mappings m
ORDER BY 1
