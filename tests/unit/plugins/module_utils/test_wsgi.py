"""The file of a release by which uWSGI loads the application."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.flaskstack.centos.plugins.module_utils import _wsgi
from ansible_collections.flaskstack.centos.plugins.plugin_utils import releases
from ansible_collections.flaskstack.centos.plugins.plugin_utils.templates import render

SOURCE = {
    "plain.py": "def application(environ, start_response): return [b'application']\n",
    "flasky.py": "def app(environ, start_response): return [b'app']\n",
    "only.py": """
class Flask:
    def wsgi_app(self, environ, start_response): pass
    def __call__(self, environ, start_response): return [b'only']
shop = Flask()
""",
    "factory.py": """
def create_app(name='default', *, debug=True):
    return lambda environ, start_response: [name.encode(), str(debug).encode()]
def nothing(): pass
def broken(): raise KeyError('DATABASE_URL')
class Made:
    @staticmethod
    def make(): return create_app('made')
""",
    "dotted.py": """
class Server: pass
class Dash:
    server = staticmethod(lambda environ, start_response: [b'dotted'])
app = Dash()
number = 5
""",
    "asgi.py": """
class FastAPI:
    async def __call__(self, scope, receive, send): pass
app = FastAPI()
""",
    "package/__init__.py": "",
    "package/wsgi.py": "import nowhere.to_be_found\n",
    "wrong.py": "def f():\n    raise ValueError('no SECRET_KEY')\nf()\n",
    "my-app.py": "def app(environ, start_response): return [b'dash']\n",
    "serves.py": """
from wsgiref.simple_server import make_server
def app(environ, start_response): return []
server = make_server('127.0.0.1', 0, app)
server.serve_forever()
""",
    # What serves is imported, started in a thread, and used after the import.
    "in_thread.py": """
import http.server, threading
server = http.server.HTTPServer(('127.0.0.1', 0), http.server.BaseHTTPRequestHandler)
thread = threading.Thread(target=server.serve_forever, args=(0.01,))
thread.start()
def app(environ, start_response):
    assert thread.is_alive()
    server.shutdown()
    again = threading.Timer(0.05, server.shutdown)
    again.start()
    server.serve_forever(0.01)
    server.server_close()
    return [b'in thread']
""",
    "uwsgi.py": "def masterpid(): return 0\n",
    "processes.py": """
import _thread, multiprocessing, signal, subprocess, threading, time
def answer(said, done):
    # As in all threads of a worker but the first, of which the module threading has heard.
    threading.current_thread()
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    sleeps = subprocess.Popen(["sleep", "9"])
    sleeps.terminate()
    said.append(sleeps.wait())
    for how in ("fork", "spawn", "forkserver"):
        process = multiprocessing.get_context(how).Process(target=time.sleep, args=(9,))
        process.start()
        process.terminate()
        process.join()
        said.append(process.exitcode)
    process = multiprocessing.get_context("fork").Process(target=int)
    process.start()
    process.join()
    said.append(process.exitcode)
    said.append(signal.pthread_sigmask(signal.SIG_BLOCK, []) >= {signal.SIGHUP})
    done.set()
def app(environ, start_response):
    said = []
    done = threading.Event()
    # Not of the module threading, as those of uWSGI are not.
    _thread.start_new_thread(answer, (said, done))
    done.wait(15)
    return [str(said).encode()]
""",
    "werkzeug/__init__.py": "",
    "werkzeug/serving.py": "def run_simple(*a, **k): raise SystemExit('served')\n",
    "runs.py": """
import werkzeug
class App:
    def run(self, **keywords):
        from werkzeug.serving import run_simple
        run_simple('127.0.0.1', 5000, self)
app = App()
app.run(debug=True)
""",
}

ASK = """
import runpy
found = runpy.run_path({loader!r})["application"]
print(b",".join(found({{}}, None)).decode())
"""


def text_of(module: str) -> str:
    """Return the file that a release has."""
    loader = releases.LOADER.read_text(encoding="utf-8")
    return render("uwsgi", "wsgi.py.j2", loader=loader, app={"loads": releases.loads(module)})


@pytest.fixture
def load(tmp_path: Path) -> object:
    """Return a function that loads a callable as uWSGI does: to status, stdout, stderr."""
    for name, text in SOURCE.items():
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run(module: str) -> tuple[int, str, str]:
        loader = tmp_path / "wsgi.py"
        loader.write_text(text_of(module), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", ASK.format(loader=str(loader))],
            cwd=tmp_path / "src",
            env=os.environ | {"PYTHONPATH": str(tmp_path / "src")},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return done.returncode, done.stdout.strip(), done.stderr

    return run


@pytest.mark.parametrize(
    ("module", "answer"),
    [
        ("plain", "application"),
        ("plain:application", "application"),
        ("flasky", "app"),
        ("my-app:app", "dash"),
        ("only", "only"),
        ("factory", "default,True"),
        ("factory:create_app", "default,True"),
        ("factory:create_app()", "default,True"),
        ("factory:create_app('prod', debug=False)", "prod,False"),
        ("factory:create_app(name='商店')", "商店,True"),
        ("factory:Made.make()", "made,True"),
        ("dotted:app.server", "dotted"),
        ("in_thread:app", "in thread"),
        ("processes:app", "[-15, -15, -15, -15, 0, True]"),
    ],
)
def test_loaded(load: object, module: str, answer: str) -> None:
    assert load(module) == (0, answer, "")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("nothere:app", "there is no module 'nothere' to import for nothere:app; in "),
        ("package.nothere", "there is no module 'package.nothere' to import"),
        ("package.wsgi:app", "package.wsgi:app imports 'nowhere', which is not installed; add"),
        ("plain:app", "plain has no 'app', which plain:app names. There are application."),
        ("dotted:app.nothere", "dotted:app has no 'nothere', which dotted:app.nothere names."),
        (
            "dotted:app",
            "app is of type dotted.Dash, which is no WSGI application; write",
        ),
        ("dotted:number()", "number is no function, so leave the parentheses out"),
        ("factory:nothing()", "nothing() is None; it returns nothing"),
        ("asgi", "app is an ASGI application (asgi.FastAPI), and uWSGI serves WSGI"),
        (
            "serves:app",
            "serves:app starts a server of its own while it is imported (serves.py, line 5:"
            ' server.serve_forever()); put that below if __name__ == "__main__":',
        ),
        ("runs:app", "while it is imported (runs.py, line "),
    ],
)
def test_not_loaded(load: object, module: str, words: str) -> None:
    status, _, said = load(module)  # type: ignore[operator]
    assert status == 22
    assert said.splitlines()[-1].startswith("wsgi.py: module: ")
    assert words in said.splitlines()[-1]


def test_the_traceback_is_the_application_s_alone(load: object) -> None:
    status, _, text = load("wrong")  # type: ignore[operator]
    said = text.splitlines()
    assert (status, said[-1]) == (22, "ValueError: no SECRET_KEY")
    assert said[0] == "Traceback (most recent call last):"
    assert [line.split(", ")[1:] for line in said if line.startswith("  File")] == [
        ["line 3", "in <module>"],
        ["line 2", "in f"],
    ]


def test_a_factory_that_fails(load: object) -> None:
    status, _, said = load("factory:broken()")  # type: ignore[operator]
    assert (status, said.splitlines()[-1]) == (22, "KeyError: 'DATABASE_URL'")


def test_the_loader_runs_on_the_oldest_python() -> None:
    text = text_of("shop:app")
    ast.parse(text, feature_version=(3, 6))
    assert text.isascii()
    assert text.startswith("# Managed by Ansible (flaskstack.centos, role uwsgi)")


# ---- Its parts ------------------------------------------------------------------------------


def takes_both(environ: Any = None, start_response: Any = None) -> None: ...


@pytest.mark.parametrize(
    ("found", "is_one"),
    [
        (lambda: None, True),
        (lambda name="x", *, debug=False: None, True),
        (lambda environ, start_response: None, False),
        (lambda *arguments, **keywords: None, False),
        (takes_both, False),
        (lambda name: None, False),
        (dict, False),
        (None, False),
    ],
)
def test_what_a_factory_is(found: Any, is_one: bool) -> None:
    assert _wsgi.is_factory(found) is is_one


def test_what_is_found_where_nothing_is_named() -> None:
    module = types.ModuleType("shop")
    vars(module)["create_app"] = lambda: None
    assert _wsgi.find(module)[1] == "create_app"
    vars(module)["shop"] = types.SimpleNamespace(wsgi_app=print)
    assert _wsgi.find(module)[1] == "shop"
    vars(module)["app"] = print
    assert _wsgi.find(module) == (print, "app")
    vars(module)["application"] = repr
    assert _wsgi.find(module) == (repr, "application")


def test_what_is_covered_is_as_it_was_afterwards(tmp_path: Path) -> None:
    import socketserver

    before, finders = socketserver.BaseServer.serve_forever, list(sys.meta_path)
    with _wsgi.Guard("shop:app"):
        covered: Any = socketserver.BaseServer.serve_forever
        assert covered is not before
        assert covered.__doc__ == before.__doc__
    assert socketserver.BaseServer.serve_forever is before
    assert sys.meta_path == finders


def test_the_release_is_named_by_the_text() -> None:
    assert releases.LOADER.read_text(encoding="utf-8") in text_of("shop:app")
