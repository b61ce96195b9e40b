"""Load the application for uWSGI.

What cannot be loaded ends uWSGI with a sentence in the journal. A server that the application
starts while it is imported would keep uWSGI from ever being ready: it raises instead. What the
application starts hears signals, which uWSGI keeps from all threads of a worker but the first.

A release has this file's text as its ``wsgi.py``, with a call of load() at the end, and uWSGI runs
it in the application's own interpreter: it imports nothing of Ansible, nor of the files beside it,
and runs on Python 3.6.
"""

import _posixsubprocess
import importlib
import inspect
import os
import signal
import sys
import threading
import traceback
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable, Dict, List, NamedTuple, NoReturn, Optional, Tuple

#: What is looked for where `module` names a module only.
NAMES = ("application", "app")
FACTORIES = ("create_app", "make_app")
#: Module -> what of it serves until it is told to end.
SERVERS = {
    "aiohttp.web": "run_app",
    "bottle": "run",
    "cheroot.server": "HTTPServer.serve",
    "eventlet.wsgi": "server",
    "gevent.baseserver": "BaseServer.serve_forever",
    "hypercorn.run": "run",
    "socketserver": "BaseServer.serve_forever",
    "uvicorn.main": "run",
    "waitress": "serve",
    "werkzeug.serving": "run_simple",
}
#: The status with which uWSGI itself says that there is no application.
FAILED = 22


class Wanted(NamedTuple):
    """What the key ``module`` says, and what it is made of.

    Attributes:
        said: the key's value.
        module: to be imported.
        name: in the module, with dots where it is in something else; empty if it is to be found.
        is_called: it is a factory.
        arguments: what the factory is given.
        keywords: what it is given by name.
    """

    said: str
    module: str
    name: str
    is_called: bool
    arguments: Tuple[Any, ...]
    keywords: Dict[str, Any]


def fail(sentence: str = "") -> NoReturn:
    """End uWSGI, with a sentence for the user if the traceback is not enough: the play shows it."""
    sys.stdout.flush()
    if sentence:
        print("wsgi.py: module: " + sentence, file=sys.stderr)
    sys.stderr.flush()
    # Not sys.exit(): threads that the application has started would be waited for.
    os._exit(FAILED)


# ---- Servers that are started by an import ---------------------------------------------------


class Guard:
    """While it is in effect, what serves until it is told to end raises in the thread that imports.

    Args:
        said: what the key ``module`` says.
    """

    def __init__(self, said: str) -> None:
        self.said = said
        self.thread: Optional[int] = threading.get_ident()
        self.put: List[Tuple[Any, str, Any]] = []

    def __enter__(self) -> "Guard":
        for name in SERVERS:
            if name in sys.modules:
                self.cover(sys.modules[name])
        sys.meta_path.insert(0, self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)
        for owner, name, before in self.put:
            setattr(owner, name, before)
        # Those that were imported by name are still covered.
        self.thread = None

    def find_spec(
        self, name: str, path: Any = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        """Have a module of SERVERS covered as soon as it is imported."""
        if name not in SERVERS:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec: Optional[ModuleSpec] = None
            if finder is not self and find is not None:
                spec = find(name, path, target)
            if spec is not None:
                execute = getattr(spec.loader, "exec_module", None)
                if execute is not None:
                    spec.loader.exec_module = self.covering(execute)  # type: ignore
                return spec
        return None

    def covering(self, execute: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
        """Return what executes a module and then covers it."""

        def cover_too(module: ModuleType) -> None:
            execute(module)
            self.cover(module)

        return cover_too

    def cover(self, module: ModuleType) -> None:
        """Put what raises in the place of what serves."""
        owner: Any = module
        names = SERVERS[module.__name__].split(".")
        for name in names[:-1]:
            owner = getattr(owner, name, None)
        before = getattr(owner, names[-1], None)
        if before is None:
            return

        def covered(*arguments: Any, **keywords: Any) -> Any:
            if threading.get_ident() == self.thread:
                fail(
                    f"{self.said} starts a server of its own while it is imported{caller()}; put"
                    ' that below if __name__ == "__main__":, because uWSGI is the server.'
                )
            return before(*arguments, **keywords)

        covered.__name__ = names[-1]
        covered.__doc__ = before.__doc__
        setattr(owner, names[-1], covered)
        self.put.append((owner, names[-1], before))


def caller() -> str:
    """Return where in the source a server is started, for a sentence; empty if it is not there."""
    for frame in reversed(own(list(traceback.extract_stack()))):
        name = os.path.relpath(frame.filename)
        if not name.startswith("..") and "site-packages" not in name:
            return f" ({name}, line {frame.lineno}: {frame.line})"
    return ""


# ---- Processes that the application starts ---------------------------------------------------


def hearing(start: Callable[..., Any]) -> Callable[..., Any]:
    """Return what starts a process, so that no signals are blocked in that.

    It has the mask of the thread that starts it, and so nobody could terminate it. The kernel gives
    a worker's own signals to its first thread, as long as that does not block them.
    """

    def started(*arguments: Any, **keywords: Any) -> Any:
        blocked = signal.pthread_sigmask(signal.SIG_SETMASK, [])
        try:
            return start(*arguments, **keywords)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    return started


def hear() -> None:
    """Let a process that the application forked hear signals, and end by those that end it."""
    uwsgi: Any = importlib.import_module("uwsgi")

    if os.getppid() == uwsgi.masterpid():
        # A worker: uWSGI has just forked it.
        return
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        # Python does not know of uWSGI's own.
        if not callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # Before 3.13, Python ends a process that was forked in a thread not of its own with status 1.
    main: Any = threading.main_thread()
    if getattr(main, "_tstate_lock", True) is None:
        main._set_tstate_lock()


def let_processes_hear() -> None:
    """Have all processes that the application will start hear signals."""
    _posixsubprocess.fork_exec = fork_exec = hearing(_posixsubprocess.fork_exec)
    if hasattr(sys.modules.get("subprocess"), "_fork_exec"):
        sys.modules["subprocess"]._fork_exec = fork_exec  # type: ignore[attr-defined]
    for name in ("posix_spawn", "posix_spawnp"):
        if hasattr(os, name):
            setattr(os, name, hearing(getattr(os, name)))
    # Python 3.6 has none.
    at_fork = getattr(os, "register_at_fork", None)
    if at_fork is not None:
        at_fork(after_in_child=hear)


# ---- The application -------------------------------------------------------------------------


def own(frames: List[traceback.FrameSummary]) -> List[traceback.FrameSummary]:
    """Return the frames of a traceback that are not of this file, nor of importlib."""
    mine = (__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
    return [
        frame
        for frame in frames
        if frame.filename not in mine and not frame.filename.endswith("importlib/__init__.py")
    ]


def show(error: Exception) -> None:
    """Print the traceback of an error without what is of this file."""
    shown = traceback.TracebackException.from_exception(error)
    shown.stack = traceback.StackSummary.from_list(own(list(shown.stack)))
    print("".join(shown.format()), end="", file=sys.stderr)


def names_in(module: ModuleType) -> str:
    """Return what a module has that can be called, for a sentence."""
    names = [name for name, value in vars(module).items() if callable(value) and name[0] != "_"]
    return ", ".join(names) or "no callables"


def load_module(wanted: Wanted) -> ModuleType:
    """Return the module of the application."""
    try:
        return importlib.import_module(wanted.module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if (wanted.module + ".").startswith(missing + "."):
            there = sorted(
                entry[:-3] if entry.endswith(".py") else entry
                for entry in os.listdir(".")
                if (entry.endswith(".py") or os.path.isdir(entry)) and entry[0] not in "._"
            )
            fail(
                f"there is no module '{missing}' to import for {wanted.said}; in {os.getcwd()}"
                f" there are {', '.join(there) or 'none'}."
            )
        show(error)
        fail(
            f"{wanted.said} imports '{missing}', which is not installed; add the package that has"
            " it to the requirements."
        )
    except Exception as error:
        show(error)
        fail()


def is_factory(found: Any) -> bool:
    """Tell whether something can be called without arguments, and not as WSGI calls it."""
    if not inspect.isfunction(found):
        return False
    signature = inspect.signature(found)
    try:
        signature.bind()
    except TypeError:
        return False
    try:
        signature.bind("environ", "start_response")
    except TypeError:
        return True
    return False


def find(module: ModuleType) -> Tuple[Any, str]:
    """Return the application of a module, and its name, where the key ``module`` has none."""
    for name in NAMES:
        if hasattr(module, name):
            return getattr(module, name), name
    # As `flask run` does: the only one that there is, else a factory.
    found = [
        name
        for name, value in vars(module).items()
        if callable(getattr(value, "wsgi_app", None)) and not inspect.isclass(value)
    ]
    if len(found) == 1:
        return getattr(module, found[0]), found[0]
    for name in FACTORIES:
        if is_factory(getattr(module, name, None)):
            return getattr(module, name), name
    fail(
        f"{module.__name__} has neither application nor app; write it as"
        f" {module.__name__}:callable. There are {names_in(module)}."
    )


def look_up(module: ModuleType, wanted: Wanted) -> Any:
    """Return what the key ``module`` names behind its colon."""
    found: Any = module
    parts = wanted.name.split(".")
    for number, name in enumerate(parts):
        if not hasattr(found, name):
            before = ":".join([wanted.module] + [".".join(parts[:number])] * (number > 0))
            there = "" if number else f" There are {names_in(module)}."
            fail(f"{before} has no '{name}', which {wanted.said} names.{there}")
        found = getattr(found, name)
    return found


def call(factory: Callable[..., Any], wanted: Wanted) -> Any:
    """Return what a factory returns."""
    try:
        return factory(*wanted.arguments, **wanted.keywords)
    except Exception as error:
        show(error)
        fail()


def load(wanted: Wanted) -> Any:
    """Return the application."""
    said = wanted.said
    with Guard(said):
        module = load_module(wanted)
        found, name = (look_up(module, wanted), wanted.name) if wanted.name else find(module)
        if wanted.is_called or is_factory(found):
            if not callable(found):
                fail(f"{said}: {name} is no function, so leave the parentheses out.")
            found, name = call(found, wanted), name + "()"
    kind = f"{type(found).__module__}.{type(found).__name__}"
    if found is None:
        why = "; it returns nothing" if name[-1] == ")" else ""
        fail(f"{said}: {name} is None{why}.")
    if not callable(found):
        others = [
            other
            for other in ("server", "wsgi_app", "wsgi", "app")
            if callable(getattr(found, other, None))
        ]
        instead = f"; write {said}.{others[0]}" if others and not wanted.is_called else ""
        fail(f"{said}: {name} is of type {kind}, which is no WSGI application{instead}.")
    asks = getattr(found, "__call__", None)  # noqa: B004
    if inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(asks):
        fail(
            f"{said}: {name} is an ASGI application ({kind}), and uWSGI serves WSGI; wrap it with"
            " a2wsgi.ASGIMiddleware, or run its own server as a service with socket: true."
        )
    return found
