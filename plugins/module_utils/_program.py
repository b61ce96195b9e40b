"""Make a program of some of these files, for what a timer or a sandbox runs without Ansible.

The same text serves twice: as part of a module that Ansible sends, and in a zip archive on the
host that Python runs as it is (the format of the standard library's zipapp). The archive is the
same, to the byte, for the same text, so that a module can tell whether the one on the host is
current.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import importlib.util
import io
import zipfile
from typing import List, Sequence

#: The package that these files are.
PACKAGE = "ansible_collections.flaskstack.centos.plugins.module_utils"
#: What stands in front of the archive. Python skips it; a person who opens the file reads it.
HEADER = "#!/usr/bin/env python3\n# Managed by Ansible (flaskstack.centos): changes are lost.\n"
#: What it does first. Whatever starts it may have any umask; what it writes gets the mode meant.
MAIN = """import os, sys
from {package}.{module} import main
os.umask(0o022)
sys.exit(main(sys.argv[1:]))
"""
#: The earliest time that a zip archive can tell: the same at each making.
EPOCH = (1980, 1, 1, 0, 0, 0)


def source_of(module: str) -> str:
    """Return the text of one of these files, from wherever it was imported: a zip archive too.

    Raises:
        ImportError: there is none.
    """
    name = f"{PACKAGE}.{module}"
    spec = importlib.util.find_spec(name)
    text = spec.loader.get_source(name) if spec and spec.loader else None  # type: ignore[attr-defined]
    if text is None:
        raise ImportError(f"{name} has no source")
    return str(text)


def program(main: str, modules: Sequence[str]) -> bytes:
    """Return a program that calls main() of one of these files with its arguments.

    Args:
        main: the file with ``main(arguments: List[str]) -> int``.
        modules: that file and all that it imports of these files, in any order.
    """
    files = {"__main__.py": MAIN.format(package=PACKAGE, module=main)}
    parts: List[str] = []
    for part in PACKAGE.split("."):
        parts.append(part)
        files["/".join(parts + ["__init__.py"])] = ""
    for module in modules:
        files["/".join(parts + [module + ".py"])] = source_of(module)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in sorted(files):
            about = zipfile.ZipInfo(name, EPOCH)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o644 << 16
            bundle.writestr(about, files[name].encode("utf-8"))
    return HEADER.encode("ascii") + archive.getvalue()
