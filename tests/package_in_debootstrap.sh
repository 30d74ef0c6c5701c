#!/bin/bash
# Installs the .deb in a bare Debian folder, follows the README from there to the first sound night as the user of the package,
# installs it again, removes and purges it, and checks what remains; then the .rpm that lies beside it, by rpm. As root, with the
# network: it is not part of `cargo test`.
#
#   packaging/build && tests/package_in_debootstrap.sh target/packages/pgwitness_*.deb [bookworm|trixie] [DIR]
#
# Without DIR the folder is temporary and removed at the end. Ends with `1 passed, 0 failed`, or with the step that failed.
set -euo pipefail

package=$(realpath "${1:?the package}")
suite=${2:-bookworm}
work=${3:-$(mktemp -d /var/tmp/pgwitness-package-XXXXXX)}
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
    chroot "$root" env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive "$@"
}

# expect CODE TEXT COMMAND…: runs it without a terminal, and wants this exit code and this text, which may be empty.
expect() {
    local wanted=$1 text=$2 code=0
    shift 2
    inside "$@" < /dev/null > "$work/printed" 2>&1 || code=$?
    sed 's/^/    /' "$work/printed"
    [ "$code" -eq "$wanted" ] || { echo "exit code $code, not $wanted" >&2; exit 1; }
    [ -z "$text" ] || grep -qF -- "$text" "$work/printed" || { echo "it did not print: $text" >&2; exit 1; }
}

# Prints only what failed.
install_packages() {
    inside apt-get -qq -y install "$@" > "$work/apt.log" 2>&1 || { tail -n 20 "$work/apt.log" >&2; exit 1; }
}

# is FORMAT PATH EXPECTED: by stat.
is() {
    local found
    found=$(inside stat -c "$1" "$2")
    [ "$found" = "$3" ] || { echo "$2: $found, not $3" >&2; exit 1; }
}

# Of what a package makes for its user.
owners_and_modes() {
    is '%U:%G %a' /etc/pgwitness 'pgwitness:pgwitness 750'
    is '%U:%G %a' /etc/pgwitness/pgwitness.toml 'root:pgwitness 640'
    is '%U:%G %a' /srv/pgwitness 'pgwitness:pgwitness 750'
    is '%U:%G %a' /var/lib/pgwitness 'pgwitness:pgwitness 700'
}

absent() {
    [ ! -e "$root$1" ] || { echo "$1 is still there" >&2; exit 1; }
}

as_user() {
    expect "$1" "$2" runuser -u pgwitness -- "${@:3}"
}

say() {
    step=$*
    printf '%4ds %s\n' "$SECONDS" "$step"
}

say "debootstrap $suite"
command -v debootstrap > /dev/null || apt-get -qq -y --no-install-recommends install debootstrap
mkdir -p "$root"
[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase "$suite" "$root" > "$work/debootstrap.log"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
cp "$package" "$root/root/pgwitness.deb"
bin=/usr/lib/postgresql/$major/bin
absent /usr/bin/systemd-sysusers
began=$SECONDS

say 'the package, with what it recommends'
inside apt-get -qq update
install_packages /root/pgwitness.deb
expect 0 'pgwitness ' pgwitness --version
for program in restic rsync pg_dump; do
    expect 0 "/usr/bin/$program" which "$program"
done

say 'PostgreSQL, without a cluster of the distribution'
inside sh -c 'mkdir -p /etc/postgresql-common/createcluster.d &&
    echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.d/pgwitness.conf'
install_packages --no-install-recommends "postgresql-$major" locales
inside sh -c 'echo "en_US.UTF-8 UTF-8" >> /etc/locale.gen && locale-gen' > /dev/null

say 'files, owners, modes'
owners_and_modes
is '%U:%G %a' /usr/bin/pgwitness 'root:root 755'
expect 0 '/usr/sbin/nologin' getent passwd pgwitness
# shellcheck disable=SC2016 # dpkg-query's own
expect 0 /etc/pgwitness/pgwitness.toml dpkg-query -W -f '${Conffiles}' pgwitness
inside pgwitness config example toml | cmp - "$root/etc/pgwitness/pgwitness.toml"
for file in systemd/system/pgwitness.service systemd/system/pgwitness.timer sysusers.d/pgwitness.conf tmpfiles.d/pgwitness.conf; do
    is '%U:%G %a' "/usr/lib/$file" 'root:root 644'
done
for file in bash-completion/completions/pgwitness zsh/vendor-completions/_pgwitness fish/vendor_completions.d/pgwitness.fish \
    doc/pgwitness/README.md doc/pgwitness/changelog.gz doc/pgwitness/copyright doc/pgwitness/LICENSE-MIT doc/pgwitness/LICENSE-APACHE \
    doc/pgwitness/sbom.cdx.json man/man5/pgwitness.toml.5.gz; do
    is '%U:%G %a' "/usr/share/$file" 'root:root 644'
done
grep -qx 'ExecStart=/usr/bin/pgwitness nightly --config /etc/pgwitness/pgwitness.toml' "$root/usr/lib/systemd/system/pgwitness.service"
absent /etc/systemd/system/timers.target.wants/pgwitness.timer
pages=$(inside dpkg -L pgwitness | grep -c '/man/man1/pgwitness')
echo "    $pages manual pages of commands"
[ "$pages" -gt 20 ]

say 'the source'
inside install -d -o postgres -m 0700 /srv/source
postgres() {
    inside runuser -u postgres -- "$@"
}
postgres "$bin/initdb" -D /srv/source -A trust --locale=en_US.UTF-8 > "$work/initdb.log"
sed -i '1i host shop backup 127.0.0.1/32 scram-sha-256' "$root/srv/source/pg_hba.conf"
postgres "$bin/pg_ctl" start -w -D /srv/source -l /srv/source/log -o '-p 5998 -c listen_addresses=127.0.0.1 -k /tmp' > /dev/null
postgres "$bin/psql" -qX -v ON_ERROR_STOP=1 -h /tmp -p 5998 postgres <<'SQL'
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

say 'the configuration, edited as its comments say'
configuration=$root/etc/pgwitness/pgwitness.toml
awk '
    /^\[source\]$/ {
        print "[source]\nkind = \"postgres\""
        print "url = \"postgresql://backup@127.0.0.1:5998/shop?sslmode=disable\""
        print "password_file = \"/etc/pgwitness/source-password\""
        is_left_out = 1
    }
    /^# ---- Access/ { is_left_out = 0 }
    !is_left_out' "$configuration" > "$work/edited"
cat "$work/edited" > "$configuration"
inside install -o pgwitness -m 0600 /dev/null /etc/pgwitness/source-password
echo 'words of a password' > "$root/etc/pgwitness/source-password"

say 'the steps of the README, as the user of the package'
as_user 0 'namespaces="pgwitness-report"' pgwitness keygen /etc/pgwitness/key --identity backup@db.example.org
as_user 0 'backups  /srv/pgwitness/dumps' pgwitness init
as_user 0 '✓ ' pgwitness config check
as_user 0 '' pgwitness nightly --dry-run
as_user 0 'sound (rows, sequences, large objects, schema, foreign keys)' pgwitness nightly --quiet
as_user 0 '1 run, in order' pgwitness report list
took=$((SECONDS - began))
echo "    $took s from the package to the first sound night"
[ "$took" -lt 600 ] || { echo 'that is more than ten minutes' >&2; exit 1; }

say 'man finds the pages'
install_packages --no-install-recommends man-db
inside man pgwitness-nightly > "$work/printed"
grep -qx 'EXIT STATUS' "$work/printed"
inside man pgwitness.toml > "$work/printed"
grep -qF 'instance_classes = [' "$work/printed"

say 'installed again: the configuration stays as it was edited'
expect 0 '' dpkg -i /root/pgwitness.deb
cmp "$work/edited" "$configuration"
is '%U:%G %a' /etc/pgwitness/pgwitness.toml 'root:pgwitness 640'

say 'removed: only the program is gone'
expect 0 '' dpkg -r pgwitness
absent /usr/bin/pgwitness
absent /usr/lib/systemd/system/pgwitness.timer
cmp "$work/edited" "$configuration"
is '%U:%G %a' /etc/pgwitness/key 'pgwitness:pgwitness 600'

say 'purged: backups, reports, journal and keys are still there'
expect 0 'kept, because backups, reports, journals or keys are in it: /etc/pgwitness /srv/pgwitness /var/lib/pgwitness' dpkg -P pgwitness
absent /etc/pgwitness/pgwitness.toml
is '%U:%G %a' /etc/pgwitness/key 'pgwitness:pgwitness 600'
[ "$(find "$root/srv/pgwitness/dumps/verified" -name 'toc.dat' | wc -l)" -eq 1 ]
[ "$(find "$root/srv/pgwitness/reports" -name 'report.json' | wc -l)" -eq 1 ]
expect 1 'no packages found matching pgwitness' dpkg-query -W pgwitness

say 'with systemd: the same user and directories, the units are valid, the timer is not enabled'
inside userdel pgwitness
inside rm -r /etc/pgwitness /srv/pgwitness /var/lib/pgwitness
install_packages --no-install-recommends systemd
install_packages --no-install-recommends /root/pgwitness.deb
owners_and_modes
expect 0 '/var/lib/pgwitness:/usr/sbin/nologin' getent passwd pgwitness
expect 0 '' systemd-analyze verify --man=no /usr/lib/systemd/system/pgwitness.service /usr/lib/systemd/system/pgwitness.timer
[ ! -s "$work/printed" ] || { echo 'systemd-analyze complains' >&2; exit 1; }
expect 1 'disabled' systemctl is-enabled pgwitness.timer
expect 0 '' systemd-tmpfiles --create pgwitness.conf

say 'config example setup takes the program, the user and the directories of the package, and replaces its example'
inside pgwitness config example setup > "$root/root/setup.sh"
sed -i -e "s|^URL=.*|URL='postgresql://backup@127.0.0.1:5998/shop?sslmode=disable'|" -e "s|^POSTGRESQL=.*|POSTGRESQL=$major|" \
    "$root/root/setup.sh"
(umask 077 && echo 'words of a password' > "$root/etc/pgwitness/source-password")
expect 0 'made   file /etc/pgwitness/pgwitness.toml, mode 0640' sh /root/setup.sh
expect 0 'Nothing was changed: everything was there.' sh /root/setup.sh

say 'purged again: what the script has made stays'
expect 0 'kept, because backups, reports, journals or keys are in it: /etc/pgwitness /srv/pgwitness' dpkg -P pgwitness
absent /etc/pgwitness/pgwitness.toml

rpm=("$(dirname "$package")"/pgwitness-*.rpm)
if [ -e "${rpm[0]}" ]; then
    say 'the .rpm, by rpm: what it needs of another distribution is not there'
    install_packages --no-install-recommends rpm
    inside sh -c 'userdel pgwitness; rm -rf /etc/pgwitness /srv/pgwitness /var/lib/pgwitness'
    cp "${rpm[0]}" "$root/root/pgwitness.rpm"
    expect 0 'shadow-utils' rpm -qp --requires /root/pgwitness.rpm
    # Debian's rpm wants to be told that it is meant; from 13 on not. Its plugin for mounts does not work in a chroot.
    force=$(inside rpm --help | grep -o -e --force-debian || :)
    # shellcheck disable=SC2086 # none or one
    by_rpm() { expect 0 '' rpm $force --noplugins --nodeps "$@"; }
    by_rpm -i /root/pgwitness.rpm
    expect 0 'pgwitness ' pgwitness --version
    owners_and_modes
    is '%U:%G %a' /usr/bin/pgwitness 'root:root 755'
    expect 0 '/var/lib/pgwitness:/usr/sbin/nologin' getent passwd pgwitness
    expect 0 '' rpm -V --nodeps pgwitness
    inside pgwitness config example toml | cmp - "$configuration"

    say 'the .rpm again, and removed: what was edited and kept stays'
    echo '# edited' >> "$configuration"
    inside install -o pgwitness -g pgwitness -m 0600 /dev/null /etc/pgwitness/key
    inside install -d -o pgwitness -g pgwitness -m 0750 /srv/pgwitness/dumps
    by_rpm -U --replacepkgs /root/pgwitness.rpm
    grep -qx '# edited' "$configuration"
    by_rpm -e pgwitness
    absent /usr/bin/pgwitness
    absent /usr/lib/systemd/system/pgwitness.timer
    grep -qx '# edited' "$configuration.rpmsave"
    is '%U:%G %a' /etc/pgwitness/key 'pgwitness:pgwitness 600'
    is '%U:%G %a' /srv/pgwitness/dumps 'pgwitness:pgwitness 750'
fi

say 'done'
