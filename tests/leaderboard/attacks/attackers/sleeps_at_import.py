"""A router whose import never ends."""

import time

time.sleep(10_000)
