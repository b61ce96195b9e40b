"""Small servers, good and bad, for the tests of the load clients."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: What a server does with its connection, the number of which, from 0, is the third argument.
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Release: R1\r\n\r\nhello"


@contextmanager
def server(
    behave: Behaviour, unix: Path | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve on a free port, or on a unix socket, in a thread; give the URL."""
    loop = asyncio.new_event_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        number = len(tasks)
        tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await behave(reader, writer, number)
        writer.close()

    async def start() -> asyncio.Server:
        if unix:
            return await asyncio.start_unix_server(connected, unix, limit=1 << 24)
        return await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1024, ssl=tls)

    async def stop() -> None:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the closed connections' last callbacks

    listener = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        name = listener.sockets[0].getsockname()
        scheme = "https" if tls else "http"
        yield f"{scheme}://localhost:{name[1]}/path" if not unix else "http://shop.example/path"
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def always(*pieces: bytes) -> Behaviour:
    """Answer every request with these pieces, each written by itself."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if len(pieces) > 1:
                    await asyncio.sleep(0.001)

    return behave


def once(answer: bytes, end: Callable[[asyncio.StreamWriter], None] | None = None) -> Behaviour:
    """Send an answer, or a part, to the first request of a connection, and close it."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if end:
            await asyncio.sleep(0.01)
            end(writer)

    return behave


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
