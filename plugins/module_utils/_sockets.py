"""Ask what listens on a socket, and never longer or for more than one is ready to take.

A deadline over the whole answer and a cap on its size: what drips a byte a second, or sends
without end, must not hold up a switch that waits for it.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from typing import Dict, Iterator, List, Optional, Tuple, Union

#: Bytes of an answer that are read at most.
MOST_BYTES = 8 << 20

#: A path of a unix socket, or a host and a port.
Address = Union[str, Tuple[str, int]]


class NoAnswer(Exception):
    """There was none that one could use; the text says why, without a full stop."""


def connect(address: Address, timeout: float) -> socket.socket:
    """Return a connection to a unix socket or a TCP port. timeout is in seconds.

    Raises:
        OSError: nothing listens there, or it does not accept in time.
    """
    if not isinstance(address, str):
        return socket.create_connection(address, timeout)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def cut_off(connection: socket.socket, deadline: float) -> Iterator[List[bool]]:
    """End a connection at a deadline (monotonic, in seconds), whatever it is doing then.

    Gives a list that is not empty once that has happened.
    """
    over: List[bool] = []
    # The socket itself loses its descriptor when it is wrapped in TLS.
    handle = connection.dup()

    def end() -> None:
        over.append(True)
        with contextlib.suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(deadline - time.monotonic(), 0.0), end)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()
        timer.join()
        handle.close()


def read_all(address: Address, timeout: float, most: int = MOST_BYTES) -> bytes:
    """Return all that a socket says of itself until it closes the connection.

    Args:
        address: where it is.
        timeout: seconds for all of it.
        most: bytes.

    Raises:
        NoAnswer: it does not answer, or not all of it in time, or more than that.
    """
    deadline = time.monotonic() + timeout
    answer = b""
    try:
        with contextlib.closing(connect(address, timeout)) as connection:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise socket.timeout()
                connection.settimeout(left)
                chunk = connection.recv(65536)
                if not chunk:
                    return answer
                answer += chunk
                if len(answer) > most:
                    raise NoAnswer(f"more than {most} bytes")
    except socket.timeout:
        raise NoAnswer(f"nothing for {timeout:.0f} s") from None
    except OSError as error:
        raise NoAnswer(str(error) or type(error).__name__) from None


class Answer:
    """The status of an answer over HTTP, its reason phrase, and the beginning of its body."""

    def __init__(self, status: int, reason: str, body: bytes) -> None:
        self.status = status
        self.reason = reason
        self.body = body


def get(
    address: Address,
    path: str,
    headers: Dict[str, str],
    timeout: float,
    tls: bool = False,
    most: int = MOST_BYTES,
) -> Answer:
    """Ask for a path over HTTP once.

    Args:
        address: where to ask.
        path: the path and query; what is no ASCII is sent as UTF-8 in percent signs.
        headers: Host and what else is to be sent.
        timeout: seconds for all of it.
        tls: over TLS. Whose certificate it is does not matter: it is this host.
        most: bytes of the body that are read.

    Raises:
        NoAnswer: there was none in time, or none that is HTTP.
    """
    deadline = time.monotonic() + timeout
    over: List[bool] = []
    try:
        with contextlib.closing(connect(address, timeout)) as plain, cut_off(
            plain, deadline
        ) as over:
            client = http.client.HTTPConnection("localhost", timeout=timeout)
            client.sock = wrap(plain) if tls else plain
            with contextlib.closing(client.sock):
                client.request("GET", quote(path), headers=headers)
                with contextlib.closing(client.getresponse()) as answer:
                    body = answer.read(most)
                    if over:
                        raise NoAnswer(f"nothing for {timeout:.0f} s")
                    if answer.length and len(body) < most:
                        raise NoAnswer("the answer was cut off")
                    return Answer(answer.status, answer.reason, body)
    except socket.timeout:
        raise NoAnswer(f"nothing for {timeout:.0f} s") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        if over:
            raise NoAnswer(f"nothing for {timeout:.0f} s") from None
        raise NoAnswer(str(error) or type(error).__name__) from None


def wrap(connection: socket.socket, name: Optional[str] = None) -> ssl.SSLSocket:
    """Return a connection over TLS whose certificate is not looked at.

    Args:
        connection: the connection without.
        name: the host name that is asked for (SNI).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=name)


def served_certificate(address: Address, name: Optional[str], timeout: float) -> bytes:
    """Return the certificate that is served over TLS, whoever vouches for it, in DER.

    Args:
        address: where to ask.
        name: the host name that is asked for (SNI); None for none.
        timeout: seconds for all of it.

    Raises:
        NoAnswer: there was none in time.
    """
    deadline = time.monotonic() + timeout
    try:
        with contextlib.closing(connect(address, timeout)) as plain, cut_off(
            plain, deadline
        ), contextlib.closing(wrap(plain, name)) as connection:
            return connection.getpeercert(True) or b""
    except socket.timeout:
        raise NoAnswer(f"nothing for {timeout:.0f} s") from None
    except (OSError, ValueError) as error:
        raise NoAnswer(str(error) or type(error).__name__) from None


def quote(path: str) -> str:
    """Return a path as a request line can have it: what is no plain ASCII in percent signs."""
    return "".join(
        chr(byte) if 0x20 < byte < 0x7F else f"%{byte:02X}" for byte in path.encode("utf-8")
    )


def host_of(address: str) -> str:
    """Return where to ask what listens on an address: of "all addresses", this host's own."""
    bare = address.strip("[]")
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bare, bare)
