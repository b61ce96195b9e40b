#!/usr/bin/env python3
"""Ask application `hello` through nginx and through uWSGI's own router, and compare.

both_ways.py [PART...]: all parts, or some by the name of their function. nginx listens on 8081 and,
with TLS, on 4443, as hello.example and www.hello.example, and believes 127.0.0.40; the router
listens on 8080 and 8443. Prints what is wrong and exits 1, or how many comparisons held. Needs the
standard library and curl.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

WRONG: list[str] = []
HELD = 0
HOST = "hello.example"
#: Way -> port, TLS.
WAYS = {"nginx": (8081, False), "nginx TLS": (4443, True)} | {
    "router": (8080, False),
    "router TLS": (8443, True),
}
SIZES = (100, 70_000, 1_000_000, 9_000_000)
STATUSES = (401, 413, 302, 500)
CONTEXT = ssl.create_default_context()
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE
#: What says where a request comes from, or belongs to one connection, as a client may say it. What
#: is left of it is looked for by the word evil.
FORGED = {
    name: f"evil-{name}"
    for name in (
        *("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Host"),
        *("X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-Ssl"),
        *("X-Forwarded-Scheme", "X-Forwarded-By", "Forwarded", "X-Real-IP", "X-Client-IP"),
        *("True-Client-IP", "CF-Connecting-IP", "Client-IP", "X-Cluster-Client-IP"),
        *("X-Original-URL", "X-Rewrite-URL", "X-Script-Name", "Front-End-Https", "X-Url-Scheme"),
        *("X-Scheme", "X-HTTPS", "HTTPS", "X-Host", "X-Original-Host", "X-HTTP-Host-Override"),
        *("Proxy", "X_Forwarded_For", "X_Forwarded_Proto", "X_Real_IP", "X-Forwarded_For"),
        *("Keep-Alive", "TE", "Trailer", "Proxy-Connection", "Proxy-Authorization"),
    )
} | {"Upgrade": "h2c, evil", "Connection": "close, evil"}


def hold(condition: object, *about: object) -> None:
    """Note whether something is as it should be."""
    global HELD
    if condition:
        HELD += 1
    else:
        caller = sys._getframe(1)
        WRONG.append(f"{caller.f_code.co_name}, line {caller.f_lineno}: {about}"[:2000])


@contextlib.contextmanager
def connected(way: str, source: str = "127.0.0.1") -> Iterator[http.client.HTTPConnection]:
    """Connect by one of the ways."""
    port, tls = WAYS[way]
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=20, source_address=(source, 0)
    )
    connection.connect()
    if tls:
        connection.sock = CONTEXT.wrap_socket(connection.sock, server_hostname=HOST)
    try:
        yield connection
    finally:
        connection.close()


def told(way: str, source: str = "127.0.0.1", host: str = HOST, **headers: str) -> Any:
    """Give what the application was told of a request; in a header's name, __ stands for -."""
    with connected(way, source) as connection:
        connection.putrequest("GET", "/told?a=b", skip_host=True)
        if host:
            connection.putheader("Host", host)
        for name, value in headers.items():
            connection.putheader(name.replace("__", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        data = answer.read()
        return json.loads(data) if answer.status == 200 else {"status": answer.status}


def status_of(connection: http.client.HTTPConnection, path: str, body: bytes) -> int | str:
    """Post a body; give the status, or why there was none."""
    try:
        connection.request("POST", path, body=body, headers={"Host": HOST})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    return answer.status


def unread() -> None:
    """A body that the application does not read: its own status, on new and on kept connections."""
    for way in WAYS:
        for size in SIZES:
            body = b"x" * size
            # The application's limit is 50 bytes.
            for status in STATUSES:
                with connected(way) as connection:
                    found = status_of(connection, f"/unread/{status}", body)
                    hold(found == status, way, size, status, found)
            with connected(way) as connection:
                found = [status_of(connection, f"/unread/{status}", body) for status in STATUSES]
                hold(found == list(STATUSES), way, "kept", size, found)
    # HTTP/2, all of it on one connection, then each on its own.
    for size in SIZES:
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x" * size)
            file.flush()
            urls = [f"https://{HOST}:4443/unread/{status}" for status in STATUSES]
            for together in [urls], [[url] for url in urls]:
                lines = [line for some in together for line in by_http2(some, file.name)]
                hold(lines == [f"2 {status}" for status in STATUSES], size, lines)


def by_http2(urls: list[str], file: str) -> list[str]:
    """Post a file to URLs on one connection; give version and status of each answer."""
    command = ["curl", "--silent", "--insecure", "--http2", "--resolve", f"{HOST}:4443:127.0.0.1"]
    command += ["--header", "Expect:", "--write-out", "%{http_version} %{http_code}\n"]
    command += [part for url in urls for part in ("--output", "/dev/null", url)]
    command += ["--data-binary", f"@{file}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def chunked() -> None:
    """A body whose length is not said: the same as any other, or refused with 411."""
    for way in WAYS:
        for size in (5, 300_000):
            if way == "router TLS":
                # Here an answer that comes early is seen only by who looks for it while he sends.
                hold(by_curl(size) == "411", way, size)
                continue
            found = in_chunks(way, size)
            if way.startswith("nginx"):
                hold(found == (200, b'{"length": %d}' % size), way, size, found)
            else:
                hold(found[0] == 411, way, size, found)
        if way.startswith("nginx"):
            heard = told_in_chunks(way)
            hold("HTTP_TRANSFER_ENCODING" not in heard, way, heard)
            hold(heard.get("CONTENT_LENGTH") == "5", way, heard)
            hold("HTTP_CONTENT_LENGTH" not in heard, way, heard)
        # Two lengths: what one takes for a body, another may take for the next request.
        for header in ("Transfer-Encoding", "transfer-encoding", "Transfer_Encoding"):
            if "_" in header and way.startswith("nginx"):
                continue  # it knows no such header
            answer = raw(way, f"Content-Length: 4\r\n{header}: chunked\r\n", b"0\r\n\r\n")
            hold(answer == 400, way, header, answer)


def by_curl(size: int) -> str:
    """Send a body in chunks to the router with TLS; give the status."""
    command = ["curl", "--silent", "--insecure", "--output", "/dev/null", "--data-binary", "@-"]
    command += ["--header", "Transfer-Encoding: chunked", "--write-out", "%{http_code}"]
    command += ["--header", "Expect: 100-continue", "https://127.0.0.1:8443/length"]
    return subprocess.run(
        command, input="x" * size, capture_output=True, text=True, check=False
    ).stdout


def in_chunks(way: str, size: int) -> tuple[int, bytes]:
    """Send a body in chunks; give status and body of the answer.

    As browsers and curl do: an answer counts even if it came before all was sent.
    """
    with connected(way) as connection:
        connection.putrequest("POST", "/length", skip_host=True)
        connection.putheader("Host", HOST)
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        piece = b"%x\r\n%s\r\n" % (size // 5, b"x" * (size // 5))
        with contextlib.suppress(OSError):
            for part in [piece] * 5 + [b"0\r\n\r\n"]:
                connection.send(part)
        try:
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error).encode()


def told_in_chunks(way: str) -> Any:
    """Give what the application was told of a request with a body in chunks."""
    with connected(way) as connection:
        headers = {"Host": HOST}
        connection.request(
            "POST", "/told", body=iter([b"abcde"]), headers=headers, encode_chunked=True
        )
        answer = connection.getresponse()
        data = answer.read()
        return json.loads(data) if answer.status == 200 else {}


def raw(way: str, headers: str, body: bytes) -> int:
    """Give the status of a request as it is written here; 0 if there was no answer."""
    with connected(way) as connection, contextlib.suppress(OSError):
        connection.sock.settimeout(5)
        connection.sock.sendall(
            f"POST /length HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n".encode() + body
        )
        with contextlib.suppress(TimeoutError):
            return int((connection.sock.recv(4096) or b"x 0").split()[1])
    return 0


def large() -> None:
    """Headers of an answer, cookies above all, as large as those of a request may be."""
    for way in WAYS:
        for size in (4000, 16000, 28000):
            with connected(way) as connection:
                connection.request("GET", f"/large/{size}", headers={"Host": HOST})
                answer = connection.getresponse()
                cookies = answer.headers.get_all("Set-Cookie") or []
                hold((answer.status, len(cookies)) == (200, size // 4000), way, size, answer.status)


def forged() -> None:
    """What a client says of itself in headers does not reach the application."""
    for way, (port, tls) in WAYS.items():
        with connected(way) as connection:
            connection.putrequest("GET", "/told", skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", f"{HOST}:{port}")
            for name, value in FORGED.items():
                connection.putheader(name, value)
            # A second one of what matters most.
            connection.putheader("X-Forwarded-For", "192.0.2.1, evil")
            connection.putheader("X-Forwarded-Proto", "evil")
            connection.endheaders()
            heard = json.loads(connection.getresponse().read())
        left = {name: value for name, value in heard.items() if "evil" in value}
        hold(left == {}, way, left)
        names = {"HTTP_" + name.upper().replace("-", "_") for name in FORGED}
        scheme = "https" if tls else "http"
        own = {
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": f"{HOST}:{port}",
            "SERVER_PORT": str(port),
            "SCRIPT_NAME": "",
            "wsgi.url_scheme": scheme,
            "HTTP_X_FORWARDED_FOR": "127.0.0.1",
            "HTTP_X_REAL_IP": "127.0.0.1",
            "HTTP_X_FORWARDED_PROTO": scheme,
            "HTTP_X_FORWARDED_HOST": f"{HOST}:{port}",
            "HTTP_X_FORWARDED_PORT": str(port),
        }
        hold({name: heard.get(name, "") for name in own} == own, way, heard)
        rest = {name: heard[name] for name in names & set(heard) - set(own)}
        # The router can only make them empty.
        allowed = {"", "close"} if way.startswith("router") else set()
        hold(set(rest.values()) <= allowed, way, rest)


def many() -> None:
    """A request has as many headers as it likes, and nothing is let through for it."""
    for way in WAYS:
        headers = {f"X__Own__{number}": "own" for number in range(300)}
        heard = told(way, X__Forwarded__For="evil", **headers, X__Script__Name="evil")
        own = [name for name, value in heard.items() if value == "own"]
        hold(len(own) == len(headers), way, len(own), heard.get("status"))
        hold("evil" not in heard.values(), way)


def hosts() -> None:
    """Host, port and scheme as the client asked for them."""
    usual = {"HTTP_X_FORWARDED_FOR": "127.0.0.1", "REMOTE_ADDR": "127.0.0.1", "SCRIPT_NAME": ""}
    for way, host, heard_host, port in (
        # Behind a port that is mapped, the port that was asked for is another than nginx's.
        ("nginx", HOST, HOST, "80"),
        ("nginx", f"www.{HOST}", f"www.{HOST}", "80"),
        ("nginx", f"{HOST}:8081", f"{HOST}:8081", "8081"),
        ("nginx", f"{HOST}:80", HOST, "80"),
        ("nginx", f"{HOST}:443", f"{HOST}:443", "443"),
        ("nginx", HOST.upper() + ":8081", f"{HOST}:8081", "8081"),
        ("nginx TLS", HOST, HOST, "443"),
        ("nginx TLS", f"{HOST}:4443", f"{HOST}:4443", "4443"),
        ("nginx TLS", f"www.{HOST}:4443", f"www.{HOST}:4443", "4443"),
    ):
        heard = told(way, host=host)
        scheme = "https" if "TLS" in way else "http"
        wanted = usual | {
            "HTTP_HOST": heard_host,
            "HTTP_X_FORWARDED_HOST": heard_host,
            "HTTP_X_FORWARDED_PORT": port,
            "HTTP_X_FORWARDED_PROTO": scheme,
            "SERVER_NAME": heard_host.split(":")[0],
            "SERVER_PORT": port,
            "REQUEST_SCHEME": scheme,
            "HTTPS": "on" if scheme == "https" else "",
            "QUERY_STRING": "a=b",
        }
        hold({name: heard.get(name, "") for name in wanted} == wanted, way, host, heard)
    # Not the Host header that stands beside another name in the request line.
    with connected("nginx") as connection:
        connection.sock.sendall(
            f"GET http://{HOST}/told HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n".encode()
        )
        data = connection.sock.makefile("rb").read()
    hold(b"evil" not in data and b"HTTP_HOST" in data, data)


def balancer() -> None:
    """One that is named is believed, and what it says of a host, if it is the site's."""
    said = {"X__Forwarded__For": "192.0.2.9", "X__Forwarded__Proto": "https"}
    for more, host, port in (
        ({}, HOST, "443"),
        ({"X__Forwarded__Port": "8443"}, f"{HOST}:8443", "8443"),
        ({"X__Forwarded__Host": f"www.{HOST}"}, f"www.{HOST}", "443"),
        ({"X__Forwarded__Host": f"www.{HOST}:9443"}, f"www.{HOST}:9443", "9443"),
        ({"X__Forwarded__Host": "evil.example"}, HOST, "443"),
        ({"X__Forwarded__Port": "evil"}, HOST, "443"),
    ):
        heard = told("nginx", "127.0.0.40", **said, **more)
        wanted = {
            "REMOTE_ADDR": "192.0.2.9",
            "HTTP_X_FORWARDED_FOR": "192.0.2.9",
            "HTTP_X_REAL_IP": "192.0.2.9",
            "wsgi.url_scheme": "https",
            "REQUEST_SCHEME": "https",
            "HTTPS": "on",
            "HTTP_X_FORWARDED_PROTO": "https",
            "HTTP_HOST": host,
            "HTTP_X_FORWARDED_HOST": host,
            "HTTP_X_FORWARDED_PORT": port,
            "SERVER_PORT": port,
        }
        hold({name: heard.get(name, "") for name in wanted} == wanted, more, heard)
        # Nobody else is.
        other = told("nginx", "127.0.0.41", **said, **more)
        hold(other["HTTP_HOST"] == HOST and other["REMOTE_ADDR"] == "127.0.0.41", more, other)
        hold(other["wsgi.url_scheme"] == "http" and other["SERVER_PORT"] == "80", more, other)


PARTS = {part.__name__: part for part in (unread, chunked, large, forged, many, hosts, balancer)}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
    if WRONG:
        print("\n".join(WRONG))
        sys.exit(1)
    print(f"{HELD} comparisons held")
