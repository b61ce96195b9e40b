"""Ask a uwsgi port for a path, as nginx would, and print the answer.

ask_uwsgi.py ADDRESS PORT PATH
"""

from __future__ import annotations

import socket
import struct
import sys

address, port, path = sys.argv[1:]
variables = {
    "REQUEST_METHOD": "GET",
    "REQUEST_URI": path,
    "PATH_INFO": path,
    "QUERY_STRING": "",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "HTTP_HOST": "localhost",
    "REMOTE_ADDR": "192.0.2.1",
}
body = b""
for pair in variables.items():
    for text in pair:
        body += struct.pack("<H", len(text)) + text.encode()
with socket.create_connection((address, int(port)), timeout=5) as connection:
    connection.sendall(struct.pack("<BHB", 0, len(body), 0) + body)
    while data := connection.recv(65536):
        sys.stdout.write(data.decode())
