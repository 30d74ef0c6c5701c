-- Who owns each object? Who owns an extension is not asked: it belongs to whoever installed it, and nothing can change that.
-- Before 15, schema public belongs to the first role of the server unless that was changed: no dump of then carries it.
SELECT kind || ' ' || identity AS identity, owner_name AS definition, schema_name::text, relation_name::text
FROM (
    SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind, format('%I.%I', n.nspname, c.relname) AS identity, quote_ident(pg_get_userbyid(c.relowner)) AS owner_name,
           n.nspname AS schema_name, c.relname AS relation_name
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND c.relpersistence <> 't'
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_proc WHERE pronamespace NOT IN (TABLE own)
    SELECT CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END, p.oid::regprocedure::text, quote_ident(pg_get_userbyid(p.proowner)),
           n.nspname, NULL
    FROM pg_proc p
    JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype IN ('e', 'i'))
    UNION ALL
    SELECT 'type', format('%I.%I', n.nspname, t.typname), quote_ident(pg_get_userbyid(t.typowner)),
           n.nspname, NULL
    FROM pg_type t
    JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_class row_of ON row_of.oid = t.typrelid
    WHERE (t.typtype IN ('b', 'd', 'e', 'r') OR row_of.relkind = 'c' OR NOT t.typisdefined)
      AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = t.oid)
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 'schema', quote_ident(n.nspname), quote_ident(pg_get_userbyid(n.nspowner))
               || CASE WHEN n.nspname = 'public' AND n.nspowner = 10 AND current_setting('server_version_num')::int < 150000
                       THEN ' (the default owner)' ELSE '' END,
           n.nspname, NULL
    FROM pg_namespace n
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_language WHERE oid >= 16384
    SELECT 'language', quote_ident(l.lanname), quote_ident(pg_get_userbyid(l.lanowner)),
           NULL, NULL
    FROM pg_language l
    WHERE l.oid >= 16384
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_language'::regclass AND e.objid = l.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_foreign_data_wrapper
    SELECT 'foreign-data wrapper', quote_ident(w.fdwname), quote_ident(pg_get_userbyid(w.fdwowner)),
           NULL, NULL
    FROM pg_foreign_data_wrapper w
    WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_foreign_data_wrapper'::regclass AND e.objid = w.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_foreign_server
    SELECT 'server', quote_ident(s.srvname), quote_ident(pg_get_userbyid(s.srvowner)),
           NULL, NULL
    FROM pg_foreign_server s
    WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_foreign_server'::regclass AND e.objid = s.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_largeobject_metadata
    SELECT 'large object', o.oid::text, quote_ident(pg_get_userbyid(o.lomowner)),
           NULL, NULL
    FROM pg_largeobject_metadata o
    WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_largeobject_metadata'::regclass AND e.objid = o.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_operator WHERE oprnamespace NOT IN (TABLE own)
    SELECT 'operator', r.oid::regoperator::text, quote_ident(pg_get_userbyid(r.oprowner)),
           n.nspname, NULL
    FROM pg_operator r
    JOIN pg_namespace n ON n.oid = r.oprnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_operator'::regclass AND e.objid = r.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_opclass WHERE opcnamespace NOT IN (TABLE own)
    SELECT 'operator class', format('%I.%I using %I', n.nspname, k.opcname, am.amname), quote_ident(pg_get_userbyid(k.opcowner)),
           n.nspname, NULL
    FROM pg_opclass k
    JOIN pg_namespace n ON n.oid = k.opcnamespace
    JOIN pg_am am ON am.oid = k.opcmethod
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_opclass'::regclass AND e.objid = k.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_opfamily WHERE opfnamespace NOT IN (TABLE own)
    SELECT 'operator family', format('%I.%I using %I', n.nspname, f.opfname, am.amname), quote_ident(pg_get_userbyid(f.opfowner)),
           n.nspname, NULL
    FROM pg_opfamily f
    JOIN pg_namespace n ON n.oid = f.opfnamespace
    JOIN pg_am am ON am.oid = f.opfmethod
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_opfamily'::regclass AND e.objid = f.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_collation WHERE collnamespace NOT IN (TABLE own)
    SELECT 'collation', format('%I.%I', n.nspname, c.collname), quote_ident(pg_get_userbyid(c.collowner)),
           n.nspname, NULL
    FROM pg_collation c
    JOIN pg_namespace n ON n.oid = c.collnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_collation'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_conversion WHERE connamespace NOT IN (TABLE own)
    SELECT 'conversion', format('%I.%I', n.nspname, c.conname), quote_ident(pg_get_userbyid(c.conowner)),
           n.nspname, NULL
    FROM pg_conversion c
    JOIN pg_namespace n ON n.oid = c.connamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_conversion'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_ts_config WHERE cfgnamespace NOT IN (TABLE own)
    SELECT 'text search configuration', format('%I.%I', n.nspname, c.cfgname), quote_ident(pg_get_userbyid(c.cfgowner)),
           n.nspname, NULL
    FROM pg_ts_config c
    JOIN pg_namespace n ON n.oid = c.cfgnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_ts_config'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_ts_dict WHERE dictnamespace NOT IN (TABLE own)
    SELECT 'text search dictionary', format('%I.%I', n.nspname, d.dictname), quote_ident(pg_get_userbyid(d.dictowner)),
           n.nspname, NULL
    FROM pg_ts_dict d
    JOIN pg_namespace n ON n.oid = d.dictnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_ts_dict'::regclass AND e.objid = d.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_statistic_ext
    SELECT 'statistics object', format('%I.%I', n.nspname, s.stxname), quote_ident(pg_get_userbyid(s.stxowner)),
           n.nspname, c.relname
    FROM pg_statistic_ext s
    JOIN pg_namespace n ON n.oid = s.stxnamespace
    JOIN pg_class c ON c.oid = s.stxrelid
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_statistic_ext'::regclass AND e.objid = s.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_event_trigger
    SELECT 'event trigger', quote_ident(v.evtname), quote_ident(pg_get_userbyid(v.evtowner)),
           NULL, NULL
    FROM pg_event_trigger v
    WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_event_trigger'::regclass AND e.objid = v.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_publication
    SELECT 'publication', quote_ident(p.pubname), quote_ident(pg_get_userbyid(p.pubowner)),
           NULL, NULL
    FROM pg_publication p
    WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_publication'::regclass AND e.objid = p.oid AND e.deptype = 'e')
    UNION ALL
    -- if: pg_subscription
    SELECT 'subscription', quote_ident(s.subname), quote_ident(pg_get_userbyid(s.subowner)), NULL, NULL
    FROM pg_subscription s
    WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    UNION ALL
    SELECT 'database', 'this database', quote_ident(pg_get_userbyid(d.datdba)),
           NULL, NULL
    FROM pg_database d
    WHERE d.datname = current_database()
) owned
