getent group pgwitness > /dev/null || groupadd --system pgwitness
getent passwd pgwitness > /dev/null ||
    useradd --system --gid pgwitness --home-dir /var/lib/pgwitness --no-create-home --shell /usr/sbin/nologin pgwitness
