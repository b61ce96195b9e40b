"""The links themselves: checking, storing, counting."""

from __future__ import annotations

import re
import secrets
import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import urlsplit

from werkzeug.urls import iri_to_uri

from .db import get_db

MAX_URL = 2048  # characters
RESERVED = frozenset({"api", "static", "healthz"})
# No 0/O and 1/l/I: people read short links aloud.
ALPHABET = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
RANDOM_LENGTH = 7  # characters; 57**7 is about 2 * 10**12 codes
RANDOM_TRIES = 8

CODE = re.compile(r"[A-Za-z0-9_-]{1,32}")
HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


class LinkError(Exception):
    """A link was refused: a sentence for the user, an HTTP status, the field at fault."""

    def __init__(self, message: str, status: int, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.field = field


@dataclass(frozen=True)
class Link:
    """A stored link; times are in UTC, `last_hit_at` is None until the first hit."""

    code: str
    url: str
    hits: int
    created_at: datetime
    last_hit_at: datetime | None


def check_url(value: object) -> str:
    """Return the target as an ASCII URL. Raises LinkError (422)."""

    def refuse(message: str) -> LinkError:
        return LinkError(message, 422, "url")

    if not isinstance(value, str) or not value.strip():
        raise refuse("Give the address to shorten.")
    url = value.strip()
    if len(url) > MAX_URL:
        raise refuse(f"The address is longer than {MAX_URL} characters.")
    # Also refuses lone surrogates, which neither SQLite nor a header can carry.
    if " " in url or not url.isprintable():
        raise refuse("The address contains a space or a character that cannot be printed.")
    try:
        parts = urlsplit(url)
        port = parts.port
        target = iri_to_uri(url)
        host = urlsplit(target).hostname or ""
    except ValueError:
        raise refuse("The address is not a valid URL.") from None
    if parts.scheme not in ("http", "https"):
        raise refuse("The address must begin with http:// or https://.")
    if not HOST.fullmatch(host) or port == 0:
        raise refuse("The address has no valid host name.")
    if parts.username is not None or parts.password is not None:
        # Everybody can read the list of links.
        raise refuse("The address must not contain a user name or password.")
    if len(target) > MAX_URL:
        raise refuse(f"The address is longer than {MAX_URL} characters once encoded.")
    return target


def check_code(value: object) -> str:
    """Return a code the user chose. Raises LinkError (422)."""
    if not isinstance(value, str) or not CODE.fullmatch(value):
        message = "The code must be 1 to 32 letters A-Z or a-z, digits, _ or -."
        raise LinkError(message, 422, "code")
    if value.lower() in RESERVED:
        raise LinkError(f"The code '{value}' is reserved.", 422, "code")
    return value


def random_code() -> str:
    """An unguessable code."""
    return "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))


def add(url: object, code: object = None) -> Link:
    """Store a link, under a random code if `code` is None.

    Raises LinkError (409 if the code is taken, 422 if a value is bad, 503 if no free
    random code was found) and sqlite3.Error.
    """
    target = check_url(url)
    if code is not None:
        chosen = check_code(code)
        if not _insert(chosen, target):
            raise LinkError(f"The code '{chosen}' is already taken.", 409, "code")
        return _stored(chosen)
    for _ in range(RANDOM_TRIES):
        chosen = random_code()
        if chosen.lower() not in RESERVED and _insert(chosen, target):
            return _stored(chosen)
    raise LinkError("No free code was found, please try again.", 503)


def _insert(code: str, url: str) -> bool:
    """Insert a link; False if the code is taken, which only the database can tell."""
    try:
        get_db().execute(
            "INSERT INTO links (code, url, created_at) VALUES (?, ?, ?)",
            (code, url, int(time.time())),
        )
    except sqlite3.IntegrityError:
        return False
    return True


def _stored(code: str) -> Link:
    link = get(code)
    if link is None:  # deleted by somebody else within the last millisecond
        raise LinkError(f"The code '{code}' was deleted at once.", 409, "code")
    return link


def get(code: str) -> Link | None:
    """The link with this code. Raises sqlite3.Error."""
    if not CODE.fullmatch(code):
        return None
    row = get_db().execute("SELECT * FROM links WHERE code = ?", (code,)).fetchone()
    return None if row is None else _link(row)


def latest(limit: int) -> list[Link]:
    """At most `limit` links, newest first. Raises sqlite3.Error."""
    rows = get_db().execute("SELECT * FROM links ORDER BY id DESC LIMIT ?", (limit,))
    return [_link(row) for row in rows]


def hit(code: str) -> bool:
    """Count a hit; False if there is no such link. Raises sqlite3.Error."""
    # Added inside the database: threads and processes must not lose each other's hits.
    cursor = get_db().execute(
        "UPDATE links SET hits = hits + 1, last_hit_at = ? WHERE code = ?",
        (int(time.time()), code),
    )
    return cursor.rowcount == 1


def delete(code: str) -> bool:
    """Delete a link; False if there is no such link. Raises sqlite3.Error."""
    if not CODE.fullmatch(code):
        return False
    return get_db().execute("DELETE FROM links WHERE code = ?", (code,)).rowcount == 1


def _link(row: sqlite3.Row) -> Link:
    return Link(
        code=row["code"],
        url=row["url"],
        hits=row["hits"],
        created_at=datetime.fromtimestamp(row["created_at"], timezone.utc),
        last_hit_at=None
        if row["last_hit_at"] is None
        else datetime.fromtimestamp(row["last_hit_at"], timezone.utc),
    )
