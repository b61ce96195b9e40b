#!/usr/bin/env python3
"""Ask the nginx of this host, and compare its answers with what the scenario's sites promise.

ask.py [PART...]: all parts, or some of them by the name of their function. Prints what is wrong
and exits 1, or how many comparisons held. Only the standard library, and only loopback.
"""

from __future__ import annotations

import collections
import contextlib
import gzip
import http.client
import json
import socket
import ssl
import subprocess
import sys
import time
import uuid
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WRONG: list[str] = []
HELD = 0


def hold(condition: object, *about: object) -> None:
    """Note whether something is as it should be."""
    global HELD
    if condition:
        HELD += 1
    else:
        caller = sys._getframe(1)
        WRONG.append(f"{caller.f_code.co_name}, line {caller.f_lineno}: {about}")


@dataclass
class Answer:
    """What came back; status 0 for a connection that was closed without an answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    all: list[tuple[str, str]]

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def __getitem__(self, name: str) -> str:
        """Give a header; empty if it is not there, joined if it is there more than once."""
        return ", ".join(value for key, value in self.all if key.lower() == name.lower())


def ask(
    host: str,
    path: str = "/",
    *,
    method: str = "GET",
    port: int = 80,
    source: str = "127.0.0.1",
    at: str = "127.0.0.1",
    body: bytes | None = None,
    tls: bool = False,
    trust: str | None = None,
    **headers: str,
) -> Answer:
    """Ask for a path of a host name; in a header's name, _ stands for -."""
    connection = http.client.HTTPConnection(at, port, timeout=10, source_address=(source, 0))
    if ":" in at:
        connection.source_address = None
    try:
        connection.connect()
        if tls:
            context = ssl.create_default_context(cafile=trust)
            if trust is None:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
        sent = {"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=sent)
        answer = connection.getresponse()
        found = answer.getheaders()
        return Answer(answer.status, dict(found), answer.read(), found)
    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        return Answer(0, {}, b"", [])
    except ssl.SSLError as error:
        return Answer(0, {"error": str(error)}, b"", [])
    finally:
        connection.close()


def directory() -> None:
    """Files, their ETag, what is hidden, and the other directives of a site."""
    page = ask("pages.example")
    hold(page.status == 200 and b"a directory" in page.body, page)
    hold(page["ETag"] and page["X-One"] == "1" and page["X-Two"] == "2", page.all)
    again = ask("pages.example", If_None_Match=page["ETag"])
    hold(again.status == 304 and again.body == b"", again)
    hold(ask("www.pages.example").status == 200)
    hold(ask("pages.example", at="::1").status == 200)
    hold(ask("pages.example", "/none").status == 404)
    hold(ask("pages.example", "/raw").body == b"raw\n")
    hold(ask("pages.example", "/.git/config").status == 404)
    hold(ask("pages.example", "/.well-known/security.txt").status == 200)
    folder = ask("pages.example", "/folder")
    hold((folder.status, folder["Location"]) == (301, "/folder/"), folder.all)


def static() -> None:
    """The first directory that has the file, compressed, with or without an end."""
    hold(ask("pages.example", "/files/both.txt").body == b"from the first\n")
    second = ask("pages.example", "/files/only-here.txt")
    hold(second.status == 200 and second.body == b"from the second\n", second)
    hold(ask("pages.example", "/files/nowhere.txt").status == 404)
    hold(ask("pages.example", "/files/.hidden").status == 404)
    plain = ask("pages.example", "/files/style.css")
    packed = ask("pages.example", "/files/style.css", Accept_Encoding="gzip")
    hold(plain["Content-Encoding"] == "" and packed["Content-Encoding"] == "gzip", packed.all)
    hold(packed["Vary"] == "Accept-Encoding", packed.all)
    # The bytes of the file that was compressed beforehand, not of a compression made now.
    hold(b"beforehand" in gzip.decompress(packed.body), packed)
    hold(plain["Cache-Control"] == "" and plain["Expires"] == "", plain.all)
    short = ask("pages.example", "/hour/both.txt")
    hold(short["Cache-Control"] == "max-age=3600" and short["Expires"], short.all)
    for name in ("both.txt", "only-here.txt"):
        kept = ask("pages.example", f"/assets/{name}")
        hold(kept.status == 200, name, kept)
        hold(kept["Cache-Control"] == "max-age=31536000, public, immutable", name, kept.all)
    hold(ask("pages.example", "/assets/none")["Cache-Control"] == "")


def shared_name() -> None:
    """Sites of one host name, each below its path, whatever their order."""
    hold(b"a directory" in ask("many.example").body)
    hold(ask("www.many.example", "/inner").body == b"shopping\n")
    for path in ("/inn", "/inn/", "/inn/more?a=1"):
        got = ask("many.example", path)
        hold(got["X-Backend"] == "one", path, got)
    hold(ask("many.example", "/inn/ping").body == b"pong\n")
    hold(ask("many.example", "/inn/raw").body == b"raw of the inn\n")
    hold(ask("many.example", "/ping").status == 404)
    for name in ("both.txt", "only-here.txt"):
        kept = ask("many.example", f"/inn/static/{name}")
        hold(kept.status == 200 and "immutable" in kept["Cache-Control"], name, kept.all)
        hold(kept["X-Inn"] == "yes", name, kept.all)
    hold(ask("many.example", "/inn/static/.hidden").status == 404)
    hold(ask("many.example", "/static/both.txt").status == 404)
    folder = ask("many.example", "/shelf?a=1")
    hold((folder.status, folder["Location"]) == (301, "/shelf/?a=1"), folder.all)
    hold(ask("many.example", "/shelf/both.txt").body == b"from the first\n")
    # Each has its own rules.
    hold(ask("many.example", "/inn/", method="POST", body=b"x" * 6000).status == 413)
    hold(ask("many.example", "/inn/", method="POST", body=b"x" * 4000).status == 200)
    hold(ask("many.example", "/shelf/both.txt", method="POST", body=b"x" * 6000).status == 405)
    hold(ask("many.example", "/inn/", source="127.0.0.5").status == 403)
    hold(ask("many.example", source="127.0.0.5").status == 200)
    hold(ask("many.example", source="127.0.0.9").status == 403)
    hold(ask("many.example", "/inn/", source="127.0.0.9").status == 200)
    hold(ask("many.example", "/wp-login.php").status == 404)
    hold(ask("many.example", "/inn/wp-login.php")["X-Backend"] == "one")
    hold(ask("many.example", "/inn/")["X-Inn"] == "yes" and ask("many.example")["X-Inn"] == "")
    # The page of one, which the site at / does not want.
    gone = ask("many.example", "/inn/gone/")
    hold(gone.status == 502 and b"One moment" in gone.body, gone)
    counts = [ask("many.example", "/inn/kept/count/many").json["headers"] for _ in range(2)]
    hold(counts[0]["x-request-id"] == counts[1]["x-request-id"], counts)
    # The limit of the site at / is for nobody else.
    many = [ask("many.example", "/inn/ping").status for _ in range(60)]
    hold(set(many) == {200}, many)
    hold(429 in [ask("many.example").status for _ in range(60)])
    secure = ask("many.example", "/inn/", port=443, tls=True)
    hold(secure["X-Backend"] == "one" and secure["Strict-Transport-Security"], secure.all)
    hold(ask("under.example", "/under/x").body == b"under")
    hold(ask("under.example").status == 404 and ask("under.example", "/underneath").status == 404)


def uploads() -> None:
    """Files of visitors are shown and do nothing; links and hidden files are not served."""
    for name in ("page.html", "picture.svg"):
        got = ask("many.example", f"/inn/media/{name}")
        hold(got.status == 200 and got["Content-Security-Policy"].endswith("sandbox"), got.all)
    photo = ask("many.example", "/inn/media/photo.jpg", Accept_Encoding="gzip")
    hold(photo.status == 200 and photo["Content-Encoding"] == "", photo.all)
    hold(photo["Content-Security-Policy"] == "" and photo["X-Inn"] == "yes", photo.all)
    hold(ask("many.example", "/inn/media/.env").status == 404)
    hold(ask("many.example", "/inn/media/mine.jpg").status == 200)
    hold(ask("many.example", "/inn/media/theirs.jpg").status == 403)


def parts_of(host: str, path: str) -> list[float]:
    """Give when the parts of an answer came, in seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=10)
    connection.request("GET", path, headers={"Host": host, "Accept-Encoding": "gzip"})
    began, times = time.monotonic(), []
    answer = connection.getresponse()
    while answer.read1(1000):
        times.append(time.monotonic() - began)
    connection.close()
    return times


def streams() -> None:
    """Parts of an answer are handed on at once where that is wanted."""
    for host, path in (("many.example", "/inn/stream"), ("api.example", "/accel")):
        times = parts_of(host, path)
        hold(len(times) == 3 and times[0] < 0.4 and times[2] - times[0] > 0.7, path, times)
    buffered = parts_of("api.example", "/stream")
    hold(buffered and buffered[-1] - buffered[0] < 0.4, buffered)


def compression() -> None:
    """What is text is compressed on the way."""
    packed = ask("api.example", "/text", Accept_Encoding="gzip")
    hold(packed["Content-Encoding"] == "gzip" and len(packed.body) < 2000, packed.all)
    hold(ask("api.example", "/text")["Content-Encoding"] == "")


def brotli() -> None:
    """With Brotli, where a module is installed; the scenario installs it."""
    packed = ask("api.example", "/text", Accept_Encoding="br, gzip")
    hold(packed["Content-Encoding"] == "br", packed.all)
    beforehand = ask("pages.example", "/files/style.css", Accept_Encoding="br")
    hold(
        (beforehand["Content-Encoding"], beforehand.body) == ("br", b"brotli beforehand"),
        beforehand,
    )


def backends() -> None:
    """Which backend answers, and what it is told."""
    hold({ask("api.example", "/who")["X-Backend"] for _ in range(8)} == {"one", "two"})
    heard = ask(
        "api.example", "/who", X_Forwarded_For="192.0.2.9", X_Forwarded_Proto="https", Proxy="evil"
    ).json["headers"]
    hold(heard["host"] == "api.example" and heard["x-forwarded-host"] == "api.example", heard)
    hold(heard["x-real-ip"] == "127.0.0.1", heard)
    # Not with what the client says that it passed on before.
    hold(heard["x-forwarded-for"] == "127.0.0.1", heard)
    hold(heard["x-forwarded-port"] == "80", heard)
    hold(heard["x-forwarded-proto"] == "http", heard)
    hold("proxy" not in heard and len(heard["x-request-id"]) == 32, heard)
    # One address, one backend.
    hold(len({ask("sticky.example", "/who")["X-Backend"] for _ in range(6)}) == 1)
    hold({ask("backup.example", "/who")["X-Backend"] for _ in range(6)} == {"one"})
    # Its first server refuses all connections.
    hold([ask("half.example", "/who").status for _ in range(6)] == [200] * 6)
    hold(ask("fixed.example").body == b'costs $5, "all" in\n')
    hold(ask("fixed.example")["Content-Type"].startswith("text/x-fixed"))
    gone = ask("go.example", "/a?b=c")
    hold((gone.status, gone["Location"]) == (301, "https://new.example/a?b=c"), gone.all)
    bare = ask("fixed.example", "/old/page?b=c")
    hold((bare.status, bare["Location"]) == (308, "/new"), bare.all)
    hold(ask("fixed.example", "/part/who")["X-Backend"] == "two")
    hold(ask("fixed.example", "/shelf/both.txt").body == b"from the first\n")


def retries() -> None:
    """A GET that breaks the server's connection is asked once more, or not where it is not to."""
    for host, prefix, method, times in (
        ("fixed.example", "/part", "GET", 2),
        ("fixed.example", "/part", "POST", 1),
        ("once.example", "", "GET", 1),
    ):
        path = f"{prefix}/broken{uuid.uuid4().hex}"
        failed = ask(host, path, method=method)
        hold(failed.status == 502, host, method, failed)
        asked = ask(host, f"{prefix}/asked{path}").json
        hold(asked == {"count": times}, host, method, asked)


def forwarding() -> None:
    """What a client says of itself, and of its own connection, reaches no backend."""
    names = (
        *("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Host"),
        *("X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-Ssl"),
        *("X-Forwarded-By", "X-Forwarded-Scheme", "Forwarded", "X-Real-IP", "X-Client-IP"),
        *("True-Client-IP", "CF-Connecting-IP", "Client-IP", "X-Cluster-Client-IP"),
        *("X-Original-URL", "X-Rewrite-URL", "X-Script-Name", "Front-End-Https", "X-Url-Scheme"),
        *("X-HTTPS", "Proxy", "TE", "Trailer", "Keep-Alive", "Proxy-Connection"),
        *("Proxy-Authorization", "X-Host", "X-HTTP-Host-Override"),
    )
    said = {name.replace("-", "_"): "evil" for name in names}
    told = ask("api.example", "/who", Upgrade="h2c", Connection="upgrade, evil", **said)
    told = told.json["headers"]
    hold([name for name, value in told.items() if "evil" in value or value == "h2c"] == [], told)
    hold("upgrade" not in told, told)
    hold("keep-alive" not in told.get("connection", ""), told)
    # A port of the client's own stays, and one that is the usual is not said.
    for host, wanted in (
        ("api.example:8443", "api.example:8443"),
        ("api.example:80", "api.example"),
    ):
        told = ask("api.example", "/who", Host=host).json["headers"]
        hold((told["host"], told["x-forwarded-host"]) == (wanted, wanted), host, told)
    # A body in chunks is one like any other.
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=10)
    headers = {"Host": "api.example"}
    connection.request("POST", "/who", iter([b"abc", b"de"]), headers, encode_chunked=True)
    chunked = json.loads(connection.getresponse().read())
    hold(chunked["length"] == 5, chunked)
    hold("transfer-encoding" not in chunked["headers"], chunked)
    connection.close()
    # More than nginx's own default takes.
    hold(len(ask("api.example", "/large")["X-Large"]) == 16000)


def websocket() -> None:
    """Another protocol goes through, both ways."""
    with socket.create_connection(("127.0.0.1", 80), timeout=10) as wire:
        wire.sendall(
            b"GET /socket HTTP/1.1\r\nHost: api.example\r\n"
            b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        hold(b" 101 " in wire.recv(4096))
        wire.sendall(b"over and out")
        hold(wire.recv(4096) == b"over and out")


def cache() -> None:
    """What is kept, for how long, and what never is."""
    path = f"/micro/count{uuid.uuid4().hex}"
    first, second = ask("api.example", path), ask("api.example", path)
    hold(
        (first["X-Cache-Status"], second["X-Cache-Status"]) == ("MISS", "HIT"),
        first.all,
        second.all,
    )
    hold(first.json == second.json == {"count": 1}, first, second)
    hold(first["Cache-Control"] == "public, s-maxage=5", first.all)
    for header in ({"Cookie": "a=b"}, {"Authorization": "Basic eDp5"}):
        own = ask("api.example", path, **header)
        hold(own["X-Cache-Status"] == "BYPASS" and own.json["count"] > 1, own.all)
        hold(own["Cache-Control"] == "", own.all)
    for kind in ("private", "cookie"):
        seen = [ask("api.example", f"/micro/{kind}")["X-Cache-Status"] for _ in range(2)]
        hold(seen == ["MISS", "MISS"], kind, seen)
    # "unless said": this location says it.
    hold(
        [ask("api.example", f"/open/count{path}", Cookie="a=b")["X-Cache-Status"] for _ in range(2)]
        == ["MISS", "HIT"]
    )
    hold([ask("api.example", "/open/private")["X-Cache-Status"] for _ in range(2)][1] == "HIT")
    time.sleep(2.2)  # nginx counts whole seconds
    # One visitor gets the old answer at once, while the new one is fetched.
    hold(ask("api.example", path)["X-Cache-Status"] in ("STALE", "EXPIRED"))
    time.sleep(0.3)
    fresh = ask("api.example", path)
    hold(fresh["X-Cache-Status"] == "HIT" and fresh.json["count"] > 1, fresh.all, fresh)


def stale() -> None:
    """While the backends fail, what is kept is given; the scenario makes them fail."""
    kept = ask("api.example", "/micro/countstale")
    hold(kept.status == 200 and kept["X-Cache-Status"] == "STALE", kept.all)
    hold(ask("api.example", f"/micro/{uuid.uuid4().hex}").status == 500)


def headers() -> None:
    """The default set, one that the application sends itself, one that a site leaves out."""
    page = ask("api.example", "/who")
    for name, value in {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Referrer-Policy": "strict-origin-when-cross-origin",
    }.items():
        hold(page[name] == value, name, page.all)
    own = ask("api.example", "/frame")
    hold((own["X-Frame-Options"], own["Retry-After"]) == ("DENY", "7"), own.all)
    hold("Server" in page.headers and page["Server"] == "nginx", page.all)
    changed = ask("fixed.example")
    hold(changed["X-Frame-Options"] == "" and changed["X-Own"] == 'a "b"', changed.all)
    hold(changed["X-Content-Type-Options"] == "nosniff", changed.all)


def unknown() -> None:
    """Names that no site has are closed, with and without TLS."""
    hold(ask("stranger.example").status == 0)
    refused = ask("stranger.example", port=443, tls=True)
    hold(
        refused.status == 0 and "unrecognized name" in refused.headers.get("error", "").lower(),
        refused,
    )
    hold(ask("other.example", port=8080).status == 200)
    hold(ask("stranger.example", port=8080).status == 0)


def access() -> None:
    """Who is let in, by address; the longest network that has it decides."""
    for source, status in {"127.0.0.1": 200, "127.1.0.1": 403, "127.1.0.7": 200}.items():
        hold(ask("inner.example", source=source).status == status, source)
    # Behind a balancer, the address is the visitor's; from others, the header is not believed.
    hold(ask("inner.example", source="127.0.0.40", X_Forwarded_For="192.0.2.7").status == 403)
    hold(ask("inner.example", source="127.0.0.1", X_Forwarded_For="192.0.2.7").status == 200)
    seen = ask(
        "api.example",
        "/who",
        source="127.0.0.40",
        X_Forwarded_For="192.0.2.7",
        X_Forwarded_Proto="https",
    )
    heard = seen.json["headers"]
    hold(heard["x-real-ip"] == "192.0.2.7" and heard["x-forwarded-proto"] == "https", heard)
    for path, status in {
        "/.env": 404,
        "/wp-login.php": 404,
        "/phpmyadmin/": 404,
        "/who": 200,
        "/environment": 200,
    }.items():
        hold(ask("api.example", path).status == status, path)


def blocked() -> None:
    """Blocked addresses get nothing of any site."""
    for host in ("api.example", "pages.example", "fixed.example", "go.example", "secure.example"):
        hold(ask(host, "/", source="127.0.0.66").status == 403, host)
        hold(ask(host, "/", source="127.77.3.4").status == 403, host)
        hold(ask(host, "/", source="127.0.0.67").status in (200, 301), host)
    hold(ask("api.example", source="127.0.0.40", X_Forwarded_For="2001:db8:1::5").status == 403)


def limits() -> None:
    """How much one address may ask, and how large."""
    seen = collections.Counter(
        ask("limited.example", source="127.0.0.50").status for _ in range(12)
    )
    hold(seen[429] >= 5 and seen[200] >= 4 and seen.total() == 12 and len(seen) == 2, seen)
    hold(ask("limited.example", source="127.0.0.51").status == 200)
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            wire = stack.enter_context(socket.socket())
            wire.bind(("127.0.0.52", 0))
            wire.connect(("127.0.0.1", 80))
            wire.sendall(b"GET /slow HTTP/1.1\r\nHost: limited.example\r\n\r\n")
        time.sleep(0.3)
        hold(ask("limited.example", "/slow", source="127.0.0.52").status == 429)
    hold(ask("api.example", "/who", method="POST", body=b"x" * 1000).json["length"] == 1000)
    hold(ask("api.example", "/who", method="POST", body=b"x" * 30000).status == 413)
    hold(ask("api.example", "/who", X_Long="x" * 10000).status == 200)
    hold(ask("api.example", "/who", X_Long="x" * 20000).status == 431)


def slow_client() -> None:
    """A client that sends its request too slowly is let go."""
    with socket.create_connection(("127.0.0.1", 80), timeout=10) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: api.exam")
        start = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            hold(wire.recv(100) == b"", "no end")
        hold(1 < time.monotonic() - start < 6, time.monotonic() - start)


def tls() -> None:
    """A real handshake with each kind of certificate, and what stands around it."""
    plain = ask("secure.example", "/a?b=c")
    hold((plain.status, plain["Location"]) == (301, "https://secure.example/a?b=c"), plain.all)
    page = ask("secure.example", port=443, tls=True)
    hold(page.status == 200 and page["Strict-Transport-Security"] == "max-age=3600", page.all)
    hold(page["X-Content-Type-Options"] == "nosniff", page.all)
    # Trusted only by who has the authority of this host.
    hold(ask("given.example", port=443, tls=True, trust="/etc/pki/lab/ca.crt").status == 200)
    hold(ask("text.example", port=443, tls=True, trust="/etc/pki/lab/ca.crt").status == 200)
    hold(ask("secure.example", port=443, tls=True, trust="/etc/pki/lab/ca.crt").status == 0)
    both = [ask("text.example").status, ask("text.example", port=443, tls=True).status]
    hold(both == [200, 200], both)
    heard = ask("text.example", "/who", port=443, tls=True).json["headers"]
    hold(heard["x-forwarded-proto"] == "https", heard)
    works = {"TLSv1_3": True, "TLSv1_2": True, "TLSv1_1": False}
    for version in map(ssl.TLSVersion.__getitem__, works):
        context = ssl._create_unverified_context()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):
            context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", 443), timeout=10) as wire:
            try:
                context.wrap_socket(wire, server_hostname="secure.example").close()
                hold(works[version.name], version)
            except ssl.SSLError:
                hold(not works[version.name], version)
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", 443), timeout=10) as wire,
        context.wrap_socket(wire, server_hostname="secure.example") as wrapped,
    ):
        hold(wrapped.selected_alpn_protocol() == "h2", wrapped.selected_alpn_protocol())


def acme() -> None:
    """The certificate of the test authority, and HTTP that its next question would come by."""
    page = ask("acme.example", port=443, tls=True, trust="/run/pebble-root.pem")
    hold(page.status == 200, page)
    hold(ask("www.acme.example", port=443, tls=True, trust="/run/pebble-root.pem").status == 200)
    hold(ask("acme.example", "/.well-known/acme-challenge/none").status == 404)
    hold(ask("acme.example", "/else").status == 301)


def figures() -> None:
    """Nginx's own figures on loopback, and nowhere else."""
    page = ask("localhost", "/stub_status", port=8008)
    hold(page.status == 200 and b"Active connections" in page.body, page)
    hold(ask("api.example", "/stub_status").json["length"] == 0)


def log() -> None:
    """The log's lines are JSON, with the id that the application got."""
    mark = uuid.uuid4().hex
    heard = ask("api.example", f"/who?{mark}").json["headers"]
    ask("api.example", f"/micro/count{mark}")
    time.sleep(0.2)
    with open("/var/log/nginx/access.log", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines if mark in line]
    hold(len(found) == 2, found)
    hold(found[0]["request_id"] == heard["x-request-id"] and found[0]["status"] == 200, found)
    hold(found[1]["cache"] == "MISS" and float(found[1]["upstream_seconds"]) < 5, found)
    hold(
        found[0]["host"] == "api.example" and found[0]["upstream"].startswith("127.0.0.1:900"),
        found,
    )


def unavailable() -> None:
    """A page instead of nginx's own words; the status stays. Only where the site wants it."""
    page = ask("gone.example")
    hold(page.status == 502 and "页面暂时无法显示" in page.body.decode(), page)
    hold(ask("gone.example", method="POST", body=b"x").status == 502)
    hold(b"nginx" in ask("bare.example").body)
    hold(ask("gone.example", "/.nginx/unavailable.html").status in (404, 502))


def closed() -> None:
    """Closed for maintenance, by the scenario."""
    time.sleep(1.1)
    for method in ("GET", "POST"):
        page = ask("pages.example", "/any", method=method, body=b"x" if method == "POST" else None)
        hold(page.status == 503 and "网站正在维护" in page.body.decode(), method, page)
        hold(page["Retry-After"] == "60", page.all)
    hold(ask("pages.example", "/files/both.txt").status == 503)
    hold(ask("api.example", "/who").status == 200)


def opened() -> None:
    """Open again."""
    time.sleep(1.1)
    hold(ask("pages.example").status == 200)


def inn_closed() -> None:
    """One of several sites of a host name closed for maintenance, by the scenario."""
    time.sleep(1.1)
    for path in ("/inn", "/inn/", "/inn/static/both.txt", "/inn/media/photo.jpg"):
        page = ask("many.example", path)
        hold(page.status == 503 and b"Back soon" in page.body, path, page)
    hold(ask("many.example", "/inn/gone/").status == 502)
    hold(ask("many.example", "/shelf/both.txt").status == 200)


def shut(address: str = "127.0.0.68") -> None:
    """Blocked by the playbook, and not yet let in again."""
    hold(ask("pages.example", source=address).status == 403)
    hold(ask("pages.example", source="127.0.0.69").status == 200)


def limits_of_the_process() -> None:
    """The workers may open as many files as the configuration says, and the queue is as long."""
    main = subprocess.run(
        ["systemctl", "show", "-P", "MainPID", "nginx"], stdout=subprocess.PIPE, check=True
    )
    children = f"/proc/{main.stdout.decode().strip()}/task/{main.stdout.decode().strip()}/children"
    with open(children, encoding="ascii") as pids:
        worker = pids.read().split()[0]
    with open(f"/proc/{worker}/limits", encoding="ascii") as text:
        files = next(line.split()[3] for line in text if line.startswith("Max open files"))
    with open("/etc/nginx/nginx.conf", encoding="utf-8") as text:
        wanted = next(
            line.split()[1].rstrip(";") for line in text if line.startswith("worker_rlimit_nofile")
        )
    hold(files == wanted, files, wanted)
    queue = subprocess.run(
        ["ss", "-Hltn", "sport", "=", ":80"], stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    hold(all(line.split()[2] == "4096" for line in queue.splitlines()) and queue, queue)


#: Parts that need the host in another state than converge leaves it.
STATES: list[Callable[[], None]] = [brotli, stale, closed, inn_closed, opened, shut]
PARTS: list[Callable[[], None]] = [
    directory,
    static,
    shared_name,
    uploads,
    streams,
    compression,
    backends,
    retries,
    forwarding,
    websocket,
    cache,
    headers,
    unknown,
    access,
    blocked,
    limits,
    slow_client,
    tls,
    acme,
    figures,
    log,
    unavailable,
    limits_of_the_process,
]


def main(names: list[str]) -> int:
    """Run the parts that are named, or all that need nothing special."""
    known = {part.__name__: part for part in PARTS + STATES}
    for part in [known[name] for name in names] or PARTS:
        try:
            part()
        except Exception as error:  # One part that breaks must not hide the others.
            WRONG.append(f"{part.__name__}: {error!r}")
    print("\n".join(WRONG) or f"{HELD} comparisons held", file=sys.stderr if WRONG else sys.stdout)
    return bool(WRONG)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
