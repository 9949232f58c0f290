"""What a standard job costs: seconds by the wall clock and memory, reported, with limits that only a runaway meets.

The limits are ten minutes and 8 GB more than before, on whatever machine this runs. They are not budgets: a router of
a second is better than one of a minute.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from mmr_core.testing.checks import Broken

SECONDS = 600.0
MEGABYTES = 8000.0


@dataclass(frozen=True, kw_only=True)
class Burden:
    """What one job took.

    :param megabytes: by how much the peak of the process's memory rose, in 10^6 bytes; 0 where an earlier peak was
        higher; None where the platform does not tell.
    """

    seconds: float
    megabytes: float | None

    def within_limits(self, job: str) -> str:
        """What the job took, in words.

        :raises Broken: if it was more than the limits.
        """
        memory = "memory not known" if self.megabytes is None else f"{self.megabytes:.0f} MB more at the peak"
        took = f"{self.seconds:.2f} s, {memory} ({job})"
        if self.seconds > SECONDS or (self.megabytes or 0.0) > MEGABYTES:
            raise Broken(took, expected=f"at most {SECONDS:.0f} s and {MEGABYTES:.0f} MB for {job}")
        return took


def measured(job: Callable[[], object]) -> Burden:
    """Does a job and measures it."""
    before, started = _peak(), time.perf_counter()
    job()
    seconds, after = time.perf_counter() - started, _peak()
    return Burden(seconds=seconds, megabytes=None if before is None or after is None else after - before)


def _peak() -> float | None:
    """The largest resident memory of this process so far, in 10^6 bytes."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
