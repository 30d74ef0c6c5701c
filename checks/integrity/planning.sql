-- Relations that cannot be planned without looking at an expression with a function of a user: to plan a query, the server evaluates
-- what is constant in the expressions of indexes, statistics and partition keys. Goes on behind suspect.sql. Partitioned
-- tables are planned with their partitions.
planned AS (
    SELECT i.indrelid AS relation, 'pg_catalog.pg_class'::regclass AS class, i.indexrelid AS object,
           concat(i.indexprs::text, i.indpred::text) AS tree
    FROM pg_catalog.pg_index i
    WHERE (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
    UNION ALL
    SELECT t.partrelid, 'pg_catalog.pg_class'::regclass, t.partrelid, t.partexprs::text
    FROM pg_catalog.pg_partitioned_table t WHERE t.partexprs IS NOT NULL
    UNION ALL
    SELECT x.stxrelid, 'pg_catalog.pg_statistic_ext'::regclass, x.oid, to_jsonb(x) ->> 'stxexprs'
    FROM pg_catalog.pg_statistic_ext x WHERE to_jsonb(x) ->> 'stxexprs' IS NOT NULL
),
found AS (
    SELECT p.relation, p.tree, s.oid AS function, NULL::oid AS operator, s.printed, s.is_sql, s.prosrc
    FROM planned p
    JOIN pg_catalog.pg_depend d ON d.classid = p.class AND d.objid = p.object AND d.refclassid = 'pg_catalog.pg_proc'::regclass
    JOIN suspect s ON s.oid = d.refobjid
    UNION ALL
    SELECT p.relation, p.tree, s.oid, o.oid, s.printed, s.is_sql, s.prosrc
    FROM planned p
    JOIN pg_catalog.pg_depend d ON d.classid = p.class AND d.objid = p.object
                               AND d.refclassid = 'pg_catalog.pg_operator'::regclass
    JOIN pg_catalog.pg_operator o ON o.oid = d.refobjid
    JOIN suspect s ON s.oid = o.oprcode
)
SELECT n.nspname, c.relname, f.tree, f.function, f.operator, f.printed,
       -- The body of such a function is put in its place, and what is constant there is evaluated too: it must not name another.
       f.is_sql AND (f.prosrc IS NULL OR f.prosrc = '' OR f.prosrc ~* 'u&|operator'
                     OR EXISTS (SELECT FROM pg_catalog.pg_operator o JOIN suspect s ON s.oid = o.oprcode)
                     OR EXISTS (SELECT FROM pg_catalog.pg_cast k JOIN suspect s ON s.oid = k.castfunc)
                     OR EXISTS (SELECT FROM suspect s
                                WHERE strpos(lower(f.prosrc), lower(replace(s.proname, '"', '""'))) > 0)) AS is_risky
FROM found f
CROSS JOIN LATERAL (SELECT f.relation AS oid UNION SELECT a.relid::oid FROM pg_catalog.pg_partition_ancestors(f.relation) a) AS up
JOIN pg_catalog.pg_class c ON c.oid = up.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname <> 'information_schema'
  AND n.nspname !~ '^pg_'
