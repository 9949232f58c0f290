"""Reads each row's audit against what the honest rows of this very board reach, not against the constants alone.

The built-in routers that were reproduced here are honest by construction. Where features say more than those that the
limits were calibrated on, they show it, and the limits rise to what they reach; they never fall.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmr_leaderboard.audit.limits import SIGNIFICANT
from mmr_leaderboard.running.verdict import Verdict

EXCESSES = {"excess-residual": "residual", "excess-permutation": "permutation"}
"""Flags that are read against the range of honest rows, and the statistic that each looks at."""


def read_against(verdict: Verdict, honest: Sequence[Verdict]) -> Verdict:
    """The verdict with limits raised to the range of honest rows, and the flags that are left then.

    :param honest: verdicts on built-in routers, without the one that is read; those that a placebo blocks do not
        count.
    """
    statistics, flags = dict(verdict.statistics), list(verdict.flags)
    for code, name in EXCESSES.items():
        limit, share, error = (statistics.get(key) for key in (f"limits_{name}", f"{name}_share", f"{name}_error"))
        if limit is None or share is None or error is None:
            continue
        reached = [one.statistics.get(f"{name}_share") for one in honest if "placebo-skill" not in one.flags]
        raised = max([limit, *(value for value in reached if value is not None)])
        statistics[f"limits_{name}"] = raised
        if code in flags and share - SIGNIFICANT * error <= raised:
            flags.remove(code)
    return verdict.model_copy(update={"statistics": statistics, "flags": tuple(flags)})
