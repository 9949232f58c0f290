"""The one error of this room: what a submission asks for cannot be installed, and the code that says why."""

from __future__ import annotations

from mmr_core.errors import MMRError
from mmr_leaderboard.findings import CODES, Finding, finding


class EnvironmentRefused(MMRError):
    """A requirement or a wheel that is not installed. The fault is the submission's, and its row says so.

    :param code: one of stage "environment" in `mmr_leaderboard.findings`.
    :param where: the file or field, relative to the submission.
    :param examples: entries of the wheel, or other things that show it.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "", code: str, examples: tuple[str, ...] = ()) -> None:
        super().__init__(what, where=where, fix=fix or CODES[code].remedy)
        self.code = code
        self.examples = examples

    @property
    def finding(self) -> Finding:
        """What stands on the row."""
        return finding(self.code, self.where, self.what, self.examples)
