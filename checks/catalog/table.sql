-- What makes each table what it is, apart from its columns, constraints, indexes and triggers?
SELECT format('%I.%I', n.nspname, c.relname) AS identity,
       concat_ws(E'\n',
           CASE c.relkind WHEN 'p' THEN 'partitioned table' ELSE 'table' END,
           CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
           'access method ' || quote_ident(am.amname),
           'tablespace ' || quote_ident(ts.spcname),
           'of type ' || CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END,
           'partition by ' || CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,
           CASE WHEN c.relispartition THEN 'partition of ' ELSE 'inherits ' END || parents.names,
           CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END,
           'options ' || (SELECT string_agg(CASE WHEN o ~ '[,'']|\s' THEN quote_literal(o) ELSE o END, ', ' ORDER BY o COLLATE "C") FROM unnest(c.reloptions) o),
           'toast options ' || (SELECT string_agg(CASE WHEN o ~ '[,'']|\s' THEN quote_literal(o) ELSE o END, ', ' ORDER BY o COLLATE "C") FROM unnest(toast.reloptions) o),
           CASE c.relreplident WHEN 'f' THEN 'replica identity full'
                               WHEN 'n' THEN 'replica identity nothing'
                               WHEN 'i' THEN 'replica identity using index ' || coalesce(replica.names, '(none)') END,
           CASE WHEN c.relrowsecurity THEN 'row level security enabled' END,
           CASE WHEN c.relforcerowsecurity THEN 'row level security forced' END) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_am am ON am.oid = c.relam
LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
LEFT JOIN (
    SELECT i.inhrelid, string_agg(format('%I.%I', pn.nspname, p.relname)
               || CASE WHEN to_jsonb(i) ->> 'inhdetachpending' = 'true' THEN ' (detach pending)' ELSE '' END,
               ', ' ORDER BY i.inhseqno) AS names
    FROM pg_inherits i
    JOIN pg_class p ON p.oid = i.inhparent
    JOIN pg_namespace pn ON pn.oid = p.relnamespace
    GROUP BY i.inhrelid
) parents ON parents.inhrelid = c.oid
LEFT JOIN (
    SELECT x.indrelid, string_agg(quote_ident(i.relname), ', ' ORDER BY i.relname COLLATE "C") AS names
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    WHERE x.indisreplident
    GROUP BY x.indrelid
) replica ON replica.indrelid = c.oid
WHERE c.relkind IN ('r', 'p')
  AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
