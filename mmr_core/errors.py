"""The one family of errors that MMR-Bench raises for problems that the user can fix.

Every error says on one line what is wrong, where, and what to do. The command line prints that line and exits with the
error's `exit_code`; any other exception is a bug in the program and keeps its traceback.
"""

from __future__ import annotations

WORK_FAILED = 1
WRONG_USE = 2


class MMRError(Exception):
    """An error with a place and a remedy.

    :param what: what is wrong, in one clause.
    :param where: the file, column, row, plugin or option concerned.
    :param fix: what the user can do about it.
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
    """The arguments of a command or function make no sense."""

    exit_code = WRONG_USE


class UnknownNameError(UsageError):
    """A name that no plugin provides, or that several plugins provide."""


class MissingExtraError(UsageError):
    """A component whose optional dependency is not installed."""


class SpecError(MMRError):
    """The description of a dataset, model or component contradicts itself."""


class PluginError(MMRError):
    """A plugin failed to load, or one of its components broke its contract.

    :param details: the plugin's own traceback, shown in addition.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "", details: str = "") -> None:
        super().__init__(what, where=where, fix=fix)
        self.details = details


class DataError(MMRError):
    """An outcome table, its file or a store is invalid."""


class FeatureError(MMRError):
    """Text or images that cannot be turned into features."""


class DegenerateError(MMRError):
    """A table for which a metric is undefined: one model, equal costs, an empty split."""
