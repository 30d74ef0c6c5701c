-- How does each sequence count, and to which column does it belong? Its value is data, not definition.
-- if: pg_class WHERE relkind = 'S' AND relnamespace NOT IN (TABLE own)
SELECT format('%I.%I', n.nspname, c.relname) AS identity,
       concat_ws(E'\n',
           format('%s start %s increment %s min %s max %s cache %s', format_type(s.seqtypid, NULL),
                  s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache),
           CASE WHEN s.seqcycle THEN 'cycle' END,
           CASE WHEN c.relpersistence = 'u' THEN 'unlogged' END,
           owner.text) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_sequence s
JOIN pg_class c ON c.oid = s.seqrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (
    SELECT d.objid, format('%s %I.%I.%I', CASE d.deptype WHEN 'i' THEN 'identity of' ELSE 'owned by' END,
                           tn.nspname, t.relname, a.attname) AS text
    FROM pg_depend d
    JOIN pg_class t ON t.oid = d.refobjid
    JOIN pg_namespace tn ON tn.oid = t.relnamespace
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
) owner ON owner.objid = c.oid
WHERE c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
