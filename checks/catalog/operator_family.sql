-- Which operators and support functions belong to each operator family?
-- if: pg_opfamily WHERE opfnamespace NOT IN (TABLE own)
SELECT format('%I.%I using %I', n.nspname, f.opfname, am.amname) AS identity,
       concat_ws(E'\n', 'operator family',
           (SELECT string_agg(format('operator %s %s%s', o.amopstrategy, o.amopopr::regoperator,
                                     CASE WHEN o.amoppurpose = 'o' THEN format(' for order by %I.%I', sn.nspname, s.opfname) END),
                              E'\n' ORDER BY o.amopstrategy, o.amopopr::regoperator::text COLLATE "C")
            FROM pg_amop o
            LEFT JOIN pg_opfamily s ON s.oid = o.amopsortfamily
            LEFT JOIN pg_namespace sn ON sn.oid = s.opfnamespace
            WHERE o.amopfamily = f.oid),
           (SELECT string_agg(format('function %s (%s, %s) %s', p.amprocnum, format_type(p.amproclefttype, NULL),
                                     format_type(p.amprocrighttype, NULL), p.amproc::oid::regprocedure),
                              E'\n' ORDER BY p.amprocnum, format_type(p.amproclefttype, NULL) COLLATE "C",
                                             format_type(p.amprocrighttype, NULL) COLLATE "C")
            FROM pg_amproc p WHERE p.amprocfamily = f.oid)) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_opfamily f
JOIN pg_namespace n ON n.oid = f.opfnamespace
JOIN pg_am am ON am.oid = f.opfmethod
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_opfamily'::regclass AND e.objid = f.oid AND e.deptype = 'e')
