#!/bin/sh
# Sets up the nightly backup of one PostgreSQL database on <DISTRIBUTION>, from a bare host to the first run.
#
# As root, with the program installed: its package, or /usr/local/bin/pgwitness.
#   pgwitness config example <THIS> > setup.sh     # edit the block below, and nothing else
#   sh setup.sh
#
# What is there already stays as it is, also a configuration file that was edited since: a second run changes nothing.
# For <ELSEWHERE>: pgwitness config example <OTHER>. For the side of AWS: pgwitness config example aws.

# ---- Edit this block -------------------------------------------------------------------------------------------------

# The source: a PostgreSQL server. Its role needs LOGIN and pg_read_all_data, and no write access. With PASSWORD=yes the
# script asks for the password and writes it to /etc/pgwitness/source-password (mode 0600); a file that is there is used.
URL='postgresql://backup@db.example.org:5432/shop?sslmode=verify-full&sslrootcert=system'
PASSWORD=yes

# Or an RDS instance, with URL=''. `pgwitness config example aws` makes the groups and /etc/pgwitness/aws-credentials.
INSTANCE=''
DBNAME=''
REGION=''
SUBNET_GROUP='pgwitness'
SECURITY_GROUP=''
PARAMETER_GROUP=''
PUBLICLY_ACCESSIBLE=false       # true: this host is outside of the VPC and has no tunnel into it

# PostgreSQL on this host, where dumps are restored: the source's major version or a later one, up to 18.
POSTGRESQL=17
# More packages: the source's extensions, for instance <EXTENSION>.
PACKAGES=''
# The locales of the source's databases (SELECT datcollate FROM pg_database); on RDS usually en_US.UTF-8.
LOCALES='en_US.UTF-8'

# Who signs the reports.
IDENTITY="backup@$(uname -n)"

# ---- End of the block ------------------------------------------------------------------------------------------------

set -eu
umask 022
STEP='start'
CHANGES=0

ended() {
    code=$?
    [ ! -t 0 ] || stty echo
    [ "$code" -eq 0 ] || echo "error: the setup is not complete, it stopped at: $STEP" >&2
}
trap ended EXIT

made() {
    CHANGES=$((CHANGES + 1))
    echo "made   $*"
}

there() {
    echo "there  $*"
}

# fail CAUSE HINT
fail() {
    echo "error: $1" >&2
    echo "  try: $2" >&2
    exit 2
}

# Where `cargo install --root /usr/local` puts it, or its package.
PROGRAM=/usr/local/bin/pgwitness
[ -x "$PROGRAM" ] || PROGRAM=/usr/bin/pgwitness

# The program as the user of the nightly run.
pgwitness() {
    if [ -e /etc/pgwitness/aws-credentials ]; then
        runuser -u pgwitness -- env AWS_SHARED_CREDENTIALS_FILE=/etc/pgwitness/aws-credentials "$PROGRAM" "$@"
    else
        runuser -u pgwitness -- "$PROGRAM" "$@"
    fi
}

<PACKAGES>
# directory PATH MODE
directory() {
    if [ -d "$1" ] && [ "$(stat -c %U "$1")" = pgwitness ]; then
        there "directory $1"
    elif [ -d "$1" ]; then
        chown pgwitness: "$1"
        made "owner of directory $1"
    else
        install -d -o pgwitness -g pgwitness -m "$2" "$1"
        made "directory $1, mode $2"
    fi
}

# A string of TOML; echo would take backslashes for something else.
toml() {
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

# setting KEY TEXT
setting() {
    printf '%s = %s\n' "$1" "$(toml "$2")"
}

configuration() {
    echo '# /etc/pgwitness/pgwitness.toml; every key is explained by: pgwitness config example toml'
    echo '[source]'
    if [ -n "$URL" ]; then
        echo 'kind = "postgres"'
        setting url "$URL"
        [ "$PASSWORD" = no ] || echo 'password_file = "/etc/pgwitness/source-password"'
    else
        echo 'kind = "rds"'
        setting instance "$INSTANCE"
        setting dbname "$DBNAME"
        setting region "$REGION"
        echo
        echo '[source.temporary]'
        echo 'instance_classes = ["db.t4g.medium", "db.t3.medium"]'
        setting subnet_group "$SUBNET_GROUP"
        printf 'security_groups = [%s]\n' "$(toml "$SECURITY_GROUP")"
        setting parameter_group "$PARAMETER_GROUP"
        echo "publicly_accessible = $PUBLICLY_ACCESSIBLE"
        echo 'ca_bundle = "/etc/pgwitness/rds-global-bundle.pem"'
    fi
    cat <<'END'

[dump]
directory = "/srv/pgwitness/dumps"

[restore]
# A run restores into a server of its own, in a directory below this one: a disk with room for the database.
server_directory = "/var/tmp"

[retention]
keep_daily = 7
keep_weekly = 5
keep_monthly = 12

[report]
directory = "/srv/pgwitness/reports"
key = "/etc/pgwitness/key"
allowed_signers = "/etc/pgwitness/allowed_signers"
END
}

# file PATH OWNER MODE TEXT: unless the file is there; it is never there half.
file() {
    if [ -e "$1" ]; then
        there "file $1, kept as it is"
        return
    fi
    rm -f "$1.new"
    (umask 077 && printf '%s\n' "$4" > "$1.new")
    chown "$2" "$1.new"
    chmod "$3" "$1.new"
    mv "$1.new" "$1"
    made "file $1, mode $3"
}

# private PATH: a file with a secret, which is there.
private() {
    if [ "$(stat -c '%U %a' "$1")" = 'pgwitness 600' ]; then
        there "file $1"
    else
        chown pgwitness: "$1"
        chmod 0600 "$1"
        made "owner and mode of $1"
    fi
}

password() {
    path=/etc/pgwitness/source-password
    if [ -e "$path" ]; then
        private "$path"
    elif [ -t 0 ]; then
        printf 'password of the role on the source: '
        stty -echo
        IFS= read -r text || :
        stty echo
        echo
        file "$path" pgwitness: 0600 "$text"
    else
        fail "there is no $path, and no terminal to ask for the password" \
            "put the password into that file (mode 0600), or set PASSWORD=no, and run this script again"
    fi
}

STEP='the block of settings'
[ "$(id -u)" -eq 0 ] || fail 'this script installs packages and makes a user: it must run as root' "sudo sh $0"
[ -x "$PROGRAM" ] || fail 'there is no program /usr/local/bin/pgwitness and no /usr/bin/pgwitness' \
    'install the package of pgwitness, or: cargo install --path . --root /usr/local'
case $URL in
    *db.example.org*) fail 'the source is still the example' 'edit the block of this script' ;;
esac
if [ -z "$URL" ]; then
    for value in "$INSTANCE" "$DBNAME" "$REGION" "$SUBNET_GROUP" "$SECURITY_GROUP" "$PARAMETER_GROUP"; do
        [ -n "$value" ] || fail 'URL is empty, and so is a setting of the RDS instance' 'edit the block of this script'
    done
fi

STEP='packages'
packages

STEP='locales'
for locale in $LOCALES; do
    if locale -a | grep -qixF "$(echo "$locale" | sed 's/[Uu][Tt][Ff]-8$/utf8/')"; then
        there "locale $locale"
    else
        make_locale "$locale"
        made "locale $locale"
    fi
done

STEP='user'
if id pgwitness > /dev/null 2>&1; then
    there 'user pgwitness'
else
    useradd --system --user-group --home-dir /var/lib/pgwitness --shell /usr/sbin/nologin pgwitness
    made 'user pgwitness'
fi

STEP='directories'
directory /etc/pgwitness 0750
directory /srv/pgwitness 0750
directory /var/lib/pgwitness 0700

STEP='files'
if [ -n "$URL" ]; then
    [ "$PASSWORD" = no ] || password
else
    [ ! -e /etc/pgwitness/aws-credentials ] || private /etc/pgwitness/aws-credentials
    bundle=''
    [ -e /etc/pgwitness/rds-global-bundle.pem ] ||
        bundle=$(curl -fsS https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem)
    file /etc/pgwitness/rds-global-bundle.pem root:pgwitness 0644 "$bundle"
fi
# What the package has put there is the example for RDS: it is replaced unless it was edited.
if [ -e /etc/pgwitness/pgwitness.toml ] && pgwitness config example toml | cmp -s - /etc/pgwitness/pgwitness.toml; then
    rm /etc/pgwitness/pgwitness.toml
fi
text=$(configuration)
file /etc/pgwitness/pgwitness.toml root:pgwitness 0640 "$text"
if [ -e /etc/pgwitness/key ]; then
    there 'key /etc/pgwitness/key'
else
    pgwitness keygen /etc/pgwitness/key --identity "$IDENTITY"
    made 'key /etc/pgwitness/key'
fi
public=$(cut -d ' ' -f 1,2 /etc/pgwitness/key.pub)
file /etc/pgwitness/allowed_signers root:pgwitness 0644 "$IDENTITY namespaces=\"pgwitness-report\" $public"

STEP='pgwitness init'
if [ -e /srv/pgwitness/dumps/.pgwitness-backups ]; then
    there 'backup directory'
    pgwitness init
else
    pgwitness init
    made 'backup directory'
fi

STEP='timer'
first='runuser -u pgwitness -- pgwitness nightly'
if [ -d /run/systemd/system ]; then
    first='systemctl start pgwitness.service'
    before=$CHANGES
    for unit in service timer; do
        if [ -e "/usr/lib/systemd/system/pgwitness.$unit" ]; then
            there "unit pgwitness.$unit of the package"
            continue
        fi
        text=$(pgwitness config example "$unit")
        file "/etc/systemd/system/pgwitness.$unit" root: 0644 "$text"
    done
    if [ -e /etc/pgwitness/aws-credentials ]; then
        mkdir -p /etc/systemd/system/pgwitness.service.d
        file /etc/systemd/system/pgwitness.service.d/aws.conf root: 0644 "[Service]
Environment=AWS_SHARED_CREDENTIALS_FILE=/etc/pgwitness/aws-credentials"
    fi
    [ "$CHANGES" -eq "$before" ] || systemctl daemon-reload
    if systemctl is-enabled --quiet pgwitness.timer; then
        there 'timer'
    else
        systemctl enable --now pgwitness.timer
        made 'timer: systemctl list-timers pgwitness.timer shows when it starts'
    fi
else
    echo 'not    timer: systemd does not run here; for cron: pgwitness config example cron'
fi

STEP='pgwitness config check'
pgwitness config check || fail 'a run would fail: see the lines that begin with ✗' 'fix them, and run this script again'

if [ "$CHANGES" -eq 0 ]; then
    echo 'Nothing was changed: everything was there.'
else
    echo "Ready; $CHANGES things were made."
fi
echo "The first run: $first"
