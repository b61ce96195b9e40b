#!/usr/bin/env python3
"""Ask the applications of scenario applications, on their host, as their users do.

Usage: ask.py TOKEN [--version TEXT] [--again] [--without APPLICATION] [APPLICATION...]

Each application is given data that TOKEN tells from all other, then asked for it; with --again it
is only asked. --version is a text that each of our own applications must say of itself, so that
the answers come from the release that is meant. A line is printed for each application, and one
for each thing that is wrong; then the status is 1.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import os
import re
import socket
import struct
import sys
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

#: Headers by which a client could claim to be another, or to have asked for something else.
FORGED = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Forwarded-Scheme",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Original-URL",
    "X-Real-IP",
    "X-Rewrite-URL",
    "X-Scheme",
    "X-Script-Name",
    "X-Url-Scheme",
)
#: What is sent to views that do not read it, in bytes: within one packet, within the buffers of
#: sockets, and beyond.
SIZES = (100, 70_000, 1_000_000, 9_000_000)


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """Return what the body says in JSON; nothing if it says nothing."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


class Asked:
    """One application, as it is asked: by its name, through a port of this host."""

    def __init__(self, name: str, host: str, port: int, given: argparse.Namespace) -> None:
        self.name, self.host, self.port = name, host, port
        self.token: str = given.token
        self.version: str = given.version
        #: Whether there is data to be given.
        self.first: bool = not given.again
        self.wrong: list[str] = []
        self.count = 0

    @property
    def authority(self) -> str:
        """Return the Host header, with the port where a browser sends it."""
        return self.host if self.port == 80 else f"{self.host}:{self.port}"

    def connect(self) -> http.client.HTTPConnection:
        """Return a connection that can be kept."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def __call__(
        self,
        path: str,
        body: Any = None,
        method: str = "",
        headers: dict[str, str] | None = None,
        kept: http.client.HTTPConnection | None = None,
    ) -> Answer:
        """Ask for a path; return the answer, a status of 0 if there is none.

        Args:
            path: path and query.
            body: bytes or an iterable of bytes, which is sent in chunks; a dictionary is a form.
            method: GET without a body and POST with one, unless said.
            headers: more headers.
            kept: the connection to use; without it, a new one.
        """
        headers = {"Host": self.authority, **(headers or {})}
        if isinstance(body, dict):
            body = urlencode(body).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = kept or self.connect()
        chunked = body is not None and not isinstance(body, bytes)
        method = method or ("GET" if body is None else "POST")
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        try:
            # A server may answer before all was sent.
            with contextlib.suppress(BrokenPipeError):
                connection.request(method, path, body, headers, encode_chunked=chunked)
            answer = connection.getresponse()
            return Answer(
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                answer.read(),
            )
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Answer(0, {}, repr(error).encode())
        finally:
            if not kept:
                connection.close()

    def see(self, what: str, right: bool, answer: Any = "") -> None:
        """Note what was seen, and what was answered instead if it is not right."""
        self.count += 1
        if not right:
            if isinstance(answer, Answer):
                body = " ".join(answer.text.split())
                answer = f"{answer.status} {answer.headers} {body[:500]}"
            self.wrong.append(f"{what}: {answer}")

    def see_version(self, answer: Answer) -> None:
        """Note whether an answer comes from the version that is meant."""
        self.see(f"version {self.version}", self.version in answer.text, answer)


def form(fields: dict[str, str], file: tuple[str, str, bytes]) -> tuple[bytes, dict[str, str]]:
    """Return a form with a file as a browser sends it, and the header that says so.

    Args:
        fields: names and values.
        file: the field, name and content of the file.
    """
    mark = "a-mark-that-is-in-no-file"
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    field, name, content = file
    parts += [
        f'--{mark}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode(),
        content,
        f"\r\n--{mark}--\r\n".encode(),
    ]
    return b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={mark}"}


def cookies(answer: Answer) -> dict[str, str]:
    """Return the header that brings back the cookie of an answer."""
    return {"Cookie": answer.headers.get("set-cookie", "").partition(";")[0]}


def answers_itself(
    ask: Asked, cases: list[tuple[str, dict[str, str], Callable[[int], int]]]
) -> None:
    """See that a status is the application's own, however long the body that it did not read.

    Args:
        ask: the application.
        cases: path, headers, and from the length of the body to the status that it answers.
    """
    for path, headers, expected in cases:
        kept = ask.connect()
        for size in SIZES:
            for connection in (None, kept, kept):
                answer = ask(path, b"x" * size, headers=headers, kept=connection)
                ask.see(
                    f"{path} with {size} bytes, {'kept' if connection else 'new'} connection",
                    answer.status == expected(size),
                    answer,
                )
        kept.close()


# ---- what each of them is asked ------------------------------------------------------------------


def flaskr(ask: Asked) -> None:
    """A post in the database of the tutorial."""
    if ask.first:
        user = {"username": ask.token, "password": "secret"}
        ask.see("register", ask("/auth/register", user).status == 302)
        session = cookies(ask("/auth/login", user))
        answer = ask("/create", {"title": f"Post of {ask.token}", "body": "x"}, headers=session)
        ask.see("a post", answer.status == 302, answer)
    answer = ask("/")
    ask.see("the post", f"Post of {ask.token}" in answer.text, answer)
    answer = ask("/static/style.css")
    ask.see("the style sheet", "flaskr" in answer.text, answer)
    ask.see_version(ask("/hello"))


def gallery(ask: Asked) -> None:
    """An upload, which nginx serves, its line in the database, and bodies that nobody reads."""
    if ask.first:
        body, headers = form({"title": ask.token}, ("photo", f"{ask.token}.png", b"\x89PNG" * 1000))
        answer = ask("/upload", body, headers=headers)
        ask.see("an upload", answer.status == 302, answer)
    answer = ask(f"/static/uploads/{ask.token}.png")
    ask.see("the upload, from nginx", answer.body == b"\x89PNG" * 1000, answer)
    answer = ask("/static/uploads/readme.txt")
    ask.see("what the source had there", "Put your photos here" in answer.text, answer)
    answer = ask("/static/style.css")
    ask.see("what is beside the uploads", "gallery" in answer.text, answer)
    answer = ask("/static/data.db")
    ask.see("not the database", answer.status == 404, answer)
    answer = ask("/")
    ask.see("the line", ask.token in answer.text, answer)
    ask.see_version(answer)
    friend = {"Authorization": "Bearer friend"}
    answers_itself(
        ask,
        [
            ("/api/photos", {}, lambda size: 401),
            ("/api/photos", friend, lambda size: 413 if size > 2 << 20 else 201),
            ("/api/broken", {}, lambda size: 500),
            ("/api/closed", {}, lambda size: 410),
            ("/api/old", {}, lambda size: 307),
        ],
    )


def bookshop(ask: Asked) -> None:
    """A book with a cover, by a form that believes nobody who asks from elsewhere."""
    origin = f"http://{ask.authority}"
    if ask.first:
        answer = ask("/add/")
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', answer.text)
        ask.see("the form", found is not None, answer)
        body, headers = form(
            {"csrfmiddlewaretoken": found[1] if found else "", "title": f"Book of {ask.token}"},
            ("cover", f"{ask.token}.jpg", b"\xff\xd8cover"),
        )
        answer = ask("/add/", body, headers={**headers, **cookies(answer), "Origin": origin})
        ask.see("a book", answer.status == 302, answer)
        ask.see("back with the port", answer.headers.get("location") == f"{origin}/", answer)
    answer = ask("/")
    ask.see("the book", f"Book of {ask.token}" in answer.text, answer)
    ask.see_version(answer)
    answer = ask(f"/media/covers/{ask.token}.jpg")
    ask.see("the cover, from nginx", answer.body == b"\xff\xd8cover", answer)
    answer = ask("/static/books/style.css")
    ask.see("a style sheet", "bookshop" in answer.text, answer)
    answer = ask("/static/admin/css/base.css")
    ask.see("what collectstatic has collected", answer.status == 200, answer)
    answer = ask("/admin/")
    ask.see("to the login", answer.headers.get("location", "").startswith("/admin/login/"), answer)


def stock(ask: Asked) -> None:
    """A row, and nothing of what its neighbour answers."""
    if ask.first:
        answer = ask("/items", {"name": ask.token})
        ask.see("a row", answer.status == 302, answer)
    answer = ask("/")
    ask.see("the row", ask.token in answer.json.get("items", []), answer)
    ask.see("the factory's argument", answer.json.get("config") == "production", answer)
    ask.see_version(answer)
    answer = ask("/shopping")
    ask.see(
        "what only begins as the neighbour",
        "Shop " not in answer.text and answer.status == 404,
        answer,
    )


def shop(ask: Asked) -> None:
    """A cart in a cookie, below a path of somebody else's domain."""
    answer = ask("/shop/")
    ask.see_version(answer)
    ask.see("the local package", "Everything 19.99" in answer.text, answer)
    ask.see("the version that constraints.txt says", "signed by 2.1.2" in answer.text, answer)
    for found in re.findall(r'(?:href|action)="([^"]+)"', answer.text):
        ask.see("links below the path", found.startswith("/shop/"), found)
    style = ask("/shop/static/shop.css")
    ask.see("the style sheet", "shop" in style.text, style)
    put = ask("/shop/cart/tea", b"")
    ask.see("back below the path", put.headers.get("location") == "/shop/", put)
    ask.see("a cookie below the path", "Path=/shop" in put.headers.get("set-cookie", ""), put)
    answer = ask("/shop/", headers=cookies(put))
    ask.see("what is in the cart", "In your cart: tea." in answer.text, answer)
    answer = ask("/shop")
    ask.see("the path alone", answer.status in (200, 301, 302, 307, 308), answer)


def ledger(ask: Asked) -> None:
    """A line of a file."""
    if ask.first:
        answer = ask("/entries", {"entry": ask.token})
        ask.see("a line", answer.json.get("added") == ask.token, answer)
    answer = ask("/")
    ask.see("the line", ask.token in answer.json.get("entries", []), answer)
    ask.see_version(answer)


def recipes(ask: Asked) -> None:
    """A file beside those that the source has."""
    if ask.first:
        answer = ask(
            f"/recipes/{ask.token}", b'{"eggs": 2}', "PUT", {"Content-Type": "application/json"}
        )
        ask.see("a recipe", answer.status == 201, answer)
    answer = ask("/")
    ask.see("the recipes", {"bread", ask.token} <= set(answer.json.get("recipes", [])), answer)
    ask.see_version(answer)


def quotes(ask: Asked) -> None:
    """A quote in a file that the application has made itself."""
    if ask.first:
        quote = json.dumps({"quote": ask.token}).encode()
        answer = ask("/", quote, headers={"Content-Type": "application/json"})
        ask.see("a quote", answer.status == 200, answer)
    answer = ask("/")
    ask.see("the quote", ask.token in answer.json.get("quotes", []), answer)
    ask.see_version(answer)


def chat(ask: Asked) -> None:
    """A message by a WebSocket, which another process shows, and a stream of events."""
    if ask.first:
        answer = ask("/socket.io/?EIO=4&transport=polling")
        ask.see("long polling", answer.text.startswith('0{"sid"'), answer)
        said = list(
            talk(
                ask,
                "/socket.io/?EIO=4&transport=websocket",
                [b"40", f'42["say","{ask.token}"]'.encode()],
            )
        )
        ask.see("a WebSocket", said[-1:] == [f'42["said","{ask.token}"]'.encode()], said)
    answer = ask("/")
    ask.see("the message", ask.token in answer.text, answer)
    ask.see_version(answer)
    started = time.monotonic()
    connection = ask.connect()
    connection.request("GET", "/events", headers={"Host": ask.authority})
    stream = connection.getresponse()
    first = stream.readline()
    took = time.monotonic() - started
    ask.see("an event when it happens", b"data: 0" in first and took < 0.9, (first, took))
    rest = stream.read()
    ask.see("all events", b"data: 2" in rest, rest)
    connection.close()


def invoices(ask: Asked) -> None:
    """An invoice that a worker of Celery writes, and processes that the application starts."""
    number = int(ask.token, 36)
    if ask.first:
        answer = ask(f"/invoices/{number}", b"")
        ask.see("an order", answer.status == 202, answer)
    for _ in range(60):
        answer = ask(f"/invoices/{number}")
        if answer.status == 200:
            break
        time.sleep(0.25)
    ask.see("the invoice", answer.text == f"Invoice {number}\n", answer)
    ask.see_version(ask("/"))
    answer = ask("/totals")
    ask.see("multiprocessing, spawned", answer.json.get("totals") == [2, 4, 6], answer)
    answer = ask("/report")
    ask.see("sys.executable", answer.json.get("prefix") == answer.json.get("mine"), answer)
    ask.see("sys.executable of this environment", "/venv" in answer.json.get("prefix", ""), answer)


def plots(ask: Asked) -> None:
    """What a C extension makes of a file."""
    data = f"0 0 1 {ask.token}".encode()
    if ask.first:
        answer = ask(f"/plots/{ask.token}", data, "PUT")
        ask.see("a file", answer.json.get("checksum") == zlib.crc32(data), answer)
    answer = ask(f"/plots/{ask.token}")
    ask.see("the file", answer.body == data, answer)
    answer = ask("/")
    ask.see("code made at run time", answer.json.get("jit", 0) > 0, answer)
    ask.see("the requirement from git", answer.json.get("metres") == 2, answer)
    ask.see_version(answer)


def dashboard(ask: Asked) -> None:
    """A note, and a script that node has made."""
    if ask.first:
        ask.see("a note", ask("/", {"note": ask.token}).status == 200)
    answer = ask("/")
    ask.see("the note", ask.token in answer.text, answer)
    found = re.search(r'src="(/static/dist/dashboard\.[0-9a-f]{8}\.js)"', answer.text)
    ask.see("the script's name", found is not None, answer)
    if found:
        answer = ask(found[1])
        ask.see("a script without remarks", "//" not in answer.text, answer)
        ask.see("a script for ever", "immutable" in answer.headers.get("cache-control", ""), answer)
        ask.see_version(answer)


def echo(ask: Asked) -> None:
    """What an application without a framework is told of a request."""
    answer = ask("/")
    ask.see_version(answer)
    # The body may come in chunks, but is not told to be: there is one who has put it together.
    answer = ask("/", iter([b"a" * 1000, b"b" * 50_000, b"c"]))
    ask.see("chunks", answer.json.get("length") == 51_001 or answer.status == 411, answer)
    ask.see("chunks that are none any more", "HTTP_TRANSFER_ENCODING" not in answer.text, answer)
    answer = ask("/?cookie=6000")
    ask.see("a long header", len(answer.headers.get("set-cookie", "")) > 6000, answer)
    answer = ask("/", headers=dict.fromkeys(FORGED, "forged"))
    told = answer.json.get("environ", {})
    forged = [name for name, value in told.items() if "forged" in value]
    ask.see("nothing forged", answer.status == 200 and not forged, forged or answer)
    seen = [
        told.get(name) for name in ("HTTP_HOST", "SERVER_PORT", "wsgi.url_scheme", "REMOTE_ADDR")
    ]
    ask.see("what was asked", seen == [ask.authority, str(ask.port), "http", "127.0.0.1"], seen)
    answer = ask("/?status=302+Found&to=/there")
    ask.see(
        "the port in a redirect",
        answer.headers.get("location") == f"http://{ask.authority}/there",
        answer,
    )
    answers_itself(ask, [("/?unread&status=401+Who", {}, lambda size: 401)])
    if ask.first:
        answer = ask(f"/upload/{ask.token}", b"uploaded", "PUT")
        ask.see("an upload", answer.status == 200, answer)
    answer = ask(f"/media/{ask.token}")
    ask.see("the upload, not from the application", answer.body == b"uploaded", answer)


def pypi(ask: Asked) -> None:
    """A package."""
    if ask.first:
        body, headers = form(
            {":action": "file_upload", "name": f"thing-{ask.token}", "version": "1.0"},
            ("content", f"thing-{ask.token}-1.0.tar.gz", b"a package"),
        )
        answer = ask("/", body, headers=headers)
        ask.see("a package", answer.status == 200, answer)
    answer = ask(f"/simple/thing-{ask.token}/")
    ask.see("its page", f"thing-{ask.token}-1.0.tar.gz" in answer.text, answer)
    answer = ask(f"/packages/thing-{ask.token}-1.0.tar.gz")
    ask.see("the package", answer.body == b"a package", answer)


def radicale(ask: Asked) -> None:
    """A calendar of somebody who is known."""
    mary = {"Authorization": "Basic " + base64.b64encode(b"mary:s3cr3t-of-mary").decode()}
    calendar = f"/mary/{ask.token}/"
    event = "\r\n".join(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//ask//",
            "BEGIN:VEVENT",
            f"UID:{ask.token}",
            "SUMMARY:Tea",
        ]
        + [
            "DTSTAMP:20261126T120000Z",
            "DTSTART:20261126T150000Z",
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    ).encode()
    if ask.first:
        answer = ask(calendar, b"", "MKCALENDAR", mary)
        ask.see("a calendar", answer.status == 201, answer)
        answer = ask(f"{calendar}tea.ics", event, "PUT", {**mary, "Content-Type": "text/calendar"})
        ask.see("an event", answer.status == 201, answer)
    answer = ask(f"{calendar}tea.ics", headers=mary)
    ask.see("the event", "SUMMARY:Tea" in answer.text, answer)
    answer = ask(
        calendar, headers={"Authorization": "Basic " + base64.b64encode(b"mary:guess").decode()}
    )
    ask.see("nobody else", answer.status == 401, answer)


def comments(ask: Asked) -> None:
    """A comment, with the origin that the configuration file names."""
    if ask.first:
        comment = json.dumps({"text": f"Comment of {ask.token}", "title": "A page"}).encode()
        answer = ask(
            f"/new?uri=/{ask.token}/", comment, headers={"Content-Type": "application/json"}
        )
        ask.see("a comment", answer.status in (201, 202), answer)
    answer = ask(f"/?uri=/{ask.token}/")
    ask.see("the comment", f"Comment of {ask.token}" in answer.text, answer)
    origin = answer.headers.get("access-control-allow-origin")
    ask.see("the origin of the file", origin == "http://127.0.0.1", answer)
    answer = ask("/js/embed.js")
    ask.see("its script", answer.status == 200, answer)


#: What is asked how, under which name and through which port.
APPLICATIONS: dict[str, tuple[Callable[[Asked], None], str, int]] = {
    "flaskr": (flaskr, "flaskr.example", 80),
    "gallery": (gallery, "gallery.example", 80),
    "bookshop": (bookshop, "books.example", 8088),
    "stock": (stock, "www.stock.example", 80),
    "shop": (shop, "www.stock.example", 80),
    "ledger": (ledger, "ledger.example", 80),
    "recipes": (recipes, "recipes.example", 80),
    "quotes": (quotes, "quotes.example", 80),
    "chat": (chat, "chat.example", 80),
    "invoices": (invoices, "invoices.example", 80),
    "plots": (plots, "plots.example", 80),
    "dashboard": (dashboard, "dashboard.example", 80),
    "echo": (echo, "echo.example", 80),
    "echo-alone": (echo, "echo-alone.example", 8081),
    "pypi": (pypi, "pypi.example", 80),
    "radicale": (radicale, "radicale.example", 80),
    "comments": (comments, "comments.example", 80),
}


# ---- WebSockets ----------------------------------------------------------------------------------


def talk(ask: Asked, path: str, messages: list[bytes]) -> Iterator[bytes]:
    """Say something each time that something was said; yield what was said.

    Args:
        ask: the application.
        path: of the WebSocket.
        messages: what to say, shorter than 126 bytes each.

    Raises:
        OSError: if nothing is said for five seconds.
    """
    with socket.create_connection(("127.0.0.1", ask.port), timeout=5) as wire:
        key = base64.b64encode(os.urandom(16)).decode()
        wire.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {ask.authority}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        stream = wire.makefile("rb")
        status = stream.readline()
        while stream.readline().strip():
            pass
        if b" 101 " not in status:
            yield status
            return
        yield read_frame(stream)
        for message in messages:
            mask = os.urandom(4)
            masked = bytes(byte ^ mask[number % 4] for number, byte in enumerate(message))
            wire.sendall(bytes([0x81, 0x80 | len(message)]) + mask + masked)
            yield read_frame(stream)


def read_frame(stream: Any) -> bytes:
    """Return the next message of a WebSocket."""
    head = stream.read(2)
    length = head[1] & 0x7F
    if length == 126:
        (length,) = struct.unpack(">H", stream.read(2))
    return stream.read(length)


def main() -> int:
    """Ask all that is to be asked; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("token", help="lower-case letters and digits")
    parser.add_argument("--version", default="", help="what the applications say of themselves")
    parser.add_argument("--again", action="store_true", help="the data is there already")
    parser.add_argument("--without", default="", help="an application that is not asked")
    parser.add_argument("applications", nargs="*", help="without any, all")
    given = parser.parse_intermixed_args()
    wrong = 0
    for name, (how, host, port) in APPLICATIONS.items():
        if name == given.without or given.applications and name not in given.applications:
            continue
        ask = Asked(name, host, port, given)
        started = time.monotonic()
        try:
            how(ask)
        except Exception:
            ask.wrong.append(traceback.format_exc())
        took = time.monotonic() - started
        print(f"{name:12} {ask.count:3} seen, {len(ask.wrong):3} of them wrong, {took:.1f} s")
        for text in ask.wrong:
            print(f"    {name}, {text}")
        wrong += len(ask.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
