-- What is this database, whatever it is called? pg_dump carries none of it without --create.
SELECT 'this database'::text AS identity,
       concat_ws(E'\n',
           'encoding ' || pg_encoding_to_char(d.encoding),
           'lc_collate ' || d.datcollate,
           'lc_ctype ' || d.datctype,
           CASE j ->> 'datlocprovider' WHEN 'i' THEN 'provider icu' WHEN 'b' THEN 'provider builtin' END,
           'locale ' || coalesce(j ->> 'datlocale', j ->> 'daticulocale'),
           'rules ' || (j ->> 'daticurules'),
           'tablespace ' || nullif(ts.spcname, 'pg_default'),
           'connection limit ' || CASE WHEN d.datconnlimit <> -1 THEN d.datconnlimit END,
           CASE WHEN d.datistemplate THEN 'template' END,
           CASE WHEN NOT d.datallowconn THEN 'no connections' END) AS definition,
       NULL::text AS schema_name,
       NULL::text AS relation_name
FROM pg_database d
CROSS JOIN LATERAL to_jsonb(d) j
LEFT JOIN pg_tablespace ts ON ts.oid = d.dattablespace
WHERE d.datname = current_database()
