"""What a check is, and what comes of making it: one list of checks per kind, for pytest and for `mmr plugins check`.

A check looks at one demand of a contract. It returns a remark or nothing, raises `Broken` where the demand is not met,
and `NotApplicable` where it makes none of this component. Whatever else it raises came out of the component.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar
from unittest import SkipTest

from mmr_core.errors import MMRError

ENGINE = Path(__file__).parents[1]

Verdict = Literal["passed", "failed", "skipped"]
SubjectT = TypeVar("SubjectT", contravariant=True)


class Broken(AssertionError):
    """A demand that is not met.

    :param came: what the component did, in one clause.
    :param expected: what was due, where the check's own rule does not say it closely enough.
    """

    def __init__(self, came: str, *, expected: str = "") -> None:
        super().__init__(came, expected)
        self.came = came
        self.expected = expected


class NotApplicable(SkipTest):
    """A demand that is not made of this component, with the reason; pytest and unittest report a skipped test."""


@dataclass(frozen=True, kw_only=True)
class Check(Generic[SubjectT]):
    """One demand.

    :param name: stable across versions; words joined by hyphens.
    :param rule: the demand, in a sentence without its full stop.
    :param contract: where it is written: the dotted name of a class or module whose docstring says so.
    :param look: makes the check; gives a remark for the report, or None.
    """

    name: str
    rule: str
    contract: str
    look: Callable[[SubjectT], str | None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one check.

    :param expected, came: filled where it failed.
    :param note: a remark of a check that passed, or why one was skipped.
    :param seconds: by the wall clock.
    :param details: the component's own traceback, where it raised something.
    """

    name: str
    rule: str
    contract: str
    verdict: Verdict
    seconds: float
    expected: str = ""
    came: str = ""
    note: str = ""
    details: str = ""

    def explanation(self) -> str:
        """What was expected, what came, and where the contract is written, a line each."""
        return f"expected: {self.expected}\ncame: {self.came}\ncontract: {self.contract}"

    def as_dict(self) -> dict[str, Any]:
        """The outcome as JSON has it."""
        return asdict(self)


def run_check(check: Check[SubjectT], subject: SubjectT) -> Outcome:
    """Makes one check; nothing that the component raises gets past this, an attempt to exit included."""
    started = time.perf_counter()
    verdict: Verdict = "failed"
    expected = came = note = details = ""
    try:
        note = check.look(subject) or ""
        verdict = "passed"
    except NotApplicable as reason:
        verdict, note = "skipped", str(reason)
    except Broken as broken:
        expected, came = broken.expected or check.rule, broken.came
    except MMRError as error:
        expected, came = check.rule, f"{type(error).__name__}: {error}"
        details = _own_traceback(error)
    except (Exception, SystemExit) as error:
        came = " ".join(f"{type(error).__name__}: {error}".split())
        expected, details = check.rule, _own_traceback(error)
    return Outcome(
        name=check.name,
        rule=check.rule,
        contract=check.contract,
        verdict=verdict,
        seconds=time.perf_counter() - started,
        expected=expected,
        came=came,
        note=note,
        details=details,
    )


def _own_traceback(error: BaseException) -> str:
    """The traceback from where the engine calls the component; empty where the component's code has no part in it."""
    step = error.__traceback__
    while step is not None and Path(step.tb_frame.f_code.co_filename).is_relative_to(ENGINE):
        step = step.tb_next
    return "" if step is None else "".join(traceback.format_exception(error.with_traceback(step), chain=False))
