"""The figures of nginx and its sites for Prometheus."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _nginx_metrics
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_metrics import main
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import HEADER
from ansible_collections.flaskstack.centos.plugins.module_utils._self_signed import self_sign
from nginx_host import DAY, Host

STATUS_PAGE = b"""Active connections: 7 \nserver accepts handled requests\n 20 19 35 \n\
Reading: 1 Writing: 2 Waiting: 4 \n"""


def test_metrics(nginx: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Status(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(STATUS_PAGE)

        def log_message(self, *_: object) -> None: ...

    monkeypatch.setattr(_nginx_metrics, "Tree", lambda: nginx.tree)
    server = HTTPServer(("127.0.0.1", 0), Status)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    wanted = {"certificate": "tls/s.crt", "key": "tls/s.key", "names": ["s.example"], "days": 10}
    self_sign(nginx.tree, [wanted])
    nginx.put("conf.d/safe.conf", f"# {HEADER}\nssl_certificate tls/s.crt;\n")
    nginx.put("maintenance/safe.html", "closed")
    path = tmp_path / "nginx.prom"
    assert main([str(server.server_port), str(path)]) == 0
    server.shutdown()
    lines = path.read_text(encoding="ascii").splitlines()
    for line in (
        "nginx_up 1",
        "nginx_connections_active 7",
        "nginx_connections_accepted 20",
        "nginx_connections_handled 19",
        "nginx_http_requests_total 35",
        "nginx_connections_reading 1",
        "nginx_connections_writing 2",
        "nginx_connections_waiting 4",
        'nginx_site_maintenance{site="safe"} 1',
        "# TYPE nginx_http_requests_total counter",
    ):
        assert line in lines
    (end,) = [line for line in lines if line.startswith("nginx_site_certificate_expiry")]
    assert end.split()[0].endswith('_seconds{site="safe"}')
    assert abs(int(end.split()[1]) - time.time() - 10 * DAY) < 600
    assert path.stat().st_mode & 0o777 == 0o644
    # One that does not answer has no figures, but it is said that it does not.
    server.server_close()
    assert main([str(server.server_port), str(path)]) == 0
    lines = path.read_text(encoding="ascii").splitlines()
    assert "nginx_up 0" in lines
    assert not any(line.startswith("nginx_connections") for line in lines)


def test_the_end_is_that_of_the_certificate_that_is_served(
    nginx: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = {"site": "shop", "maintenance": False, "expires": 2.0}
    for served, end in ((1.0, "1"), (None, "2")):
        found = [site | {"served_expires": served}]
        monkeypatch.setattr(_nginx_metrics, "list_sites", lambda _, found=found: found)
        text = _nginx_metrics.collect(nginx.tree, 1)
        assert f'nginx_site_certificate_expiry_timestamp_seconds{{site="shop"}} {end}\n' in text


def test_a_directory_that_is_not_there(
    nginx: Host,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(_nginx_metrics, "Tree", lambda: nginx.tree)
    assert main(["1", str(tmp_path / "none/nginx.prom")]) == 1
    assert "none: No such file" in capsys.readouterr().err.replace(
        "/.nginx.prom.flaskstack-new", ""
    )
