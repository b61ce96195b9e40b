#!/usr/bin/python3
"""A company's proxy: wants a password, and reads what is in TLS by its own authority.

Usage: proxy.py DIRECTORY    with ca.crt, ca.key and password (USER:PASSWORD) in it. It says on
its standard error what it was asked.
"""

import base64
import http.client
import os
import socketserver
import ssl
import subprocess
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler

DIRECTORY = sys.argv[1]
with open(os.path.join(DIRECTORY, "password"), "rb") as file:
    PASS = "Basic " + base64.b64encode(file.read().strip()).decode()
#: What concerns one connection alone.
HOP = {"connection", "keep-alive", "proxy-authorization", "proxy-connection", "transfer-encoding"}
lock = threading.Lock()


def certificate(name: str) -> str:
    """Return a file with a key and a certificate of the authority for a server."""
    path = os.path.join(DIRECTORY, "made", name)
    with lock:
        if not os.path.exists(path):
            with open(path + ".names", "w") as names:
                names.write("subjectAltName=DNS:" + name)
            script = (
                'openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$2.key" -out "$2.csr"'
                ' && openssl x509 -req -in "$2.csr" -days 30 -CA ca.crt -CAkey ca.key'
                ' -CAcreateserial -extfile "$2.names" -out "$2.crt" && cat "$2.key" "$2.crt" >"$2"'
            )
            arguments = ["sh", "-c", script, "sh", name, path]
            subprocess.run(arguments, cwd=DIRECTORY, stderr=subprocess.DEVNULL, check=True)
    return path


class Proxy(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    #: The server that the client thinks it talks to by TLS.
    server_name = ""

    def is_let_through(self) -> bool:
        """Say whether the password is right; answer if it is not."""
        if self.server_name or self.headers.get("Proxy-Authorization") == PASS:
            return True
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="company"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def do_CONNECT(self) -> None:
        """Be the server that is asked for."""
        if not self.is_let_through():
            return
        name = self.path.rsplit(":", 1)[0]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(name))
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")
        self.server_name = name
        # What follows is another's connection, which has only begun.
        self.close_connection = False

    def do_GET(self) -> None:
        """Ask the server and hand its answer on."""
        if not self.is_let_through():
            return
        parts = urllib.parse.urlsplit(self.path)
        if self.server_name:
            server = http.client.HTTPSConnection(self.server_name, timeout=60)
        else:
            server = http.client.HTTPConnection(parts.netloc, timeout=60)
        headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        path = urllib.parse.urlunsplit(("", "", *parts[2:4], ""))
        server.request(self.command, path or "/", body, headers)
        answer = server.getresponse()
        content = answer.read()
        self.send_response(answer.status, answer.reason)
        for key, value in answer.getheaders():
            if key.lower() not in HOP | {"content-length"}:
                self.send_header(key, value)
        self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        server.close()

    do_HEAD = do_POST = do_GET

    def log_message(self, text: str, *values: object) -> None:
        """Note what was asked, by whole addresses."""
        print(self.server_name or "-", text % values, file=sys.stderr, flush=True)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """All connections."""

    allow_reuse_address = True
    daemon_threads = True


os.umask(0o077)
os.makedirs(os.path.join(DIRECTORY, "made"), exist_ok=True)
Server(("127.0.0.1", 3128), Proxy).serve_forever()
