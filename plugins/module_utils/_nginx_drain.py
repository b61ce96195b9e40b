"""Take a server out of all upstreams at once, or put it back.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import re
from typing import Any, Dict, List

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem
from ansible_collections.flaskstack.centos.plugins.module_utils._files import read_text
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_change import (
    Change,
    Files,
    announce,
    apply,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_reload import take_over
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_servers import (
    FILE,
    drained_of,
    is_ip,
    listing,
    mark,
    plain,
    servers_of,
)
from ansible_collections.flaskstack.centos.plugins.module_utils._nginx_tree import (
    HEADER,
    Tree,
    alone,
    clearing_up,
    site_of,
    uninterrupted,
)

NAME = re.compile(r"[0-9a-z]([0-9a-z._-]*[0-9a-z])?")


class Turn:
    """What is to become of the files.

    Attributes:
        addresses: those that are drained then.
        upstreams: those that have the address.
        files: what is to be written.
        touched: the files that have to do with it, whether they change or not.
    """

    def __init__(self, tree: Tree, address: str, drained: bool, header: str) -> None:
        wanted = plain(address)
        if not (is_ip(wanted) or NAME.fullmatch(wanted)):
            raise Problem(
                f"'{address}' is no address of a server; write it as 192.0.2.7 or 2001:db8::7, or"
                " as the host name that the servers have."
            )
        self.address = wanted
        found = set(drained_of(tree))
        after = found | {wanted} if drained else found - {wanted}
        self.addresses: List[str] = sorted(after)
        self.upstreams: List[str] = []
        #: Upstream -> its site, of those that would have no server left, and have one now.
        self.emptied: Dict[str, str] = {}
        self.files: Files = {}
        self.touched = [FILE]
        if after != found:
            self.files[FILE] = listing(self.addresses), 0o644
        for name in sorted(tree.with_servers(header)):
            text = read_text(tree.current(name))
            marked = mark(text, after)
            before, then = servers_of(text), servers_of(marked)
            for upstream, servers in then.items():
                if wanted not in [server.host for server in servers]:
                    continue
                self.touched.append(name)
                self.upstreams.append(upstream)
                had_some = not all(server.down for server in before[upstream])
                if had_some and all(server.down for server in servers):
                    self.emptied[upstream] = site_of(name) or ""
            if marked != text:
                self.files[name] = (marked.encode("utf-8"), 0o644)


def drain(
    tree: Tree,
    address: str,
    drained: bool,
    wait: float,
    force: bool = False,
    header: str = HEADER,
    check: bool = False,
) -> Dict[str, Any]:
    """Have nginx send no more requests to a server, or again.

    Requests in flight go on.

    Args:
        tree: what nginx reads.
        address: of the server, as the upstreams have it, without a port.
        drained: send it none; otherwise put it back.
        wait: seconds for nginx to take it over.
        force: also if an upstream has no other server left.
        header: what the first line of the sites' files holds.
        check: change nothing.

    Returns:
        drained, all addresses that are, upstreams, those that have this one, changed and diff.

    Raises:
        Problem: it is no address, the last server of an upstream, or nginx does not take it over.
    """
    with clearing_up(), alone(tree, change=not check):
        turn = Turn(tree, address, drained, header)
        if drained and turn.emptied and not force:
            raise Problem(last_server(turn), upstreams=turn.upstreams)
        answer = {"drained": turn.addresses, "upstreams": turn.upstreams, "diff": []}
        change = Change(turn.files)
        # Of a process that was killed, the files may be there and nginx not know of them.
        pending = any(tree.is_pending(name) for name in turn.touched)
        if turn.files and check:
            answer["diff"] = announce(tree, change)["diff"]
        elif turn.files or (pending and not check):
            with uninterrupted():
                if turn.files:
                    answer["diff"] = apply(tree, change)["diff"]
                take_over(tree, wait)
        return dict(answer, changed=bool(turn.files or pending))


def last_server(turn: Turn) -> str:
    """Return the sentence about upstreams that would have no server left."""
    places = [
        f"'{name}'" + f" (site '{site}')" * bool(site)
        for name, site in sorted(turn.emptied.items())
    ]
    many = len(places) > 1
    return (
        f"{turn.address} is the last server of upstream{'s' * many} {', '.join(places)} that gets"
        " requests, and each of them would be answered 502; put another one back first, or say"
        " nginx_drain_force: true."
    )
