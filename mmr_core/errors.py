"""The one family of errors that MMR-Bench raises for things a person can act on.

Every error says what is wrong, where, and what to do, on one line. The command line prints that line and exits
with the error's `exit_code`; anything that is not an `MMRError` is a defect of the program and keeps its traceback.
"""

from __future__ import annotations

WORK_FAILED = 1
WRONG_USE = 2


class MMRError(Exception):
    """A failure with a place and a way out.

    :param what: what is wrong, in one clause.
    :param where: the file, column, row, plugin or option that it is wrong in.
    :param fix: what the reader can do about it.
    """

    exit_code = WORK_FAILED

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what, where, fix)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        way_out = f"; {self.fix}" if self.fix else ""
        return " ".join(f"{place}{self.what}{way_out}".split())

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), dict(vars(self)))


def _rebuild(kind: type[MMRError], parts: dict[str, str]) -> MMRError:
    return kind(**parts)


class UsageError(MMRError):
    """The command or function was asked for something that cannot be meant."""

    exit_code = WRONG_USE


class UnknownNameError(UsageError):
    """A name that no plugin provides, or that several do."""


class MissingExtraError(UsageError):
    """A component whose optional dependency is not installed."""


class SpecError(MMRError):
    """A dataset, model or component is described in a way that cannot be true."""


class PluginError(MMRError):
    """A plugin failed to load, or a component of it broke its contract.

    :param details: the plugin's own traceback, shown under the line.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "", details: str = "") -> None:
        super().__init__(what, where=where, fix=fix)
        self.details = details


class DataError(MMRError):
    """An outcome table, a file of one, or a store that is not what it should be."""


class FeatureError(MMRError):
    """Text or images that cannot be turned into features."""


class DegenerateError(MMRError):
    """A table on which a metric has no meaning: one model, equal costs, an empty split."""
