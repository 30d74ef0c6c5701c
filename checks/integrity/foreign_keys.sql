-- Every foreign key as it was declared (not the copies on partitions), with what an anti-join over the data needs.
-- Whether the catalog calls it valid does not matter: a NOT VALID key restores without a word over orphans.
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
                      'collation', CASE WHEN ca.attcollation <> pa.attcollation AND pa.attcollation <> 0
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
       ) AS columns
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
JOIN pg_catalog.pg_class pr ON pr.oid = c.confrelid
JOIN pg_catalog.pg_namespace pn ON pn.oid = pr.relnamespace
WHERE c.contype = 'f'
  AND c.conparentid = 0
  AND n.nspname <> 'information_schema'
  AND n.nspname !~ '^pg_'
