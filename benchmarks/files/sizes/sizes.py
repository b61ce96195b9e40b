"""An application that stands for others: it computes, waits as for a database, or does both.

The work is a number of steps and not a time: a machine that is busy must not do less of it.
"""

import os
import time

from flask import Flask, Response

#: As many steps as a core of the lab's machine makes in about a millisecond.
MILLISECOND = 12_000

NAME = os.environ.get("APP_NAME", "")

app = Flask(__name__)


def compute(milliseconds: int) -> int:
    """Do work that holds the interpreter's lock, and return something that depends on all of it."""
    total = 0
    for number in range(milliseconds * MILLISECOND):
        total = (total * 31 + number) % 1_000_003
    return total


@app.after_request
def sign(response: Response) -> Response:
    """Tell which of the applications on the host it was."""
    response.headers["X-Bench"] = NAME
    return response


@app.get("/plain")
def plain() -> dict:
    """Answer at once."""
    return {"answer": 42}


@app.get("/cpu")
def cpu() -> dict:
    """Compute for about 5 ms."""
    return {"answer": compute(5)}


@app.get("/io")
def io() -> dict:
    """Wait 50 ms, as for a database or another service."""
    time.sleep(0.05)
    return {"answer": 42}


@app.get("/mixed")
def mixed() -> dict:
    """Compute for about 2 ms and wait 20 ms."""
    answer = compute(2)
    time.sleep(0.02)
    return {"answer": answer}
