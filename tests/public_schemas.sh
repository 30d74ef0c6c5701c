#!/bin/bash
# Installs applications whose schemas are public into a directory, for tests/postgres/definitions only: they come from PyPI, with their
# versions named here, and none of their text is in this repository. Needs python3 with venv and pip; no root.
#
#   tests/public_schemas.sh DIR
#   PGWITNESS_PUBLIC_SCHEMAS=DIR cargo test --test postgres definitions::public
set -euo pipefail
dir=$(realpath -m "$1")
if [ -x "$dir/bin/python" ] && [ -f "$dir/complete" ]; then exit 0; fi
python3 -m venv "$dir"
# Licences: BSD (Django, Wagtail, django-oauth-toolkit, django-celery-beat, django-reversion), MIT (django-allauth), LGPL (psycopg).
"$dir/bin/pip" install -q 'Django==5.1.4' 'psycopg[binary]==3.2.3' 'wagtail==6.3.1' 'django-allauth==65.3.0' \
  'django-oauth-toolkit==3.0.1' 'django-celery-beat==2.7.0' 'django-reversion==5.1.0'
touch "$dir/complete"
