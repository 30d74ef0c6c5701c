-- To which publications does each subscription listen, and how? Only what every role may read; where it connects to holds a password.
-- Whether it is enabled is not asked: a restored copy must not start to replicate, and pg_restore leaves it disabled.
-- Options that a server does not know have the value of `older`, which is what pg_dump of a newer major writes for it.
-- if: pg_subscription
SELECT quote_ident(s.subname) AS identity,
       concat_ws(E'\n',
           'publications ' || (SELECT string_agg(quote_ident(name), ', ' ORDER BY name COLLATE "C") FROM unnest(s.subpublications) name),
           'slot ' || coalesce(quote_ident(s.subslotname), 'none'),
           'synchronous commit ' || nullif(s.subsynccommit, 'off'),
           CASE WHEN s.subbinary THEN 'binary' END,
           CASE WHEN s.streaming IN ('t', 'true') THEN 'streaming' WHEN s.streaming = 'p' THEN 'streaming in parallel' END,
           CASE WHEN s.two_phase <> 'd' THEN 'two phase' END,
           CASE WHEN s.disable_on_error = 'true' THEN 'disabled on error' END,
           CASE WHEN s.password_required <> 'true' THEN 'no password required' END,
           CASE WHEN s.run_as_owner = 'true' THEN 'run as owner' END,
           'origin ' || nullif(s.origin, 'any'),
           CASE WHEN s.failover = 'true' THEN 'failover' END) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM (SELECT 'd' AS subtwophasestate, false AS subdisableonerr, true AS subpasswordrequired, true AS subrunasowner,
             'any' AS suborigin, false AS subfailover) older
CROSS JOIN LATERAL (
    SELECT subname, subdbid, subpublications, subslotname, subsynccommit, subbinary,
           substream::text AS streaming, subtwophasestate::text AS two_phase, subdisableonerr::text AS disable_on_error,
           subpasswordrequired::text AS password_required, subrunasowner::text AS run_as_owner, suborigin::text AS origin,
           subfailover::text AS failover
    FROM pg_subscription
) s
WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
