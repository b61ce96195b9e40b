"""What the role asks of a host: the entry to the other modules of this directory.

The role puts all of them into one text, which makes modules of them again, and sends it to the
host's Python on standard input with the request behind it (__uwsgi_script in vars/main.yml):
nothing is installed, no version can be left behind, and the request is in no list of processes.
"""

import errno
import json
import sys
import traceback
from typing import Any, Dict

import releases
import routers
import status


def inspect(request: Dict[str, Any]) -> Dict[str, Any]:
    """Compare the host with what the role wants of it; change nothing."""
    found = releases.inspect(request)
    routed = routers.inspect(request)
    found["problems"] += routed.pop("problems")
    found.update(routed)
    found.update(status.inspect(request))
    return found


ACTIONS = {
    "inspect": inspect,
    "write": releases.write,
    "command": releases.command,
    "activate": releases.activate,
    "target": releases.target,
    "route": routers.route,
    "status": status.status,
    "metrics": status.metrics,
}


def main(text: str) -> int:
    """Do what a request, as JSON, asks for; print the answer as JSON, or say on stderr why not."""
    request = json.loads(text)
    try:
        print(json.dumps(ACTIONS[request["action"]](request)))
    except releases.Pending:
        return releases.ASK_AGAIN
    except releases.Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    except OSError as error:
        what = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
        print("{}: {}.".format(error.filename or request["action"], what), file=sys.stderr)
        return 1
    except Exception:
        # Caught here, because Python may show the line that calls this, with the request in it.
        traceback.print_exc()
        return 1
    return 0
