"""The pages as a Django site of one file, with Django's file sessions: the last save wins."""

import os
import threading
import time
import urllib.request
import uuid
from collections import Counter

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[
        f"{__name__}.count_writers",
        "django.contrib.sessions.middleware.SessionMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY=uuid.uuid4().hex,
    SESSION_ENGINE="django.contrib.sessions.backends.file",
    SESSION_FILE_PATH=os.environ["SESSIONS"],
)

lock = threading.Lock()
inside = Counter()
stats = Counter()


def count_writers(get_response):
    """Around the session's middleware: a writer is inside until its session is stored."""

    def middleware(request):
        try:
            return get_response(request)
        finally:
            if who := getattr(request, "writer", None):
                with lock:
                    inside[who] -= 1

    return middleware


def enter(request):
    who = request.session.setdefault("who", uuid.uuid4().hex)  # the session's, whatever its id becomes
    with lock:
        inside[who] += 1
        stats["overlaps"] += inside[who] > 1
    request.writer = who


def work(request):
    time.sleep(int(request.GET.get("ms", 0)) / 1000)


def write(request):
    enter(request)
    counter = request.session.get("counter", 0)
    work(request)
    request.session["counter"] = counter + 1
    return HttpResponse(counter + 1)


def read(request):
    counter = request.session.get("counter", 0)
    work(request)
    return HttpResponse(counter)


def none(request):
    work(request)
    return HttpResponse("none")


def login(request):
    enter(request)
    work(request)
    request.session.cycle_key()
    return HttpResponse(request.session.get("counter", 0))


def inner(request):
    headers = {"Cookie": request.headers.get("Cookie", "")}
    if ticket := request.headers.get("X-Onelane-Ticket"):
        headers["X-Onelane-Ticket"] = ticket
    own = urllib.request.Request(f"http://{request.get_host()}/write?ms=0", headers=headers)
    with urllib.request.urlopen(own, timeout=10) as answer:
        return HttpResponse(answer.read())


def show(request):
    with lock:
        return JsonResponse({"overlaps": stats["overlaps"]})


def reset(request):
    with lock:
        stats.clear()
    return HttpResponse("reset")


urlpatterns = [
    path("write", write),
    path("read", read),
    path("none", none),
    path("login", login),
    path("inner", inner),
    path("stats", show),
    path("reset", reset),
]

application = get_wsgi_application()
