"""A check, its outcome, and how to run it; used by pytest and by `mmr plugins check` alike.

A check tests one requirement of a contract. It returns a remark or None, raises `Broken` if the requirement is not met,
and `NotApplicable` if it does not apply to this component. Any other exception came from the component.
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
    """A requirement that is not met.

    :param came: what the component did, in one clause.
    :param expected: what it should have done, if the check's rule is not specific enough.
    """

    def __init__(self, came: str, *, expected: str = "") -> None:
        super().__init__(came, expected)
        self.came = came
        self.expected = expected


class NotApplicable(SkipTest):
    """A requirement that does not apply, with the reason; pytest and unittest report a skipped test."""


@dataclass(frozen=True, kw_only=True)
class Check(Generic[SubjectT]):
    """One requirement.

    :param name: stable across versions; words joined by hyphens.
    :param rule: the requirement, as a sentence without its full stop.
    :param contract: where it is documented: the dotted name of a class or module.
    :param look: runs the check; returns a remark for the report, or None.
    """

    name: str
    rule: str
    contract: str
    look: Callable[[SubjectT], str | None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of one check.

    :param expected, came: filled if it failed.
    :param note: a remark if it passed, the reason if it was skipped.
    :param seconds: by the wall clock.
    :param details: the component's own traceback, if it raised an exception.
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
        """What was expected, what came, and where the contract is documented, one line each."""
        return f"expected: {self.expected}\ncame: {self.came}\ncontract: {self.contract}"

    def as_dict(self) -> dict[str, Any]:
        """The outcome as JSON."""
        return asdict(self)


def run_check(check: Check[SubjectT], subject: SubjectT) -> Outcome:
    """Runs one check; catches everything that the component raises, including an attempt to exit."""
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
    """The traceback from where the engine calls the component; empty if the component's code is not part of it."""
    step = error.__traceback__
    while step is not None and Path(step.tb_frame.f_code.co_filename).is_relative_to(ENGINE):
        step = step.tb_next
    return "" if step is None else "".join(traceback.format_exception(error.with_traceback(step), chain=False))
