# The packages make no cluster and start no server; a run makes a server of its own. (Not tried on Amazon Linux.)
packages() {
    wanted="postgresql$POSTGRESQL postgresql$POSTGRESQL-server postgresql$POSTGRESQL-contrib"
    wanted="$wanted rsync openssh-clients ca-certificates shadow-utils util-linux $PACKAGES"
    missing=''
    for package in $wanted; do
        if rpm -q "$package" > /dev/null 2>&1; then
            there "package $package"
        else
            missing="$missing $package"
        fi
    done
    if [ -n "$missing" ]; then
        # shellcheck disable=SC2086 # several words
        dnf -q -y install $missing
        made "packages$missing"
    fi
    # Only for an off-site repository, which the configuration of this script does not have yet.
    if command -v restic > /dev/null; then
        there 'program restic'
    elif dnf -q -y install restic 2> /dev/null; then
        made 'package restic'
    else
        echo 'not    restic: no enabled repository has it. For [offsite]: dnf install spal-release, if that has it, or the'
        echo '       program from the releases of restic, checked by their SHA256SUMS, as /usr/local/bin/restic (mode 0755)'
    fi
}

make_locale() {
    dnf -q -y install "glibc-langpack-${1%%_*}"
}
