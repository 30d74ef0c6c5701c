-- What does each row security policy allow, to whom?
-- pg_dump leaves out what a user put on a relation of an extension, so those are asked as well.
-- if: pg_policy
SELECT format('%I.%I %I', n.nspname, c.relname, p.polname) AS identity,
       concat_ws(E'\n',
           CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
           'for ' || CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END,
           'to ' || (SELECT string_agg(grantee, ', ' ORDER BY grantee COLLATE "C")
                     FROM (SELECT CASE WHEN r = 0 THEN 'public' ELSE quote_ident(pg_get_userbyid(r)) END AS grantee
                           FROM unnest(p.polroles) r) roles),
           'using ' || pg_get_expr(p.polqual, p.polrelid),
           'with check ' || pg_get_expr(p.polwithcheck, p.polrelid),
           'on a relation of extension ' || extension.name) AS definition,
       n.nspname::text AS schema_name,
       c.relname::text AS relation_name
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (
    SELECT e.objid, quote_ident(x.extname) AS name
    FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid
    WHERE e.classid = 'pg_class'::regclass AND e.refclassid = 'pg_extension'::regclass AND e.objsubid = 0 AND e.deptype = 'e'
) extension ON extension.objid = c.oid
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
