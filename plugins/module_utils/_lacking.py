"""Tell from the output of an installer what the host lacks to compile or clone a requirement.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import re
from typing import List

from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import CommandFailed

#: What every build may need: kind -> what a tool says without it. The role installs these itself.
#: A compiler may be called by its platform (``x86_64-redhat-linux-gnu-gcc``).
TOOLS = {
    "git": r"Git executable not found|\bgit: (command )?not found|'git': No such file",
    "make": r"\bmake: (command )?not found|No such file or directory: '(g?make)'"
    r"|unable to find a build program corresponding to \"Unix Makefiles\"",
    "c++": r"No such file or directory: '([\w-]+-)?(g\+\+|c\+\+)'"
    r"|command '?([\w-]+-)?(g\+\+|c\+\+)'? failed: No such"
    r"|unable to execute '?([\w-]+-)?(g\+\+|c\+\+)|\b(g\+\+|c\+\+): (command )?not found"
    r"|cannot execute '?cc1plus|Unknown compiler\(s\): \[\['c\+\+'|No CMAKE_CXX_COMPILER",
    "c": r"No such file or directory: '([\w-]+-)?(gcc|cc)'"
    r"|command '?([\w-]+-)?(gcc|cc)'? failed: No such"
    r"|unable to execute '?([\w-]+-)?(gcc|cc)\b|\b(gcc|cc): (command )?not found"
    r"|No working compiler found|no acceptable C compiler|linker `cc` not found"
    r"|Unknown compiler\(s\): \[\['cc'|No CMAKE_C_COMPILER",
    "headers": r"\bPython\.h: No such file|Python\.h not found",
}
#: What a requirement may need besides: what a tool says without it -> packages of EL that have it.
LIBRARIES = (
    (r"pg_config(\.exe)? (executable )?not found|libpq-fe\.h: No such", "libpq-devel"),
    (
        r"mysql_config: (command )?not found|pkg-config --exists mysqlclient"
        r"|valid pkg-config name",
        "mariadb-connector-c-devel, pkgconf-pkg-config",
    ),
    (r"libxml2 and libxslt|libxml/\w+\.h: No such|xslt-config", "libxml2-devel, libxslt-devel"),
    (r"\bffi\.h: No such", "libffi-devel"),
    (r"openssl/\w+\.h: No such|Could not find directory of OpenSSL", "openssl-devel"),
    (r"headers or library files could not be found for jpeg", "libjpeg-turbo-devel"),
    (r"headers or library files could not be found for zlib|\bzlib\.h: No such", "zlib-devel"),
    (r"\b(lber|ldap)\.h: No such", "openldap-devel"),
    (r"sasl/sasl\.h: No such|\bsasl\.h: No such", "cyrus-sasl-devel"),
    (r"\bxmlsec1\b.*(not found|No package)", "xmlsec1-devel, xmlsec1-openssl-devel"),
    (r"\bsql\.h: No such", "unixODBC-devel"),
    (r"curl-config|\bcurl/curl\.h: No such", "libcurl-devel"),
    (r"gdal-config", "gdal-devel"),
    (r"\bgeos-config|\bgeos_c\.h: No such", "geos-devel"),
    (r"krb5-config|gssapi/gssapi\.h: No such", "krb5-devel"),
    (r"can't find Rust compiler|\b(cargo|rustc)\b.*not (found|installed)", "rust, cargo"),
    (r"gfortran(: |' )?(command )?not found|Unknown compiler\(s\): \[\['gfortran'", "gcc-gfortran"),
    (r"\bcmake: (command )?not found|CMake must be installed", "cmake"),
    (r"\bpkg-config: (command )?not found", "pkgconf-pkg-config"),
    (r"\b(npm|npx|node): (command )?not found", "nodejs, npm"),
)


def tools(output: str) -> List[str]:
    """Return the kinds of tools that were missing, by what an installer said."""
    return [kind for kind, said in sorted(TOOLS.items()) if re.search(said, output)]


def libraries(output: str) -> str:
    """Return a sentence about the package that has what was missing; empty if it is not known."""
    for said, packages in LIBRARIES:
        if re.search(said, output):
            return f"Write packages: [{packages}] in the application, which installs them first."
    header = re.search(r"fatal error: ([\w./+-]+\.h\w*): No such file", output)
    if header:
        return (
            f"The header {header.group(1)} is missing; the package that has it (dnf provides"
            f" '*/{header.group(1)}') belongs in packages of the application."
        )
    return ""


def variable(output: str) -> str:
    """Return the sentence about a variable that a build command did not have; empty if it had all.

    By the last line of a traceback, as of ``os.environ["SECRET_KEY"]``.
    """
    found = re.search(r"^KeyError: '([A-Z][A-Z0-9_]*)'$", output, re.M)
    if not found:
        return ""
    return (
        f"Build commands have the variables of env: write {found.group(1)} there, or name it in"
        " build_secret_env, if it is one of secret_env."
    )


def packages_of(kinds: List[str], python: str) -> List[str]:
    """Return the packages that have tools, as this host calls them.

    Args:
        kinds: as tools() returns them; what is none of them is left out, because a builder may
            have written anything.
        python: the version of Python.
    """
    names = {"c": ["gcc"], "c++": ["gcc", "gcc-c++"], "make": ["make"], "git": ["git-core"]}
    out = set()
    for kind in kinds:
        out.update(names.get(kind, []))
    if {"c", "c++", "headers"} & set(kinds):
        out.add(package_of("/usr/bin/python" + python) + "-devel")
    return sorted(out)


def package_of(path: str) -> str:
    """Return the package that a file of the host is from, or what it would be called."""
    usual = path.rsplit("/", 1)[-1]
    try:
        said = run(["rpm", "--query", "--file", "--queryformat", "%{NAME}\n", path]).stdout.split()
    except (CommandFailed, OSError):
        return usual
    return said[0] if said else usual


def absent(packages: List[str]) -> List[str]:
    """Return those packages that are not installed, by their names or by what they provide.

    Raises:
        CommandFailed: rpm says something else than which these are.
    """
    if not packages:
        return []
    wanted = sorted(set(packages))
    try:
        said = run(["rpm", "--query", "--whatprovides"] + wanted, check=False)
    except FileNotFoundError:
        # Not of this family: the roles refuse it by what it is.
        return []
    missing = re.findall(r"^no package provides (\S+)$", said.stdout + said.stderr, re.M)
    return [name for name in wanted if name in missing]
