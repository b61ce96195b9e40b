"""Change the tree that nginx reads: tested as a whole before a file is touched, all or nothing.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import contextlib
import os
import re
import stat
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._certificate import (
    make_pair,
    read_pair,
    sentence,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, describe
from ansible_collections.flaskstack.centos.plugins.module_utils._files import (
    fresh_name,
    is_stale,
    make_directories,
    prepare,
    read,
    read_text,
    write,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_servers import (
    FILE,
    drained_of,
    hosts_in,
    listing,
    mark,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import (
    HEADER,
    PATIENCE,
    Tree,
    alone,
    clearing_up,
    cut_links,
    is_regular,
    make_parents,
    site_of,
)

#: What names the file with the number of the main process.
PID = re.compile(rb"^[ \t]*pid\s[^;#]*;", re.M)

#: Relative path -> content and mode.
Files = Dict[str, Tuple[bytes, int]]


def ask_nginx(directory: str, called: str) -> List[str]:
    """Have nginx test the tree in a directory, and return its warnings.

    Raises:
        Problem: it would not run with it. Its words name the directory as it is called; details
            are problem, these words, and site, whose file they name, if any.
        CommandFailed: it did not end within PATIENCE.
    """
    said = run(
        ["nginx", "-t", "-q", "-c", os.path.join(directory, "nginx.conf")],
        timeout=PATIENCE,
        check=False,
    )
    lines = [
        line
        for line in said.stderr.replace(directory, called).splitlines()
        if line.strip() and not re.search(r"configuration file \S+ test failed$", line)
    ]
    if said.status != 0:
        problem = "\n".join(lines) or f"nginx -t ended with {said.status} and said nothing."
        # Warnings name files too, and come first.
        guilty = re.search(r"conf\.d/([^/\s:]+)\.conf\b", problem.partition("[emerg]")[2])
        raise Problem(problem, problem=problem, site=guilty.group(1) if guilty else None)
    return [line for line in lines if "[warn]" in line]


class Change:
    """What is to become of the tree.

    Args:
        files: relative path -> content and mode.
        remove: relative paths.
        pairs: certificates that are among the files, with their keys: site, certificate, key and
            key_names, what the two are called in the inventory.
        placeholders: certificates that only the test needs, because who makes them has not been
            there in check mode: certificate, key, names and days.
        caches: directories of nginx's caches.
        owner: who serves the sites, where several playbooks share a host; None for whoever it is.
        header: the first line of the sites' files.
    """

    def __init__(
        self,
        files: Optional[Files] = None,
        remove: Sequence[str] = (),
        pairs: Sequence[Dict[str, Any]] = (),
        placeholders: Sequence[Dict[str, Any]] = (),
        caches: Sequence[str] = (),
        owner: Optional[str] = None,
        header: str = HEADER,
    ) -> None:
        self.files: Files = files or {}
        self.remove = list(remove)
        self.pairs = list(pairs)
        self.placeholders = list(placeholders)
        self.caches = list(caches)
        self.owner = owner
        self.header = header

    def check(self, tree: Tree) -> None:
        """Look at where the files are to be.

        Raises:
            Problem: a path leads out of the tree, or is a directory, or the site is another's.
        """
        owners = tree.owned(self.header)
        for relative in list(self.files) + self.remove:
            if (
                relative.startswith("/")
                or os.path.normpath(relative) != relative
                or relative[0] == "."
            ):
                raise Problem(f"'{relative}' is no path below {tree.root}.")
            path = tree.path(relative)
            if os.path.isdir(path) and not os.path.islink(path):
                raise Problem(f"{path} is a directory, where a file is to be; move it away.")
            site = site_of(relative)
            owner = owners.get(f"conf.d/{site}.conf", "")
            if self.owner is not None and owner not in ("", self.owner):
                text = (
                    f"site '{site}': {path} belongs to '{owner}', another playbook or inventory"
                    " that serves this host; give the site another name, or let it go there first."
                )
                raise Problem(text, site=site)

    def stale(self, tree: Tree) -> Tuple[Files, List[str]]:
        """Return those files that are not as they should be, and those that have to go."""
        fresh = {
            name: (data, mode)
            for name, (data, mode) in self.files.items()
            if is_stale(tree.current(name), data, mode)
        }
        gone = [
            name
            for name in self.remove
            if name not in self.files and os.path.lexists(tree.current(name))
        ]
        return fresh, gone


def test(tree: Tree, change: Change, fresh: Files, gone: List[str]) -> List[str]:
    """Test what the tree is going to be in a copy, other people's files included.

    Returns:
        nginx's warnings.

    Raises:
        Problem: a key is not its certificate's, or nginx would not run with it.
        FileNotFoundError: there is no nginx.
    """
    with tree.workplace() as stage:
        tree.copy_to(stage)
        for relative in list(fresh) + gone:
            cut_links(stage, relative)
        for relative, (data, mode) in fresh.items():
            make_parents(stage, relative)
            write(os.path.join(stage, relative), data, mode)
        for relative in gone:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(stage, relative))
        lead_to_copy(tree, stage)
        use_own_pid_file(stage)
        for wanted in change.placeholders:
            stand_in(tree, stage, wanted)
        for pair in change.pairs:
            paths = [staged(tree, stage, pair[name]) for name in ("certificate", "key")]
            for fault in read_pair(paths[0], paths[1])[1]:
                text = sentence(pair, fault)["text"].replace(stage, tree.root)
                raise Problem(text, problem=text, site=pair["site"])
        return ask_nginx(stage, tree.root)


def lead_to_copy(tree: Tree, stage: str) -> None:
    """Have the files of a copy name it where they name the tree, as a distribution's includes do.

    Otherwise nginx would read the old files that they name, and test nothing of the new ones.
    """
    old, new = f"{tree.root}/".encode(), f"{stage}/".encode()
    for directory, _, names in os.walk(stage):
        for path in (os.path.join(directory, name) for name in names):
            text = (read(path) or b"") if is_regular(path) else b""
            if old in text:
                with open(path, "wb") as file:
                    file.write(text.replace(old, new))


def use_own_pid_file(stage: str) -> None:
    """Have a copy of the tree name a file of its own for the main process's number.

    nginx makes that file when it only tests too. In the place of the real one, before the first
    start, it would have root's label of SELinux, and nginx's own domain may not write it.
    """
    path = os.path.join(stage, "nginx.conf")
    text = (read(path) or b"") if is_regular(path) else b""
    own = b"pid " + os.path.join(stage, "nginx.pid").encode() + b";"
    if PID.search(text):
        with open(path, "wb") as file:
            file.write(PID.sub(lambda _: own, text))


def staged(tree: Tree, stage: str, name: str) -> str:
    """Return where a file of the tree is in its copy; of one elsewhere, its path."""
    path = tree.path(name)
    return stage + path[len(tree.root) :] if path.startswith(tree.root + "/") else path


def stand_in(tree: Tree, stage: str, wanted: Dict[str, Any]) -> None:
    """Put a certificate in a copy of the tree if it is not there. nginx wants one to test with."""
    paths = [staged(tree, stage, wanted[name]) for name in ("certificate", "key")]
    if all(path.startswith(stage + "/") for path in paths) and read_pair(*paths)[1]:
        with tree.workplace() as directory:
            pair = make_pair(wanted["names"], int(wanted["days"]), directory)
        for path, data in zip(paths, pair):
            relative = os.path.relpath(path, stage)
            cut_links(stage, relative)
            make_parents(stage, relative)
            write(path, data, 0o600)


def apply(tree: Tree, change: Change) -> Dict[str, Any]:
    """Write and remove files of the tree: all of them, or after a failure none.

    Returns:
        written and removed, relative paths, warnings, nginx's, and diff.

    Raises:
        Problem: see Change.check and test.
        OSError: a file cannot be written.
    """
    change.check(tree)
    fresh, gone = change.stale(tree)
    for path in change.caches:
        # nginx makes the last directory of a cache, when it only tests too, but not those above.
        make_directories(os.path.dirname(path))
    warnings = test(tree, change, fresh, gone)
    diff = differences(tree, fresh, gone)
    swap(tree, fresh, gone)
    return answer(fresh, gone, warnings, diff)


def announce(tree: Tree, change: Change) -> Dict[str, Any]:
    """Return what apply would, and change nothing. Where there is no nginx, nothing is tested.

    Raises:
        Problem: see apply.
    """
    change.check(tree)
    fresh, gone = change.stale(tree)
    warnings: List[str] = []
    with directories_for_now(change.caches), contextlib.suppress(FileNotFoundError):
        warnings = test(tree, change, fresh, gone)
    return answer(fresh, gone, warnings, differences(tree, fresh, gone))


def answer(
    fresh: Files, gone: List[str], warnings: List[str], diff: List[Dict[str, str]]
) -> Dict[str, Any]:
    """Return what a change tells of itself."""
    return {
        "changed": bool(fresh or gone),
        "written": list(fresh),
        "removed": gone,
        "warnings": warnings,
        "diff": diff,
    }


def respect_drained(tree: Tree, change: Change) -> None:
    """Have the sites that are going to be written say which servers are drained at this moment."""
    drained = drained_of(tree)
    for name, (data, mode) in list(change.files.items()):
        text = data.decode("utf-8", "surrogateescape")
        if name.startswith(("conf.d/", "stream.d/")) and change.header in text.partition("\n")[0]:
            change.files[name] = mark(text, drained).encode("utf-8", "surrogateescape"), mode
    left = remembered(tree, change, drained)
    if left != drained:
        change.files[FILE] = listing(left), 0o644


def remembered(tree: Tree, change: Change, drained: List[str]) -> List[str]:
    """Return the addresses that stay drained: not those that lose their last upstream.

    A host that gets such an address later is another one. One that no upstream has had may be
    there before its server is.

    Args:
        tree: what nginx reads.
        change: what is going to be written.
        drained: the addresses that are drained.
    """
    texts = {name: read_text(tree.current(name)) for name in tree.with_servers(change.header)}
    before = set().union(*(hosts_in(text) for text in texts.values()))
    fresh, gone = change.stale(tree)
    texts.update((name, data.decode("utf-8", "replace")) for name, (data, _) in fresh.items())
    after = set().union(*(hosts_in(text) for name, text in texts.items() if name not in gone))
    return [address for address in drained if address not in before or address in after]


def swap(tree: Tree, fresh: Files, gone: List[str]) -> None:
    """Put new files in the place of the old ones, and remove others; or after a failure nothing.

    Raises:
        OSError: a file cannot be written.
    """
    changed = list(fresh) + gone
    if not changed:
        return
    saved = tree.save(changed)
    tree.note("writing", saved)
    try:
        # All are on the disk, which may be full, before the first takes its place.
        for relative, (data, mode) in fresh.items():
            make_parents(tree.root, relative)
            prepare(tree.path(relative), data, mode)
        for path in map(tree.path, fresh):
            os.rename(fresh_name(path), path)
        for relative in gone:
            os.unlink(tree.path(relative))
        tree.finish(changed)
        tree.note("written", saved)
    except BaseException:
        tree.restore()
        raise


@contextlib.contextmanager
def directories_for_now(paths: Sequence[str]) -> Iterator[None]:
    """Have the directories above some paths while nginx tests, and as it was afterwards.

    nginx makes the last one of each itself, when it only tests too.
    """
    missing: List[str] = []
    for path in paths:
        while path not in missing and path != "/" and not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
    try:
        for path in paths:
            make_directories(os.path.dirname(path))
        yield
    finally:
        for path in sorted(missing, key=len, reverse=True):
            with contextlib.suppress(OSError):
                os.rmdir(path)


def differences(tree: Tree, fresh: Files, gone: List[str]) -> List[Dict[str, str]]:
    """Return what --diff shows of a change: nothing that only root may read, before or after."""
    found = []
    for relative in list(fresh) + gone:
        path, old = tree.path(relative), tree.current(relative)
        data, mode = fresh.get(relative, (b"", 0o644))
        try:
            secret = not os.stat(old).st_mode & stat.S_IROTH
        except OSError:
            secret = False
        if not mode & stat.S_IROTH or (secret and relative in gone):
            continue
        found.append(
            {
                "before_header": path,
                "after_header": path,
                "before": "" if secret or not os.path.isfile(old) else read_text(old),
                "after": data.decode("utf-8", "replace"),
            }
        )
    return found


def configure(tree: Tree, change: Change, check: bool = False) -> Dict[str, Any]:
    """Bring the tree to what is wanted, once nginx has said that it would run with it; see apply.

    Args:
        tree: what nginx reads.
        change: what is wanted.
        check: change nothing.

    Raises:
        Problem: the whole sentence for the user. Details are problem, nginx's words, if it is it
            that does not load the configuration, and site, where it is one's fault.
    """
    try:
        if check:
            with clearing_up(), alone(tree, change=False):
                respect_drained(tree, change)
                return announce(tree, change)
        with clearing_up(), alone(tree):
            respect_drained(tree, change)
            return apply(tree, change)
    except (Problem, OSError) as error:
        details = error.details if isinstance(error, Problem) else {}
        reason = describe(error) if isinstance(error, OSError) else str(error)
        if "problem" in details:
            site = f" (site '{details['site']}')" if details.get("site") else ""
            text = (
                f"nginx refuses the new configuration{site}; the old one is untouched and goes on"
                f" serving. In nginx's words:\n{reason}"
            )
        else:
            text = f"The configuration cannot be written, and nothing was changed:\n{reason}"
        raise Problem(text, **details) from None
