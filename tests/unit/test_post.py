"""The benchmarks' client that posts: it sends all of a body, and counts every outcome once."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from templar import ROOT


class Handler(BaseHTTPRequestHandler):
    """Answers by the path: 200 with what was read, 502, or nothing at all."""

    protocol_version = "HTTP/1.1"
    read: list[int] = []

    def do_POST(self) -> None:
        """Answer."""
        self.read.append(len(self.rfile.read(int(self.headers["Content-Length"]))))
        if self.path == "/cut":
            self.close_connection = True
            return
        self.send_response(200 if self.path == "/read" else 502)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def post() -> ModuleType:
    """Load the program as a module."""
    spec = importlib.util.spec_from_file_location("post", ROOT / "benchmarks/post.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def url() -> Iterator[str]:
    """Run a server and give its address."""
    Handler.read.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run(post: ModuleType, path: Path, url: str, size: int, *more: str) -> dict[str, Any]:
    """Post and return the report."""
    arguments = ["--url", url, "--bytes", str(size), "--report", str(path / "post.json"), *more]
    assert post.main(arguments) == 0
    return json.loads((path / "post.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("size", [0, 100, 1_000_000, 2_500_000])
def test_a_body_is_as_long_as_it_should_be(
    post: ModuleType, url: str, tmp_path: Path, size: int
) -> None:
    found = run(post, tmp_path, f"{url}/read", size, "--clients", "2", "--once")
    assert found["outcomes"] == {"200": 2}
    assert Handler.read == [size, size]


@pytest.mark.parametrize(
    ("path", "outcome"), [("/bad", "502"), ("/cut", "RemoteDisconnected")], ids=["status", "error"]
)
def test_what_is_no_good_answer_is_counted(
    post: ModuleType, url: str, tmp_path: Path, path: str, outcome: str
) -> None:
    found = run(post, tmp_path, f"{url}{path}", 10, "--clients", "1", "--seconds", "0.05")
    assert set(found["outcomes"]) == {outcome}
    assert found["requests"] == found["outcomes"][outcome] > 0


@pytest.mark.parametrize("url", ["http://192.0.2.1/", "https://127.0.0.1/", "http://example.com/"])
def test_only_this_host_is_posted_to(post: ModuleType, tmp_path: Path, url: str) -> None:
    with pytest.raises(SystemExit) as ended:
        post.main(["--url", url, "--bytes", "1", "--report", str(tmp_path / "post.json")])
    assert ended.value.code == 2
