"""No framework: what the application is asked, as JSON."""

import json
import os
from urllib.parse import parse_qs

VERSION = "1.0.0"
MEDIA = os.path.join(os.environ.get("APP_SHARED", "."), "media")


def application(environ, start_response):
    query = {key: values[0] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
    body = b""
    if "unread" not in query:
        body = environ["wsgi.input"].read()
    path = environ["PATH_INFO"]
    if environ["REQUEST_METHOD"] == "PUT" and path.startswith("/upload/"):
        os.makedirs(MEDIA, exist_ok=True)
        with open(os.path.join(MEDIA, os.path.basename(path)), "wb") as f:
            f.write(body)
    told = {
        key: value
        for key, value in environ.items()
        if isinstance(value, str) and (key.isupper() or key == "wsgi.url_scheme")
    }
    host = environ.get("HTTP_HOST", environ["SERVER_NAME"])
    headers = [("Content-Type", "application/json")]
    if "cookie" in query:
        headers.append(("Set-Cookie", "session=" + "c" * int(query["cookie"])))
    if "to" in query:
        headers.append(("Location", f"{environ['wsgi.url_scheme']}://{host}{query['to']}"))
    start_response(query.get("status", "200 OK"), headers)
    return [json.dumps({"version": VERSION, "length": len(body), "environ": told}).encode()]
