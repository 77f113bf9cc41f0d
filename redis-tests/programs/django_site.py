"""A small Django site: its caches and sessions are in the server under test."""
import os

import django
from django.conf import settings

PORT = os.environ.get("MARTLET_PORT", "6379")
URL = "redis://127.0.0.1:%s/" % PORT


def setup():
    if settings.configured:
        return
    settings.configure(
        SECRET_KEY="not a secret", ROOT_URLCONF="django_site", ALLOWED_HOSTS=["*"], USE_TZ=True,
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions",
                        "django.contrib.messages"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                    "django.middleware.csrf.CsrfViewMiddleware",
                    "django.contrib.auth.middleware.AuthenticationMiddleware",
                    "django.contrib.messages.middleware.MessageMiddleware"],
        CACHES={
            "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": URL + "1",
                        "KEY_PREFIX": "site"},
            "other": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": URL + "2",
                      "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"}},
            "json": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": URL + "3", "TIMEOUT": None,
                     "OPTIONS": {"SERIALIZER": "django_redis.serializers.json.JSONSerializer",
                                 "COMPRESSOR": "django_redis.compressors.zlib.ZlibCompressor"}},
        },
        SESSION_ENGINE="django.contrib.sessions.backends.cache", SESSION_CACHE_ALIAS="default",
        MESSAGE_STORAGE="django.contrib.messages.storage.session.SessionStorage",
        DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS=True,
    )
    django.setup()


def count(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(str(request.session["visits"]))


def remember(request):
    request.session["what"] = request.GET["what"]
    request.session.set_expiry(int(request.GET.get("expiry", 1000)))
    return HttpResponse("ok")


def recall(request):
    return HttpResponse(request.session.get("what", "nothing"))


def forget(request):
    request.session.flush()
    return HttpResponse("ok")


def note(request):
    messages.info(request, "saved")
    return HttpResponse("ok")


def notes(request):
    return HttpResponse(",".join(str(m) for m in messages.get_messages(request)))


def who(request):
    return HttpResponse(request.user.get_username() or "nobody")


pages = []


def page(request):
    pages.append(request.path)
    return HttpResponse("page %d" % len(pages))


setup()

from django.contrib import messages  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.cache import cache_page  # noqa: E402

urlpatterns = [path(f.__name__, f) for f in (count, remember, recall, forget, note, notes, who)]
urlpatterns.append(path("page/<int:n>", lambda request, n: cache_page(100, cache="other")(page)(request)))

if __name__ == "__main__":   # a process of several that count together
    from django.core.cache import caches
    for _ in range(200):
        caches["default"].incr("shared")
        caches["other"].incr("shared")
