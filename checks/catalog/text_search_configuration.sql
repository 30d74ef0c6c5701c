-- Which dictionaries does each text search configuration send each kind of token to, in which order?
-- if: pg_ts_config WHERE cfgnamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, c.cfgname) AS identity,
       concat_ws(E'\n', format('parser %I.%I', pn.nspname, p.prsname),
           (SELECT string_agg(line, E'\n' ORDER BY line COLLATE "C")
            FROM (SELECT k.alias || ': ' || string_agg(format('%I.%I', dn.nspname, d.dictname), ', ' ORDER BY m.mapseqno) AS line
                  FROM pg_ts_config_map m
                  JOIN ts_token_type(c.cfgparser) k ON k.tokid = m.maptokentype
                  JOIN pg_ts_dict d ON d.oid = m.mapdict
                  JOIN pg_namespace dn ON dn.oid = d.dictnamespace
                  WHERE m.mapcfg = c.oid
                  GROUP BY k.alias) lines)) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_ts_config c
JOIN pg_namespace n ON n.oid = c.cfgnamespace
JOIN pg_ts_parser p ON p.oid = c.cfgparser
JOIN pg_namespace pn ON pn.oid = p.prsnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_ts_config'::regclass AND e.objid = c.oid AND e.deptype = 'e')
