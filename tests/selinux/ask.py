#!/usr/bin/python3
"""Ask a compiled policy what nginx gets; the answer is JSON.

    ask.py POLICY

It is run by the Python that has setools, which is seldom that of the tests.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from typing import Any

import setools

NGINX = "httpd_t"
#: Class and permissions that together are a thing that nginx does.
DEEDS = {
    "read": ("file", {"open", "read", "getattr"}),
    "follow": ("lnk_file", {"read"}),
    "pass": ("dir", {"search"}),
    "write_socket": ("sock_file", {"write"}),
    "connect_socket": ("unix_stream_socket", {"connectto"}),
    "listen_tcp": ("tcp_socket", {"name_bind"}),
    "listen_udp": ("udp_socket", {"name_bind"}),
    "connect_tcp": ("tcp_socket", {"name_connect"}),
    "limit": ("process", {"setrlimit"}),
    "capability": ("capability", {"sys_resource"}),
}


def types(target: Any) -> list[str]:
    """Return the names of the types that a rule is about."""
    if str(target) == "self":
        return [NGINX]
    return [str(one) for one in target.expand()]


def rules(policy: Any, security_class: str, permissions: set[str]) -> dict[str, list[str]]:
    """Return type -> the conditions under which nginx has all permissions; '' is always."""
    found = setools.TERuleQuery(
        policy,
        ruletype=["allow"],
        source=NGINX,
        tclass=[security_class],
        perms=permissions,
        perms_subset=True,
    ).results()
    out = defaultdict(set)
    for rule in found:
        try:
            # Else it holds while the condition does not.
            condition = ("" if rule.conditional_block else "not ") + str(rule.conditional)
        except AttributeError:
            condition = ""
        for name in types(rule.target):
            out[name].add(condition)
    return {name: sorted(conditions) for name, conditions in out.items()}


def main() -> None:
    """Print the answer."""
    policy = setools.SELinuxPolicy(sys.argv[1])
    answer = {name: rules(policy, *deed) for name, deed in DEEDS.items()}
    answer["booleans"] = {str(one): one.state for one in policy.bools()}
    answer["types"] = sorted(map(str, policy.types()))
    answer["files"] = types(policy.lookup_typeattr("file_type"))
    answer["ports"] = [
        [
            str(one.protocol).rsplit(".", maxsplit=1)[-1],
            one.ports.low,
            one.ports.high,
            str(one.context.type_),
        ]
        for one in policy.portcons()
    ]
    answer["services"] = {
        str(rule.target): str(rule.default)
        for rule in setools.TERuleQuery(
            policy, ruletype=["type_transition"], source="init_t", tclass=["process"]
        ).results()
        if str(rule.target) in ("bin_t", "usr_t", "lib_t", "httpd_exec_t")
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
