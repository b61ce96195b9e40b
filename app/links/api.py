"""The JSON API under /api/links."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue

from . import store

MAX_LIMIT = 100
DEFAULT_LIMIT = 20

bp = Blueprint("api", __name__, url_prefix="/api/links")


def timestamp(time: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    return None if time is None else time.strftime("%Y-%m-%dT%H:%M:%SZ")


def as_json(link: store.Link) -> dict[str, Any]:
    """A link as the API shows it."""
    return {
        "code": link.code,
        "url": link.url,
        "short_url": url_for("pages.follow", code=link.code, _external=True),
        "hits": link.hits,
        "created_at": timestamp(link.created_at),
        "last_hit_at": timestamp(link.last_hit_at),
    }


def body() -> dict[str, Any]:
    """The JSON object sent. Raises 400, 413, 415, or LinkError (422)."""
    if not request.is_json:
        abort(415, "Send the body as JSON with the header Content-Type: application/json.")
    try:
        data = request.get_json()
    except RecursionError:
        data = None  # thousands of brackets within the size limit
    if not isinstance(data, dict):
        abort(400, "The body must be a JSON object.")
    unknown = sorted(data.keys() - {"url", "code"})
    if unknown:
        raise store.LinkError(f"Unknown field: {unknown[0]}.", 422)
    return data


@bp.post("")
def create() -> ResponseReturnValue:
    """Create a link from {url, code?}; 201, or 400, 409, 413, 415, 422."""
    data = body()
    link = store.add(data.get("url"), data.get("code"))
    return as_json(link), 201, {"Location": url_for("api.read", code=link.code)}


@bp.get("")
def index() -> ResponseReturnValue:
    """The newest links; 400 if `limit` is not in 1..MAX_LIMIT."""
    try:
        limit = int(request.args.get("limit", DEFAULT_LIMIT))
    except ValueError:
        limit = 0
    if not 1 <= limit <= MAX_LIMIT:
        abort(400, f"limit must be a whole number from 1 to {MAX_LIMIT}.")
    return {"links": [as_json(link) for link in store.latest(limit)]}


@bp.get("/<code>")
def read(code: str) -> ResponseReturnValue:
    """One link, or 404."""
    link = store.get(code)
    if link is None:
        abort(404, "There is no link with this code.")
    return as_json(link)


@bp.delete("/<code>")
def delete(code: str) -> ResponseReturnValue:
    """Delete a link; 204, or 404."""
    if not store.delete(code):
        abort(404, "There is no link with this code.")
    return "", 204
