-- Every foreign key as it was declared (not the copies on partitions), with what an anti-join over the data needs.
-- Whether the catalog calls it valid does not matter: a NOT VALID key restores without a word over orphans.
-- The column suspects names the functions of suspect.sql that the comparison might call; this question goes on behind it.
-- What an operator class calls: its support functions and its operators.
family_function AS MATERIALIZED (
    SELECT m.amprocfamily AS family, m.amproc::oid AS function
    FROM pg_catalog.pg_amproc m JOIN suspect s ON s.oid = m.amproc
    UNION
    SELECT m.amopfamily, o.oprcode
    FROM pg_catalog.pg_amop m JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr JOIN suspect s ON s.oid = o.oprcode
)
SELECT n.nspname AS schema,
       r.relname AS relation,
       r.relkind,
       c.conname AS name,
       pn.nspname AS parent_schema,
       pr.relname AS parent_relation,
       pr.relkind AS parent_kind,
       c.confmatchtype AS match_type,
       COALESCE((to_jsonb(c) ->> 'conperiod')::boolean, false) AS has_period,
       COALESCE(r.relpages, 0)::bigint * current_setting('block_size')::bigint AS bytes,
       (
           SELECT json_agg(json_build_object(
                      'child', ca.attname,
                      'parent', pa.attname,
                      'operator', format('OPERATOR(%I.%s)', opn.nspname, op.oprname),
                      -- As the triggers of the key do: with both operands of the declared types, no other operator can be meant.
                      -- A polymorphic type takes an operand as it is.
                      'parent_cast', CASE WHEN lt.typtype <> 'p' AND pa.atttypid <> lt.oid
                                          THEN format('%I.%I', ln.nspname, lt.typname) END,
                      'child_cast', CASE WHEN rt.typtype <> 'p' AND ca.atttypid <> rt.oid
                                         THEN format('%I.%I', rn.nspname, rt.typname) END,
                      'collation', CASE WHEN ca.attcollation <> pa.attcollation AND pa.attcollation <> 0
                                             AND (rt.typcollation <> 0 OR (rt.typtype = 'p' AND ca.attcollation <> 0))
                                        THEN (SELECT format('%I.%I', cn.nspname, co.collname)
                                              FROM pg_catalog.pg_collation co
                                              JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
                                              WHERE co.oid = pa.attcollation) END
                  ) ORDER BY key.position)
           FROM unnest(c.conkey, c.confkey, c.conpfeqop) WITH ORDINALITY AS key (child, parent, operator, position)
           JOIN pg_catalog.pg_attribute ca ON ca.attrelid = c.conrelid AND ca.attnum = key.child
           JOIN pg_catalog.pg_attribute pa ON pa.attrelid = c.confrelid AND pa.attnum = key.parent
           JOIN pg_catalog.pg_operator op ON op.oid = key.operator
           JOIN pg_catalog.pg_namespace opn ON opn.oid = op.oprnamespace
           JOIN pg_catalog.pg_type lt ON lt.oid = op.oprleft
           JOIN pg_catalog.pg_namespace ln ON ln.oid = lt.typnamespace
           JOIN pg_catalog.pg_type rt ON rt.oid = op.oprright
           JOIN pg_catalog.pg_namespace rn ON rn.oid = rt.typnamespace
       ) AS columns,
       CASE WHEN EXISTS (SELECT FROM suspect) THEN (
           WITH RECURSIVE operand AS (
               SELECT op.oid AS operator, op.oprcode, op.oprrest, op.oprjoin, side.attribute, side.declared
               FROM unnest(c.conkey, c.confkey, c.conpfeqop) AS key (child, parent, operator)
               JOIN pg_catalog.pg_attribute ca ON ca.attrelid = c.conrelid AND ca.attnum = key.child
               JOIN pg_catalog.pg_attribute pa ON pa.attrelid = c.confrelid AND pa.attnum = key.parent
               JOIN pg_catalog.pg_operator op ON op.oid = key.operator
               CROSS JOIN LATERAL (VALUES (ca.atttypid, op.oprright), (pa.atttypid, op.oprleft)) AS side (attribute, declared)
           ),
           -- The types of the operands, and what they are made of: a comparison of the whole compares the parts.
           made (declared, type) AS (
               SELECT o.declared, o.attribute FROM operand o
               UNION
               SELECT o.declared, o.declared FROM operand o
               UNION
               SELECT m.declared, part.type
               FROM made m
               JOIN pg_catalog.pg_type t ON t.oid = m.type
               CROSS JOIN LATERAL (
                   SELECT t.typbasetype AS type WHERE t.typbasetype <> 0
                   UNION ALL SELECT t.typelem WHERE t.typelem <> 0
                   UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
                             WHERE a.attrelid = t.typrelid AND t.typrelid <> 0 AND a.attnum > 0 AND NOT a.attisdropped
                   UNION ALL SELECT g.rngsubtype FROM pg_catalog.pg_range g
                             WHERE t.oid IN (g.rngtypid, (to_jsonb(g) ->> 'rngmultitypid')::oid)
               ) AS part
           ),
           called (function) AS (
               SELECT unnest(ARRAY[o.oprcode, o.oprrest, o.oprjoin]::oid[]) FROM operand o
               UNION
               SELECT f.function FROM operand o
               JOIN pg_catalog.pg_amop m ON m.amopopr = o.operator
               JOIN family_function f ON f.family = m.amopfamily
               UNION
               -- Casts to a declared type, or to the type of its elements.
               SELECT k.castfunc
               FROM made m
               JOIN pg_catalog.pg_cast k ON k.castsource = m.type
               JOIN pg_catalog.pg_type dt ON dt.oid = m.declared
               WHERE k.casttarget IN (m.declared, dt.typelem, dt.typbasetype)
               UNION
               SELECT f.function FROM made m
               JOIN pg_catalog.pg_opclass oc ON oc.opcintype = m.type AND oc.opcdefault
               JOIN family_function f ON f.family = oc.opcfamily
               UNION
               SELECT unnest(ARRAY[g.rngcanonical, g.rngsubdiff]::oid[]) FROM made m
               JOIN pg_catalog.pg_range g ON m.type IN (g.rngtypid, (to_jsonb(g) ->> 'rngmultitypid')::oid)
               UNION
               SELECT f.function FROM made m
               JOIN pg_catalog.pg_range g ON m.type IN (g.rngtypid, (to_jsonb(g) ->> 'rngmultitypid')::oid)
               JOIN pg_catalog.pg_opclass oc ON oc.oid = g.rngsubopc
               JOIN family_function f ON f.family = oc.opcfamily
           )
           SELECT json_agg(s.printed ORDER BY s.printed) FROM suspect s WHERE s.oid IN (SELECT called.function FROM called)
       ) END AS suspects,
       -- By such types alone an operator is not determined, and in this schema others may make one that is nearer.
       (
           SELECT json_agg(op.oid::regoperator::text ORDER BY op.oid)
           FROM unnest(c.conpfeqop) AS key (operator)
           JOIN pg_catalog.pg_operator op ON op.oid = key.operator
           JOIN pg_catalog.pg_type lt ON lt.oid = op.oprleft
           JOIN pg_catalog.pg_type rt ON rt.oid = op.oprright
           WHERE op.oprnamespace <> 'pg_catalog'::regnamespace AND 'p' IN (lt.typtype, rt.typtype)
       ) AS undetermined
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
JOIN pg_catalog.pg_class pr ON pr.oid = c.confrelid
JOIN pg_catalog.pg_namespace pn ON pn.oid = pr.relnamespace
WHERE c.contype = 'f'
  AND c.conparentid = 0
  AND n.nspname <> 'information_schema'
  AND n.nspname !~ '^pg_'
