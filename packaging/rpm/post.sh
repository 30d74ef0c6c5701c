# One that is there keeps its owner and mode. The timer is not enabled: the configuration is still the example.
[ -d /srv/pgwitness ] || install -d -o pgwitness -g pgwitness -m 0750 /srv/pgwitness
[ -d /var/lib/pgwitness ] || install -d -o pgwitness -g pgwitness -m 0700 /var/lib/pgwitness
if [ "$(stat -c '%U %a' /etc/pgwitness)" = 'root 755' ]; then
    chown pgwitness:pgwitness /etc/pgwitness
    chmod 0750 /etc/pgwitness
fi
[ ! -d /run/systemd/system ] || systemctl daemon-reload || :
