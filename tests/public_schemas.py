"""Makes the tables of one public application: public_schemas.py NAME SOCKET_DIRECTORY DATABASE. Without arguments: the names.

Each runs the migrations that the application itself ships, as an administrator would.
"""

import sys

DJANGO = ["admin", "auth", "contenttypes", "sessions", "messages", "sites", "flatpages", "redirects"]
SCHEMAS = {
    "django": [],
    "wagtail": ["taggit", "modelcluster", "wagtail", "wagtail.admin", "wagtail.users", "wagtail.images", "wagtail.documents",
                "wagtail.search", "wagtail.sites", "wagtail.embeds", "wagtail.snippets", "wagtail.contrib.forms",
                "wagtail.contrib.redirects", "wagtail.contrib.search_promotions"],
    "allauth": ["allauth", "allauth.account", "allauth.socialaccount"],
    "oauth": ["oauth2_provider"],
    "celery_beat": ["django_celery_beat"],
    "reversion": ["reversion"],
}


def main(name, host, database):
    import django
    from django.conf import settings
    from django.core.management import call_command

    templates = {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}
    settings.configure(
        SECRET_KEY="for tests", SITE_ID=1, USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[f"django.contrib.{app}" for app in DJANGO] + SCHEMAS[name], TEMPLATES=[templates],
        MIDDLEWARE=["allauth.account.middleware.AccountMiddleware"] if name == "allauth" else [],
        STATIC_URL="/static/", WAGTAIL_SITE_NAME="test", WAGTAILADMIN_BASE_URL="http://localhost",
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": host, "USER": "postgres", "NAME": database}},
    )
    django.setup()
    call_command("migrate", verbosity=0, skip_checks=True)
    from django.contrib.auth.models import Group, User

    for number in range(5):
        user = User.objects.create_user(f"user{number}", f"user{number}@example.org", is_active=number % 2 == 0)
        user.groups.add(Group.objects.get_or_create(name=f"group {number % 2}")[0])


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("\n".join(SCHEMAS))
    else:
        main(*sys.argv[1:])
