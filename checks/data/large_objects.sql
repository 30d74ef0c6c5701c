-- Large objects as rows of (oid, chunk, bytes), through lo_get: RDS does not let us read pg_largeobject.
-- An empty large object is one row without bytes, so that it counts.
SELECT o.oid AS loid, c.chunk, pg_catalog.lo_get(o.oid, c.chunk * 262144, 262144) AS data
FROM (
    SELECT oid,
           pg_catalog.lo_lseek64(fd, 0, 2) AS bytes,
           pg_catalog.lo_close(fd) AS closed
    FROM (SELECT oid, pg_catalog.lo_open(oid, 262144) AS fd FROM pg_catalog.pg_largeobject_metadata OFFSET 0) AS opened
    OFFSET 0
) AS o
CROSS JOIN LATERAL generate_series(0, GREATEST(o.bytes - 1, 0) / 262144) AS c (chunk)
