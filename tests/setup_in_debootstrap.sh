#!/bin/bash
# Runs the script of `pgwitness config example setup` in a bare Debian folder, from nothing to the first sound night, and once
# more to see that a second run changes nothing. As root, with the network: it is not part of `cargo test`.
#
#   cargo build && tests/setup_in_debootstrap.sh target/debug/pgwitness [bookworm|trixie] [DIR]
#
# Without DIR the folder is temporary and removed at the end. Ends with `1 passed, 0 failed`, or with the step that failed.
set -euo pipefail

program=$(realpath "${1:?the built program}")
suite=${2:-bookworm}
work=${3:-$(mktemp -d /var/tmp/pgwitness-setup-XXXXXX)}
root=$work/root
kept=${3:-}
case $suite in
    bookworm) major=15 ;;
    trixie) major=17 ;;
    *) echo "no such suite: $suite" >&2; exit 2 ;;
esac
step='start'

ended() {
    code=$?
    [ ! -e "$root/srv/source/postmaster.pid" ] || inside runuser -u postgres -- "$bin/pg_ctl" stop -D /srv/source -m immediate > /dev/null
    umount "$root/proc" 2> /dev/null || :
    [ -n "$kept" ] || rm -rf --one-file-system "$work"
    if [ "$code" -eq 0 ]; then echo '1 passed, 0 failed'; else echo "FAILED at: $step"; fi
}
trap ended EXIT

inside() {
    chroot "$root" env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root "$@"
}

# expect CODE TEXT COMMAND…: runs it without a terminal, and wants this exit code and this text.
expect() {
    local wanted=$1 text=$2 code=0
    shift 2
    inside "$@" < /dev/null > "$work/printed" 2>&1 || code=$?
    sed 's/^/    /' "$work/printed"
    [ "$code" -eq "$wanted" ] || { echo "exit code $code, not $wanted" >&2; exit 1; }
    grep -qF -- "$text" "$work/printed" || { echo "it did not print: $text" >&2; exit 1; }
}

say() {
    step=$*
    printf '%4ds %s\n' "$SECONDS" "$step"
}

# Every file: mode, owner, kind, target of a link, SHA-256.
list() {
    local -a without=(-path ./proc -o -path ./tmp -o -path ./var/tmp -o -path ./run -o -path ./srv/source)
    (cd "$root" && find . \( "${without[@]}" \) -prune -o -printf '%p %m %U:%G %y %l\n' | sort)
    (cd "$root" && find . \( "${without[@]}" \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum)
}

say "debootstrap $suite"
command -v debootstrap > /dev/null || apt-get -qq -y --no-install-recommends install debootstrap
mkdir -p "$root"
[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase "$suite" "$root" > "$work/debootstrap.log"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
install -m 0755 "$program" "$root/usr/local/bin/pgwitness"
bin=/usr/lib/postgresql/$major/bin

say 'the script, with its block edited'
inside pgwitness config example setup > "$root/root/setup.sh"
expect 2 'the source is still the example' sh /root/setup.sh
sed -i -e "s|^URL=.*|URL='postgresql://backup@127.0.0.1:5999/shop?sslmode=disable'|" -e "s|^POSTGRESQL=.*|POSTGRESQL=$major|" \
    "$root/root/setup.sh"

say 'without a password and a terminal it says what is missing'
expect 2 'there is no /etc/pgwitness/source-password' sh /root/setup.sh
(umask 077 && echo 'words of a password' > "$root/etc/pgwitness/source-password")

say 'without a source only the check fails'
expect 2 'connect' sh /root/setup.sh
grep -qF 'a run would fail' "$work/printed"
[ -z "$(inside pg_lsclusters -h)" ] || { echo 'a cluster of the distribution was made' >&2; exit 1; }

say 'the source'
inside install -d -o postgres -m 0700 /srv/source
postgres() {
    inside runuser -u postgres -- "$@"
}
postgres "$bin/initdb" -D /srv/source -A trust --locale=en_US.UTF-8 > "$work/initdb.log"
sed -i '1i host shop backup 127.0.0.1/32 scram-sha-256' "$root/srv/source/pg_hba.conf"
postgres "$bin/pg_ctl" start -w -D /srv/source -l /srv/source/log -o '-p 5999 -c listen_addresses=127.0.0.1 -k /tmp' > /dev/null
postgres "$bin/psql" -qX -v ON_ERROR_STOP=1 -h /tmp -p 5999 postgres <<'SQL'
CREATE ROLE backup LOGIN PASSWORD 'words of a password' IN ROLE pg_read_all_data;
CREATE ROLE keeper;
CREATE DATABASE shop OWNER keeper;
\connect shop
SET ROLE keeper;
CREATE TABLE public.members (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO members SELECT n, 'member ' || n FROM generate_series(1, 5000) n;
CREATE TABLE public.payments (id bigserial PRIMARY KEY, member integer REFERENCES members, amount numeric(10, 2));
INSERT INTO payments (member, amount) SELECT 1 + n % 5000, n / 100.0 FROM generate_series(1, 20000) n;
SQL

say 'with the source the check passes too'
expect 0 'Nothing was changed: everything was there.' sh /root/setup.sh
grep -qF 'not    timer: systemd does not run here' "$work/printed"

say 'the first night'
expect 0 'sound (rows, sequences, large objects, schema, foreign keys)' runuser -u pgwitness -- pgwitness nightly --quiet
expect 0 '1 run, in order' runuser -u pgwitness -- pgwitness report list

say 'a second run of the script changes nothing'
list > "$work/before"
expect 0 'Nothing was changed: everything was there.' sh /root/setup.sh
list > "$work/after"
diff "$work/before" "$work/after"
echo "    $(wc -l < "$work/before") lines on files are the same"

say 'done'
