-- Which tables does each publication send, which of their columns, and which of their rows?
-- Row filters and column lists came with 15: where pg_publication_rel has no such column, the name means that of `older`.
-- if: pg_publication
SELECT format('%I %I.%I', p.pubname, n.nspname, c.relname) AS identity,
       concat_ws(E'\n', 'table',
           'columns ' || r.columns,
           'where ' || r.filter) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM (SELECT NULL::pg_node_tree AS prqual, NULL::int2vector AS prattrs) older
CROSS JOIN LATERAL (
    SELECT s.prpubid, s.prrelid, pg_get_expr(prqual, s.prrelid) AS filter,
           (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C")
            FROM pg_attribute a WHERE a.attrelid = s.prrelid AND a.attnum = ANY (prattrs)) AS columns
    FROM pg_publication_rel s
) r
JOIN pg_publication p ON p.oid = r.prpubid
JOIN pg_class c ON c.oid = r.prrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_publication'::regclass AND e.objid = p.oid AND e.deptype = 'e')
