"""Found by Python when this folder is on PYTHONPATH: the process's wall clock is off by what the file says, in seconds.

The file may change while the process runs, as a clock that is stepped. The monotonic clock is left alone.
"""

import os
import time

_FILE = os.environ.get("FLOTILLA_TEST_CLOCK_FILE", "")
_time, _time_ns = time.time, time.time_ns


def _shift_s() -> int:
    try:
        with open(_FILE) as file:
            return int(file.read() or 0)
    except OSError:
        return 0


if _FILE:
    time.time = lambda: _time() + _shift_s()
    time.time_ns = lambda: _time_ns() + _shift_s() * 1_000_000_000
