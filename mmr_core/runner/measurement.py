"""What can be measured on a column, and what comes of it where it fails.

A `Measurement` says who is fitted and what is read off; `mmr run`, `mmr savings` and studies each bring their own
`Reading`. `runner.tasks` carries measurements out, `runner.fingerprint` names them.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from mmr_core.errors import DataError, MMRError, PluginError
from mmr_core.runner.fit import Answer
from mmr_core.runner.measure import Yardsticks
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.prepare import Parted, Prepared


class Reading(Protocol):
    """What one caller reads off a router's answers, or of the reference rows. Small, and can be pickled."""

    validates: ClassVar[bool]
    """Whether routers are also fitted without the validation part, so that points can be chosen there."""

    @property
    def key(self) -> str:
        """All that the outcome depends on besides router, column and yardsticks."""

    def of_router(self, name: str, answers: Sequence[Answer], column: Prepared, yardsticks: Yardsticks) -> Any:
        """The outcome for a router's answers, one per seed; data that `runner.cell_cache` can keep."""

    def of_references(self, column: Parted, yardsticks: Yardsticks) -> Any:
        """The outcome for the reference rows."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What is measured on a column: a router, or the reference rows.

    :param router: as the registry finds it; None measures the references.
    :param parameters: what it is made with besides the seed. Of several sets each is fitted, and the operating points
        of all fits make one frontier.
    :param fusion: for a router that wants one; None means its own.
    """

    router: str | None
    reading: Reading
    parameters: tuple[Mapping[str, Any], ...] = ({},)
    seeds: tuple[int, ...] = (0,)
    fusion: str | None = None

    @classmethod
    def of(cls, entrant: Entrant, reading: Reading, options: Options) -> Measurement:
        """That of a router in a run."""
        return cls(
            router=entrant.name,
            reading=reading,
            parameters=(entrant.parameters,),
            seeds=options.seeds,
            fusion=options.fusion,
        )


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a task has no outcome.

    :param reason: what was raised, on one line.
    :param details: the traceback.
    :param unavailable: whether it cannot be had of this table or on this machine, as an error of ours says; otherwise
        something broke, or the data are to be mended.
    """

    reason: str
    details: str = ""
    unavailable: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """The failure that an exception means."""
        return cls(
            reason=reason_of(error),
            details=traceback_of(error),
            unavailable=isinstance(error, MMRError) and not isinstance(error, PluginError | DataError),
        )


def reason_of(error: BaseException) -> str:
    """What was raised, on one line."""
    reason = str(error) if isinstance(error, MMRError) else f"{type(error).__name__}: {error}"
    return " ".join(reason.split())


def traceback_of(error: BaseException) -> str:
    """The whole traceback, as Python prints it."""
    return "".join(traceback.format_exception(error))
