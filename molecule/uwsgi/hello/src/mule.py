"""What uWSGI's mule runs: tells that it does."""

import os
import time

with open(os.path.join(os.environ["APP_SHARED"], "mule"), "a", encoding="utf-8") as file:
    file.write(os.environ["APP_RELEASE"] + "\n")
while True:
    time.sleep(60)
