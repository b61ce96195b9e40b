"""The pages for people, and the short links themselves."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from . import store
from .api import as_json

LATEST = 20

bp = Blueprint("pages", __name__)


def home(status: int = 200, **values: object) -> ResponseReturnValue:
    links = [as_json(link) for link in store.latest(LATEST)]
    page = render_template(
        "home.html", links=links, max_links=LATEST, max_url=store.MAX_URL, **values
    )
    return page, status


@bp.get("/")
def index() -> ResponseReturnValue:
    """The form and the latest links; `?created=CODE` shows that link as just created."""
    created = store.get(request.args.get("created", ""))
    return home(created=as_json(created) if created else None)


@bp.post("/")
def create() -> ResponseReturnValue:
    """The form without JavaScript: 303 back to the page, or the page with the error."""
    url, code = request.form.get("url", ""), request.form.get("code", "").strip()
    try:
        link = store.add(url, code or None)
    except store.LinkError as error:
        return home(error.status, error=error, url=url, code=code)
    return redirect(url_for("pages.index", created=link.code), 303)


@bp.get("/<code>")
def follow(code: str) -> ResponseReturnValue:
    """Redirect to the target and count the hit, or 404."""
    # Looked up first: an address that does not exist should not take the write lock.
    link = store.get(code)
    # HEAD comes from previews and link checkers, not from people.
    if link is None or (request.method == "GET" and not store.hit(code)):
        abort(404, "There is no link with this code; it may have been deleted or mistyped.")
    return redirect(link.url, 302)
