"""What became of an answer, as the kit's files say it: in the answer itself, or in what the judge logged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mmr_plugins.importers.vlmevalkit.tables import as_text

if TYPE_CHECKING:
    from mmr_plugins.importers.vlmevalkit.tables import Row

_NO_ANSWER = "Failed to obtain answer"
_RANDOM = "randomly generate one"
_RETRIES = re.compile(r"All \d+ retries failed")
_LOGS = ("log", "log_extract", "log_score")


def became(row: Row, utility: float | None, *, cut: bool) -> str:
    """The word for a row's cell.

    :param cut: whether the answer lost its end in the file; whoever judged it from there saw no more of it.
    """
    answer = as_text(row.get("prediction"))
    if _NO_ANSWER in answer:
        return "infer_failed"
    log = "\n".join(as_text(row.get(name)) for name in _LOGS)
    if _RANDOM in log:
        return "judge_random"
    if _RETRIES.search(log):
        return "judge_failed"
    if cut:
        return "truncated"
    if utility is None:
        return "unscored"
    return "ok" if answer.strip() else "empty"
