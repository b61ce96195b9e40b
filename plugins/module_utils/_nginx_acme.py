"""Certificates by ACME: have certbot get them, and give nginx what it got.

Certbot keeps what it got in directories of its own. What nginx reads are copies in its tree, put
there as any other change: tested, key and certificate together, taken over by a reload that is
watched, the old ones back when nginx does not take them. So what differs from certbot's is due, and
whoever comes next, the timer at the latest, tries again.

The deploy hook of certbot and the end of its timer's service run main() as a program of its own.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import glob
import os
import sys
from typing import Any, Dict, List, Optional, Sequence

from ansible_collections.flaskstack.centos.plugins.module_utils._certificate import (
    read_pair,
    state_of,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._commands import run
from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem, describe
from ansible_collections.flaskstack.centos.plugins.module_utils._files import read
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_change import Change, apply
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_reload import (
    WAIT,
    take_over,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import (
    Tree,
    alone,
    clearing_up,
    lines_of,
    uninterrupted,
)

HOME = "/opt/certbot"
#: Its virtual environment, below: that is made anew with each version, what is beside it stays.
ENVIRONMENT = "venv"
#: Seconds for one certificate: the authority looks at each name, and may be asked again.
PATIENCE = 600.0


def describe_acme(home: str = HOME) -> Dict[str, Any]:
    """Return the version of certbot in an environment, and the certificates that it renews."""
    found = glob.glob(
        os.path.join(home, ENVIRONMENT, "lib/python3*/site-packages/certbot-*.dist-info")
    )
    version = os.path.basename(found[0])[len("certbot-") : -len(".dist-info")] if found else None
    renewed = glob.glob(os.path.join(home, "config/renewal/*.conf"))
    names = sorted(os.path.basename(path)[: -len(".conf")] for path in renewed)
    return {"certbot": version, "lineages": names}


class Lineage:
    """A certificate and its key as certbot has them, and as nginx does."""

    def __init__(self, tree: Tree, name: str, home: str = HOME) -> None:
        live = os.path.join(home, "config/live", name)
        self.tree, self.name = tree, name
        self.certificate = os.path.join(live, "fullchain.pem")
        self.key = os.path.join(live, "privkey.pem")
        #: Where it goes: path below the tree -> from where, and with which mode.
        self.copies = {
            f"tls/{name}.key": (self.key, 0o600),
            f"tls/{name}.crt": (self.certificate, 0o644),
        }

    def is_due(self) -> bool:
        """Tell whether nginx has not been given what certbot got, or has not taken it over."""
        for relative, (path, _) in self.copies.items():
            got = read(path)
            if got is None:
                return False
            if self.tree.is_pending(relative) or read(self.tree.current(relative)) != got:
                return True
        return False

    def is_used(self) -> bool:
        """Tell whether there is a site that serves it."""
        path = self.tree.current(f"conf.d/{self.name}.conf")
        return any(f"tls/{self.name}.crt" in line for line in lines_of(path))

    def is_good(self, domains: Sequence[str]) -> bool:
        """Tell whether certbot has one for these names that is far from its end."""
        about, faults = read_pair(self.certificate, self.key)
        return state_of({"kind": "acme", "names": domains}, about, faults) == "ok"

    def is_ending(self) -> bool:
        """Tell whether certbot's is near its end, or of no use."""
        about, faults = read_pair(self.certificate, self.key)
        names = about["names"] if about else []
        return state_of({"kind": "acme", "names": names}, about, faults) != "ok"

    def problem(self) -> str:
        """Return what keeps nginx from using it; empty if nothing does."""
        faults = read_pair(self.certificate, self.key)[1]
        return f"site '{self.name}', tls.acme: {faults[0]}" if faults else ""


def list_due(tree: Tree, home: str = HOME) -> List[str]:
    """Return the sites whose certificate nginx has not been given."""
    found = [Lineage(tree, name, home) for name in describe_acme(home)["lineages"]]
    return [lineage.name for lineage in found if lineage.is_used() and lineage.is_due()]


def deploy(tree: Tree, names: Sequence[str], home: str = HOME, wait: float = WAIT) -> List[str]:
    """Give nginx those of some certificates that differ from what it has; return which.

    Raises:
        Problem: nginx does not take them over, and has the old ones again; or one of them is of no
            use, after the others were given. Details are deployed.
    """
    with clearing_up(), alone(tree):
        due = [each for each in (Lineage(tree, name, home) for name in names) if each.is_due()]
        wrong = {each.name: each.problem() for each in due}
        good = [each for each in due if not wrong[each.name]]
        files = {
            relative: (read(path) or b"", mode)
            for each in good
            for relative, (path, mode) in each.copies.items()
        }
        if files:
            pairs = [
                {
                    "site": each.name,
                    "certificate": f"tls/{each.name}.crt",
                    "key": f"tls/{each.name}.key",
                    "key_names": ["tls.acme", "tls.acme"],
                }
                for each in good
            ]
            try:
                with uninterrupted():
                    apply(tree, Change(files, pairs=pairs))
                    take_over(tree, wait)
            except Problem as problem:
                raise Problem(
                    f"nginx goes on with the old certificates of {', '.join(e.name for e in good)};"
                    f" the timer nginx-acme tries again. {problem}"
                ) from None
    deployed = [each.name for each in good]
    if any(wrong.values()):
        raise Problem("\n".join(filter(None, wrong.values())), deployed=deployed)
    return deployed


def try_to_deploy(
    tree: Tree, names: Sequence[str], home: str, wait: float, failures: List[Dict[str, str]]
) -> List[str]:
    """Deploy certificates as deploy() does, and note among failures what does not work.

    Returns:
        The names of those that were deployed.
    """
    try:
        return deploy(tree, names, home, wait)
    except Problem as problem:
        failures.append({"site": "", "text": str(problem)})
        return list(problem.details.get("deployed", []))


def certbot(
    arguments: Sequence[str], home: str, ca_bundle: str, environment: Dict[str, str]
) -> Optional[str]:
    """Run certbot; return what it said if it failed.

    Args:
        arguments: of certbot, without that of its configuration.
        home: its environment.
        ca_bundle: the authorities to trust, where it is not certbot's own; empty otherwise.
        environment: more variables. They may be secret, and are on no command line.
    """
    variables = {"REQUESTS_CA_BUNDLE": ca_bundle} if ca_bundle else {}
    variables.update(environment)
    said = run(
        [os.path.join(home, ENVIRONMENT, "bin/certbot"), arguments[0]]
        + ["--config", os.path.join(home, "cli.ini")]
        + list(arguments[1:]),
        timeout=PATIENCE,
        check=False,
        env=variables,
    )
    return None if said.status == 0 else (said.stderr + "\n" + said.stdout).strip()


def obtain(
    tree: Tree,
    sites: Sequence[Dict[str, Any]],
    home: str = HOME,
    ca_bundle: str = "",
    environment: Optional[Dict[str, str]] = None,
    wait: float = WAIT,
    check: bool = False,
) -> Dict[str, Any]:
    """Get the certificates of sites that certbot does not have, and give nginx what it has not.

    Args:
        tree: what nginx reads.
        sites: name and domains of each.
        home: certbot's environment.
        ca_bundle: see certbot.
        environment: see certbot.
        wait: seconds for nginx to take them over.
        check: change nothing.

    Raises:
        Problem: the authority did not give one, or nginx did not take it, after all were tried.
            Details are issued, deployed and failures.
    """
    issued: List[str] = []
    failures: List[Dict[str, str]] = []
    for site in sites:
        name = site["name"]
        lineage = Lineage(tree, name, home)
        if lineage.is_good(site["domains"]):
            continue
        said, before = None, read(lineage.certificate)
        if not check:
            arguments = ["certonly", "--cert-name", name]
            arguments += ["--keep-until-expiring", "--renew-with-new-domains"]
            for domain in site["domains"]:
                arguments += ["-d", domain]
            said = attempt(arguments, home, ca_bundle, environment or {})
        if said is None:
            # Of one that lasts only days, certbot may keep what it has.
            if check or read(lineage.certificate) != before:
                issued.append(name)
        else:
            text = (
                f"site '{name}', tls.acme: the authority gave no certificate; the site is served"
                " with a self-signed one until it does. The names must lead to this host, and port"
                f" 80 must be open. In certbot's words: {said}"
            )
            failures.append({"site": name, "text": text})
    names = [site["name"] for site in sites]
    deployed: List[str] = []
    if check:
        due = [name for name in names if Lineage(tree, name, home).is_due()]
        deployed = [name for name in names if name in due + issued]
    else:
        deployed = try_to_deploy(tree, names, home, wait, failures)
    answer = {"changed": bool(issued or deployed), "issued": issued, "deployed": deployed}
    if failures:
        text = "\n".join(failure["text"] for failure in failures)
        raise Problem(text, failures=failures, **answer)
    return answer


def attempt(
    arguments: Sequence[str], home: str, ca_bundle: str, environment: Dict[str, str]
) -> Optional[str]:
    """Run certbot as certbot() does; that it took too long is what it said."""
    try:
        return certbot(arguments, home, ca_bundle, environment)
    except Problem as problem:
        return str(problem)


def forget(
    names: Sequence[str],
    home: str = HOME,
    ca_bundle: str = "",
    environment: Optional[Dict[str, str]] = None,
    check: bool = False,
) -> Dict[str, Any]:
    """Have certbot forget certificates that no site has any more; see obtain.

    Raises:
        Problem: it does not. Details are removed.
    """
    removed: List[str] = []
    for name in names:
        if name not in describe_acme(home)["lineages"]:
            continue
        said = None
        if not check:
            arguments = ["delete", "--cert-name", name]
            said = attempt(arguments, home, ca_bundle, environment or {})
        if said is not None:
            text = f"certbot did not forget the certificate '{name}'. In its words: {said}"
            raise Problem(text, removed=removed)
        removed.append(name)
    return {"changed": bool(removed), "removed": removed}


def renew(
    tree: Tree,
    names: Sequence[str],
    home: str = HOME,
    force: bool = False,
    wait: float = WAIT,
    check: bool = False,
) -> Dict[str, Any]:
    """Have certbot renew the certificates that are due, and give nginx what it got.

    Args:
        tree: what nginx reads.
        names: the sites; all that have one if there is none.
        home: certbot's environment.
        force: also those that last for long.
        wait: seconds for nginx to take them over.
        check: change nothing. What is due is certbot's to say, so this is as good as a guess.

    Raises:
        Problem: the authority did not give one, or nginx did not take it, after all were tried.
            Details are sites, renewed, deployed and failures.
    """
    found = [Lineage(tree, name, home) for name in describe_acme(home)["lineages"]]
    lineages = [one for one in found if one.is_used() and (not names or one.name in names)]
    renewed: List[str] = []
    failures: List[Dict[str, str]] = []
    for lineage in lineages:
        if check:
            if force or lineage.is_ending():
                renewed.append(lineage.name)
            continue
        before = read(lineage.certificate)
        said = renew_one(lineage.name, home, force)
        if said is not None:
            text = f"site '{lineage.name}': its certificate is not renewed. In certbot's words: "
            failures.append({"site": lineage.name, "text": text + said})
        elif read(lineage.certificate) != before:
            renewed.append(lineage.name)
    ours = [lineage.name for lineage in lineages]
    if check:
        deployed = [one.name for one in lineages if one.name in renewed or one.is_due()]
    else:
        deployed = try_to_deploy(tree, ours, home, wait, failures)
    answer = {
        "changed": bool(renewed or deployed),
        "sites": ours,
        "renewed": renewed,
        "deployed": deployed,
    }
    if failures:
        text = "\n".join(failure["text"] for failure in failures)
        raise Problem(text, failures=failures, **answer)
    return answer


def renew_one(name: str, home: str, force: bool) -> Optional[str]:
    """Have certbot renew one certificate, as the timer does; return what it said if it did not.

    In a unit, because the file of variables (a proxy with its password) is one for systemd.
    """
    command = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect"]
    command += [f"--property=EnvironmentFile=-{home}/environment"]
    command += ["--property=PrivateTmp=true", "--property=ProtectHome=true"]
    command += [os.path.join(home, ENVIRONMENT, "bin/certbot"), "renew"]
    command += ["--config", os.path.join(home, "cli.ini"), "--cert-name", name]
    command += ["--no-random-sleep-on-renew"] + (["--force-renewal"] if force else [])
    try:
        said = run(command, timeout=PATIENCE, check=False)
    except Problem as problem:
        return str(problem)
    if said.status == 0:
        return None
    # Without the rules that certbot draws.
    lines = (said.stderr + "\n" + said.stdout).splitlines()
    return "\n".join(line for line in lines if line.strip(" -")).strip()


def main(arguments: List[str]) -> int:
    """Give nginx the certificate that certbot has just got (RENEWED_LINEAGE), or all that are due.

    Args:
        arguments: none.
    """
    lineage = os.environ.get("RENEWED_LINEAGE", "").rstrip("/")
    tree, home = Tree(), HOME
    # Certbot asks each hook to be quiet about what went well.
    try:
        if lineage:
            # .../config/live/<site>
            home = os.path.dirname(os.path.dirname(os.path.dirname(lineage)))
            names = [os.path.basename(lineage)]
            names = [name for name in names if Lineage(tree, name, home).is_used()]
        else:
            names = list_due(tree, home)
        deploy(tree, names, home)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as error:
        print(describe(error), file=sys.stderr)
        return 1
    return 0
