"""What a study is: the cells it wants, and what it shows and concludes once they are measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mmr_core.errors import MMRError
from mmr_core.results import Cell, Estimate, Results
from mmr_core.runner.options import Setting
from mmr_core.studies.exhibits import Exhibit


class Unavailable(MMRError):
    """A study that cannot be made on this table, with the reason."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One claim, and whether it holds on this table.

    :param name: a short title, such as "multimodal signals matter".
    :param rule: the rule that decides, in a sentence.
    :param holds: None where it could not be tested; `words` then says why.
    :param estimate: the figure that the rule looks at, with its interval.
    :param words: the verdict in sentences, with the figures.
    :param published: what the paper reports, in words; "" where it reports nothing.
    """

    name: str
    rule: str
    holds: bool | None
    estimate: Estimate | None
    words: str
    published: str = ""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A part of an exhibit that this table cannot give, with the reason."""

    what: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class StudyReport:
    """All that a study shows.

    :param remarks: sentences for the head of the whole report; equal ones of several studies are printed once.
    """

    exhibits: tuple[Exhibit, ...]
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    remarks: tuple[str, ...] = ()


@runtime_checkable
class Study(Protocol):
    """A grid and what is made of it. Registered by `mmr_register_studies` as a `ComponentSpec` of kind "study".

    It may have `claims`, a tuple of the findings it tests, whose `holds` and `estimate` are None and whose `words` are
    empty: where it cannot be made, the report shows them as open, with the reason.
    """

    title: str

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """The cells it needs; those that several studies need are run once.

        :raises Unavailable: if nothing of it can be made on this table.
        """

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """The exhibits, made of the measured cells and of nothing else that was fitted.

        :raises Unavailable: if what was measured gives nothing to show.
        """
