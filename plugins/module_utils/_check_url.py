"""Ask for a URL several times, until one answer is not 200.

It runs on Python 3.6 and imports nothing of Ansible.
"""

import time
from typing import Any, Callable, Dict, Tuple

from ansible_collections.flaskstack.centos.plugins.module_utils._errors import Problem

OK = 200
#: The status of no answer, as Ansible has it.
NOTHING = -1
#: Seconds until it is asked again where there was no answer.
DELAY = 2

#: Asks once; returns the status, and what there is to say of it.
Fetch = Callable[[], Tuple[int, str]]


def check(fetch: Fetch, times: int, tries: int, during: float) -> Dict[str, Any]:
    """Ask until one answer is not 200, or so many were; return how many.

    Args:
        fetch: asks once.
        times: how many answers are to be 200.
        tries: how often to ask until there is an answer.
        during: seconds over which the questions are spread; more, if the answers take longer.

    Raises:
        Problem: one was not.
    """
    for answers in range(times):
        if answers:
            time.sleep(during / times)
        status, said = answer(fetch, tries)
        if status != OK:
            text = said if status == NOTHING else f"it answers with {status}."
            raise Problem(text, answers=answers, status=status)
    return {"changed": False, "answers": times, "status": OK}


def answer(fetch: Fetch, tries: int) -> Tuple[int, str]:
    """Ask until there is an answer; return the last one's status, and what there is to say."""
    for _ in range(tries - 1):
        status, said = fetch()
        if status != NOTHING:
            return status, said
        time.sleep(DELAY)
    return fetch()
