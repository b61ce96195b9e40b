"""What the project answers."""

import os
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from notes.models import Note


def name_the_release(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Say in each answer which release gave it (middleware)."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Release"] = os.environ["APP_RELEASE"]
        return response

    return answer


def notes(request: HttpRequest) -> HttpResponse:
    """Keep the body of a POST as a note; tell how many notes there are, and the last."""
    if request.method == "POST":
        Note.objects.create(text=request.body.decode())
    last = Note.objects.last()
    return JsonResponse(
        {
            "count": Note.objects.count(),
            "last": last.text if last else "",
            "https": request.is_secure(),
            "mood": os.environ.get("MOOD", ""),
        }
    )


def healthz(request: HttpRequest) -> HttpResponse:
    """Tell that the table is there."""
    return HttpResponse(f"{Note.objects.count()} notes")
