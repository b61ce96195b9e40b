"""The headers of a request that an application must not have as the client wrote them.

One list for all that hand requests on: nginx by each of its protocols, and uWSGI's own router.
Those in SAID say what the one who hands on knows himself; all others are left out.
"""

from __future__ import annotations

#: Who asks, and for what, in the words of nginx (roles/nginx/templates/parameters.conf.j2) and of
#: uWSGI's routing (roles/uwsgi/templates/uwsgi.ini.j2).
SAID = (
    *("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port"),
    "X-Real-IP",
)
#: The same under other names: a standard (RFC 7239) that nginx does not write, and what proxies,
#: CDNs and frameworks have made up.
FORWARDING = (
    "Forwarded",
    # The client's address.
    *("Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "X-Original-Forwarded-For", "X-Remote-IP"),
    *("X-Remote-Addr", "X-Originating-IP", "X-Original-Remote-Addr", "X-Azure-ClientIP"),
    *("True-Client-IP", "CF-Connecting-IP", "CF-Connecting-IPv6", "Fastly-Client-IP"),
    *("Fly-Client-IP", "X-Forwarded", "Forwarded-For", "X-Envoy-External-Address"),
    *("X-Appengine-User-IP", "X-ProxyUser-IP", "WL-Proxy-Client-IP", "Proxy-Client-IP"),
    # The scheme.
    *("X-Forwarded-Protocol", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-Https"),
    *("X-Scheme", "X-Url-Scheme", "X-HTTPS", "HTTPS", "Front-End-Https", "X-Client-Proto"),
    *("X-Original-Proto", "X-Arr-Ssl", "CF-Visitor", "CloudFront-Forwarded-Proto"),
    # Host and port.
    *("X-Host", "X-Original-Host", "X-HTTP-Host-Override", "X-Forwarded-Server", "X-Real-Host"),
    *("X-Forwarded-By", "X-Real-Port", "X-Client-Port", "X-Original-Port"),
    # Prefix and path.
    *("X-Forwarded-Prefix", "X-Script-Name", "X-Forwarded-Path", "X-Forwarded-Uri"),
    *(
        "X-Original-URL",
        "X-Original-URI",
        "X-Rewrite-URL",
        "X-Request-URI",
        "X-Envoy-Original-Path",
    ),
    # The variable HTTP_PROXY, which libraries take for a proxy to go out by.
    "Proxy",
)
#: For one connection (RFC 9110), which ends here. Upgrade and Connection are handed on for a
#: WebSocket alone.
HOP_BY_HOP = (
    *("Transfer-Encoding", "TE", "Trailer", "Keep-Alive", "Expect"),
    *("Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate", "HTTP2-Settings"),
)
#: CGI has these without HTTP_; with it, they would be what the client said, not what was read.
DOUBLED = ("Content-Length", "Content-Type")


def variable(header: str) -> str:
    """Return what CGI, and so FastCGI and WSGI, calls a header."""
    return "HTTP_" + header.upper().replace("-", "_")


#: What uWSGI says of a request that its own router takes, in the words of its routing.
SAID_BY_UWSGI = {
    "HTTP_X_FORWARDED_FOR": "${REMOTE_ADDR}",
    "HTTP_X_REAL_IP": "${REMOTE_ADDR}",
    "HTTP_X_FORWARDED_HOST": "${HTTP_HOST}",
    "HTTP_X_FORWARDED_PORT": "${SERVER_PORT}",
    "HTTP_X_FORWARDED_SSL": "",
}


def silenced_by_router() -> list[str]:
    """Return the variables that uWSGI's router makes empty; it cannot leave any out.

    Not those of which the release's own routing says something, see roles/uwsgi/templates/
    uwsgi.ini.j2: X-Forwarded-Ssl would make the scheme http, and of Transfer-Encoding it must still
    be seen that it was there.
    """
    kept = [*SAID_BY_UWSGI, "HTTP_TRANSFER_ENCODING"]
    return [name for name in map(variable, left_out()) if name not in kept]


def left_out() -> list[str]:
    """Return the headers that nobody behind gets, whatever the client sent."""
    return [*FORWARDING, *HOP_BY_HOP]
