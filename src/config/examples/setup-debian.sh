# Without a cluster of the distribution's: a run makes a server of its own. Debian 12 has PostgreSQL 15, Debian 13 has 17;
# other versions come from apt.postgresql.org.
packages() {
    export DEBIAN_FRONTEND=noninteractive
    wanted="postgresql-$POSTGRESQL postgresql-client-$POSTGRESQL restic rsync openssh-client ca-certificates $PACKAGES"
    [ -n "$URL" ] || wanted="$wanted curl"
    [ -z "$LOCALES" ] || wanted="$wanted locales"
    missing=''
    for package in $wanted; do
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ]; then
            there "package $package"
        else
            missing="$missing $package"
        fi
    done
    [ -n "$missing" ] || return 0
    apt-get -q update
    apt-get -q -y --no-install-recommends install postgresql-common
    if [ ! -e "/usr/lib/postgresql/$POSTGRESQL/bin/postgres" ]; then
        mkdir -p /etc/postgresql-common/createcluster.d
        file /etc/postgresql-common/createcluster.d/pgwitness.conf root: 0644 'create_main_cluster = false'
        if ! apt-cache show "postgresql-$POSTGRESQL" > /dev/null 2>&1; then
            apt-get -q -y --no-install-recommends install ca-certificates
            /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y
            made "package source apt.postgresql.org, for PostgreSQL $POSTGRESQL"
        fi
    fi
    # shellcheck disable=SC2086 # several words
    apt-get -q -y --no-install-recommends install $missing
    made "packages$missing"
}

make_locale() {
    grep -qx "$1 UTF-8" /etc/locale.gen || echo "$1 UTF-8" >> /etc/locale.gen
    locale-gen
}
