-- What does each event trigger do, and is it enabled?
-- if: pg_event_trigger
SELECT quote_ident(v.evtname) AS identity,
       concat_ws(E'\n',
           'on ' || v.evtevent,
           'when tag in ' || (SELECT string_agg(tag, ', ' ORDER BY tag COLLATE "C") FROM unnest(v.evttags) tag),
           'execute ' || v.evtfoid::regprocedure,
           CASE v.evtenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'enabled replica' WHEN 'A' THEN 'enabled always' ELSE 'enabled' END) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_event_trigger v
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_event_trigger'::regclass AND e.objid = v.oid AND e.deptype = 'e')
