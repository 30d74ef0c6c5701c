-- What does each publication send, apart from its list of tables and schemas?
-- if: pg_publication
SELECT quote_ident(p.pubname) AS identity,
       concat_ws(E'\n',
           CASE WHEN p.puballtables THEN 'all tables' ELSE 'listed tables' END,
           concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END, CASE WHEN p.pubupdate THEN 'update' END,
                           CASE WHEN p.pubdelete THEN 'delete' END, CASE WHEN p.pubtruncate THEN 'truncate' END),
           CASE WHEN p.pubviaroot THEN 'via partition root' END,
           'generated columns ' || nullif(to_jsonb(p) ->> 'pubgencols', 'n')) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_publication p
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_publication'::regclass AND e.objid = p.oid AND e.deptype = 'e')
