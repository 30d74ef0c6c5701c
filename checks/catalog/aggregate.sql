-- From which functions is each aggregate made?
-- if: pg_proc WHERE prokind = 'a' AND pronamespace NOT IN (TABLE own)
SELECT p.oid::regprocedure::text AS identity,
       concat_ws(E'\n',
           'arguments ' || pg_get_function_arguments(p.oid),
           'returns ' || format_type(p.prorettype, NULL),
           CASE g.aggkind WHEN 'o' THEN 'ordered set' WHEN 'h' THEN 'hypothetical set' END,
           CASE WHEN g.aggnumdirectargs > 0 THEN 'direct arguments ' || g.aggnumdirectargs END,
           'transition ' || g.aggtransfn::oid::regprocedure || ' on ' || format_type(g.aggtranstype, NULL),
           'transition space ' || nullif(g.aggtransspace, 0),
           'initial ' || quote_literal(g.agginitval),
           'final ' || nullif(g.aggfinalfn::oid, 0)::regprocedure,
           CASE WHEN g.aggfinalextra THEN 'final extra' END,
           'final modifies ' || g.aggfinalmodify::text,
           'combine ' || nullif(g.aggcombinefn::oid, 0)::regprocedure,
           'serialize ' || nullif(g.aggserialfn::oid, 0)::regprocedure,
           'deserialize ' || nullif(g.aggdeserialfn::oid, 0)::regprocedure,
           'moving transition ' || nullif(g.aggmtransfn::oid, 0)::regprocedure || ' on ' || format_type(g.aggmtranstype, NULL),
           'moving inverse ' || nullif(g.aggminvtransfn::oid, 0)::regprocedure,
           'moving space ' || nullif(g.aggmtransspace, 0),
           'moving initial ' || quote_literal(g.aggminitval),
           'moving final ' || nullif(g.aggmfinalfn::oid, 0)::regprocedure,
           CASE WHEN g.aggmfinalextra THEN 'moving final extra' END,
           'moving final modifies ' || g.aggmfinalmodify::text,
           'sort operator ' || nullif(g.aggsortop, 0)::regoperator,
           'parallel ' || p.proparallel::text) AS definition,
       n.nspname::text AS schema_name,
       NULL::text AS relation_name
FROM pg_proc p
JOIN pg_aggregate g ON g.aggfnoid = p.oid
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype IN ('e', 'i'))
