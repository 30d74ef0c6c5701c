-- For which type and access method is each operator class, is it the default, and which members of the family belong to it?
-- if: pg_opclass WHERE opcnamespace NOT IN (TABLE own)
SELECT format('%I.%I using %I', n.nspname, o.opcname, am.amname) AS identity,
       concat_ws(E'\n',
           'for ' || format_type(o.opcintype, NULL),
           CASE WHEN o.opcdefault THEN 'default' END,
           format('family %I.%I', fn.nspname, f.opfname),
           'storage ' || CASE WHEN o.opckeytype <> 0 THEN format_type(o.opckeytype, NULL) END,
           (SELECT string_agg(format('operator %s %s', m.amopstrategy, m.amopopr::regoperator), E'\n'
                              ORDER BY m.amopstrategy, m.amopopr::regoperator::text COLLATE "C")
            FROM pg_depend d JOIN pg_amop m ON m.oid = d.objid
            WHERE d.classid = 'pg_amop'::regclass AND d.refclassid = 'pg_opclass'::regclass AND d.refobjid = o.oid),
           (SELECT string_agg(format('function %s (%s, %s) %s', m.amprocnum, format_type(m.amproclefttype, NULL),
                                     format_type(m.amprocrighttype, NULL), m.amproc::oid::regprocedure),
                              E'\n' ORDER BY m.amprocnum, format_type(m.amproclefttype, NULL) COLLATE "C",
                                             format_type(m.amprocrighttype, NULL) COLLATE "C")
            FROM pg_depend d JOIN pg_amproc m ON m.oid = d.objid
            WHERE d.classid = 'pg_amproc'::regclass AND d.refclassid = 'pg_opclass'::regclass AND d.refobjid = o.oid)) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_opclass o
JOIN pg_namespace n ON n.oid = o.opcnamespace
JOIN pg_am am ON am.oid = o.opcmethod
JOIN pg_opfamily f ON f.oid = o.opcfamily
JOIN pg_namespace fn ON fn.oid = f.opfnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_opclass'::regclass AND e.objid = o.oid AND e.deptype = 'e')
