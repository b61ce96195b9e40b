"""The release command: notes that it ran, and fails if this version's does."""

import os
import sys

import behaviour

with open(os.environ["APP_SHARED"] + "/migrations", "a", encoding="utf-8") as file:
    file.write(behaviour.VERSION + "\n")
if behaviour.MIGRATION == "fails":
    sys.exit("cannot migrate: column is there already")
