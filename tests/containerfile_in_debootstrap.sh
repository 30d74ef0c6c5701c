#!/bin/bash
# Runs the RUN steps of the second stage of packaging/Containerfile in a bare Debian folder, puts the built program in, and starts it as
# the user of the image. For a machine without a container engine: it does not build the image. As root, with the network.
#
#   cargo build && tests/containerfile_in_debootstrap.sh target/debug/pgwitness [DIR]
set -euo pipefail

program=$(realpath "${1:?the built program}")
work=${2:-$(mktemp -d /var/tmp/pgwitness-image-XXXXXX)}
root=$work/root
kept=${2:-}
file=$(dirname "$0")/../packaging/Containerfile
suite=$(sed -n 's/^ARG DEBIAN=//p' "$file")

ended() {
    code=$?
    umount "$root/proc" 2> /dev/null || :
    [ -n "$kept" ] || rm -rf --one-file-system "$work"
    if [ "$code" -eq 0 ]; then echo '1 passed, 0 failed'; else echo 'FAILED'; fi
}
trap ended EXIT

inside() {
    chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

mkdir -p "$root"
[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase "$suite" "$root" > "$work/debootstrap.log"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"

# The steps, with the values of ARG and ENV that the file gives them; the program comes where COPY has it.
mapfile -t settings < <(sed -n '/^FROM .*-slim/,$p' "$file" | sed -n 's/^\(ARG\|ENV\) //p' | tr -d '"')
step=''
while IFS= read -r line; do
    case $line in
        'COPY --from=build '*) install -m 0755 "$program" "$root/usr/local/bin/pgwitness" ;;
        'RUN '*) step=${line#RUN } ;;
        '    '*) [ -z "$step" ] || step="$step"$'\n'"$line" ;;
    esac
    if [ -n "$step" ] && [ "${line%\\}" = "$line" ]; then
        echo "RUN ${step%%$'\n'*}"
        inside "${settings[@]}" sh -ec "$step" > "$work/run.log" 2>&1 || { tail -20 "$work/run.log"; exit 1; }
        step=''
    fi
done < <(sed -n '/^FROM .*-slim/,$p' "$file")

user=$(sed -n 's/^USER //p' "$file")
entry=$(sed -n 's/^ENTRYPOINT \[\(.*\)\]/\1/p' "$file" | tr -d '",')
# shellcheck disable=SC2086 # several words
chroot --userspec="$user" "$root" env -i PATH=/usr/bin:/bin $entry --version
for command in 'restic version' 'rsync --version' 'ssh -V' 'id' "ls /usr/lib/postgresql"; do
    # shellcheck disable=SC2086 # several words
    chroot --userspec="$user" "$root" env -i PATH=/usr/bin:/bin $command 2>&1 | sed -n 1p
done
# What initdb needs: a name for the user.
chroot --userspec="$user" "$root" sh -ec '/usr/lib/postgresql/*/bin/initdb -D /var/lib/pgwitness/try --locale=en_US.UTF-8 > /dev/null && rm -r /var/lib/pgwitness/try'
[ -z "$(inside pg_lsclusters -h)" ] || { echo 'a cluster was made' >&2; exit 1; }
