"""Several studies at once: the cells that they need together, and the report of each once the cells are measured.

A study that cannot be made here is set aside with its reason; one that raises, or breaks its contract, fails
alone. Nothing is measured or written here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from mmr_core.errors import MissingExtraError, MMRError, PluginError
from mmr_core.registry import Registry
from mmr_core.results import Cell, Results
from mmr_core.runner.measurement import reason_of, traceback_of
from mmr_core.runner.options import Setting
from mmr_core.studies.terms import Finding, Study, StudyReport, Unavailable

_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class StudyFailure:
    """A study that raised or broke its contract; the others go on.

    :param details: the traceback; empty where nothing was raised.
    """

    study: str
    reason: str
    details: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Planned:
    """A study with the cells it needs.

    :param name: as the registry finds it.
    """

    name: str
    study: Study
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What is to be measured, and for which studies.

    :param unavailable: studies that cannot be made here (of this table, or for lack of an extra), with the reason.
    :param claims: of these, by study, what they would have tested.
    """

    studies: tuple[Planned, ...]
    unavailable: Mapping[str, str] = field(default_factory=dict)
    claims: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    failures: tuple[StudyFailure, ...] = ()

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of all studies, in their order; what several need stands several times."""
        return tuple(cell for planned in self.studies for cell in planned.cells)


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyReports:
    """What came of the studies: reports by name, what could not be made, and what failed."""

    reports: tuple[tuple[str, StudyReport], ...]
    unavailable: Mapping[str, str]
    failures: tuple[StudyFailure, ...]


def plan(names: Sequence[str], registry: Registry, setting: Setting) -> Plan:
    """Asks each study for its cells.

    :param names: as the registry finds them.
    """
    planned: list[Planned] = []
    unavailable: dict[str, str] = {}
    claims: dict[str, tuple[Finding, ...]] = {}
    failures: list[StudyFailure] = []
    for name in names:
        with _alone(name, unavailable, failures):
            study = _created(name, registry)
            claims[name] = _claims(study)
            planned.append(Planned(name=name, study=study, cells=tuple(_demand_cells(study.cells(setting)))))
    return Plan(studies=tuple(planned), unavailable=unavailable, claims=claims, failures=tuple(failures))


def report_studies(made: Plan, setting: Setting, results: Results) -> StudyReports:
    """The report of each study of a plan.

    Exhibits become files, so a study whose exhibit has the name of an earlier study's, or a name that cannot be
    a file's, fails. What studies that cannot be made claim to test follows the reports of the others, as open findings.
    """
    reports: list[tuple[str, StudyReport]] = []
    unavailable = dict(made.unavailable)
    failures = list(made.failures)
    taken: dict[str, str] = {}
    for planned in made.studies:
        with _alone(planned.name, unavailable, failures):
            report = _checked(planned.name, planned.study.report(setting, results), taken)
            reports.append((planned.name, report))
            taken.update({exhibit.name: planned.name for exhibit in report.exhibits})
    if reports:
        reports += _open(made.claims, unavailable)
    return StudyReports(reports=tuple(reports), unavailable=unavailable, failures=tuple(failures))


def _open(
    claims: Mapping[str, tuple[Finding, ...]], unavailable: Mapping[str, str]
) -> Iterator[tuple[str, StudyReport]]:
    """Reports that hold only the findings that could not be tested, with the reason."""
    for name, reason in unavailable.items():
        if claims.get(name):
            words = f"It could not be tested: {reason}."
            findings = tuple(replace(claim, holds=None, estimate=None, words=words) for claim in claims[name])
            yield name, StudyReport(exhibits=(), findings=findings)


def _created(name: str, registry: Registry) -> Study:
    study = registry.studies.create(name)
    if not isinstance(study, Study):
        raise PluginError(f"expected a Study, got {type(study).__name__}", fix="give it a title, cells() and report()")
    return study


def _claims(study: Study) -> tuple[Finding, ...]:
    claims = tuple(getattr(study, "claims", ()))
    for claim in claims:
        if not isinstance(claim, Finding):
            raise PluginError(f"its claims: expected Finding, got {type(claim).__name__}")
    return claims


def _demand_cells(given: Iterable[object]) -> Iterable[Cell]:
    for cell in given:
        if not isinstance(cell, Cell):
            raise PluginError(f"its cells(): expected Cell, got {type(cell).__name__}")
        yield cell


def _checked(name: str, report: object, taken: Mapping[str, str]) -> StudyReport:
    if not isinstance(report, StudyReport):
        raise PluginError(f"its report(): expected StudyReport, got {type(report).__name__}")
    own: set[str] = set()
    for exhibit in report.exhibits:
        if not _FILE_NAME.fullmatch(exhibit.name):
            raise PluginError(
                f"{exhibit.name!r} is not a valid exhibit name", fix="use lower-case letters, digits, '.', '_' and '-'"
            )
        if exhibit.name in taken or exhibit.name in own:
            raise PluginError(
                f"exhibit {exhibit.name!r} is already one of study {taken.get(exhibit.name, name)!r}",
                fix="give it another name",
            )
        own.add(exhibit.name)
    return report


@contextmanager
def _alone(name: str, unavailable: dict[str, str], failures: list[StudyFailure]) -> Iterator[None]:
    """Keeps to itself what one study raises, with an entry where it belongs."""
    try:
        yield
    except (Unavailable, MissingExtraError) as error:
        unavailable[name] = str(error)
    except (Exception, SystemExit) as error:
        failures.append(StudyFailure(study=name, reason=reason_of(error), details=_trace(error)))


def _trace(error: BaseException) -> str:
    if isinstance(error, MMRError):
        return error.details if isinstance(error, PluginError) else ""
    return traceback_of(error)
