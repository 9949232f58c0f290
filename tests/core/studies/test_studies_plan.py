"""Several studies at once: one that cannot be made, raises or breaks its contract leaves the others whole."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from mmr_core.plugins import Contribution, Discovery, Provider
from mmr_core.registry import Registry
from mmr_core.specs import ComponentSpec
from mmr_core.studies import Cell, Exhibit, Finding, Results, Setting, Sheet, StudyReport, Unavailable
from mmr_core.studies.plan import plan, report_studies

PROVIDER = Provider(plugin="studies", distribution="mmr-studies", version="1")


def exhibit(name: str) -> Exhibit:
    return Exhibit(name=name, title=name, caption="", sheet=Sheet(header=("router",), lines=()))


CLAIM = Finding(name="a claim", rule="above 0", holds=None, estimate=None, words="", published="in the paper")


class Good:
    title = "good"
    name = "good"

    def cells(self, setting: Setting) -> Any:
        return [Cell(test="alpha"), Cell(test="alpha", router="mean")]

    def report(self, setting: Setting, results: Results) -> Any:
        return StudyReport(exhibits=(exhibit(self.name),))


class NotHere(Good):
    def cells(self, setting: Setting) -> Any:
        raise Unavailable("there are no images", where="dataset 'alpha'")


class NothingMeasured(Good):
    def report(self, setting: Setting, results: Results) -> Any:
        raise Unavailable("nothing was measured")


class Claims(NotHere):
    claims = (CLAIM,)


class ClaimsAndFindsNothing(NothingMeasured):
    claims = (CLAIM,)


class ClaimsNonsense(Good):
    claims = ("it holds",)


class RaisesLate(Good):
    def cells(self, setting: Setting) -> Any:
        yield Cell(test="alpha")
        raise SystemExit("giving up\non two lines")


class RaisesInReport(Good):
    def report(self, setting: Setting, results: Results) -> Any:
        raise ZeroDivisionError("by nothing")


class NoCells(Good):
    def cells(self, setting: Setting) -> Any:
        return ["alpha"]


class NoReport(Good):
    def report(self, setting: Setting, results: Results) -> Any:
        return {"table": 1}


class NoStudy:
    title = "this has neither cells nor a report"


class Upwards(Good):
    name = "../report"


class Twice(Good):
    def report(self, setting: Setting, results: Results) -> Any:
        return StudyReport(exhibits=(exhibit("one"), exhibit("one")))


CLASSES = (
    Good,
    NotHere,
    NothingMeasured,
    Claims,
    ClaimsAndFindsNothing,
    ClaimsNonsense,
    RaisesLate,
    RaisesInReport,
    NoCells,
    NoReport,
    NoStudy,
    Upwards,
    Twice,
)


def without_library(name: str) -> None:
    raise ModuleNotFoundError("No module named 'heavy_library'", name="heavy_library")


@pytest.fixture
def found(monkeypatch) -> Registry:
    """A registry of the studies above, by their names in lower case.

    "again" is "good" once more, "bare" has no class, and "extra" needs a library that is not there.
    """
    module = types.ModuleType("toy_studies_of_a_test")
    module.__dict__.update({kind.__name__: kind for kind in CLASSES})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    heavy = types.ModuleType("heavy_studies_of_a_test")
    heavy.__dict__["__getattr__"] = without_library
    monkeypatch.setitem(sys.modules, heavy.__name__, heavy)
    named = {kind.__name__.lower(): kind.__name__ for kind in CLASSES}
    named |= {"again": "Good", "bare": "Missing"}
    contributions = [
        Contribution(
            word="study",
            provider=PROVIDER,
            spec=ComponentSpec(kind="study", name=name, target=f"{module.__name__}:{target}", summary=name),
        )
        for name, target in named.items()
    ]
    extra = ComponentSpec(
        kind="study", name="extra", target=f"{heavy.__name__}:Study", summary="", extra="more", needs="More"
    )
    contributions.append(Contribution(word="study", provider=PROVIDER, spec=extra))
    return Registry(Discovery(providers=(PROVIDER,), contributions=tuple(contributions), failures=()))


@pytest.fixture
def setting(found, table) -> Setting:
    own = table(instances=20, datasets=("alpha",))
    return Setting(table=own, columns=(own.spec_of("alpha"),), registry=found, routers=("mean",))


RESULTS = Results(records=())


def reasons(reported: Any) -> dict[str, str]:
    return {failure.study: failure.reason for failure in reported.failures}


def test_the_cells_of_all_studies_stand_in_their_order(found, setting):
    made = plan(["good", "again"], found, setting)
    assert [cell.router for cell in made.cells] == [None, "mean", None, "mean"]


def test_a_study_that_cannot_be_made_is_set_aside_with_its_reason(found, setting):
    made = plan(["nothere", "good", "nothingmeasured", "extra"], found, setting)
    reported = report_studies(made, setting, RESULTS)
    assert [name for name, _ in reported.reports] == ["good"]
    assert reported.unavailable["nothere"] == "dataset 'alpha': there are no images"
    assert reported.unavailable["nothingmeasured"] == "nothing was measured"
    assert "pip install 'mmr-studies[more]'" in reported.unavailable["extra"]
    assert reported.failures == ()


@pytest.mark.parametrize(
    ("study", "reason"),
    [
        ("raiseslate", "SystemExit: giving up on two lines"),
        ("raisesinreport", "ZeroDivisionError: by nothing"),
        ("nocells", "its cells(): expected Cell, got str"),
        ("noreport", "its report(): expected StudyReport, got dict"),
        ("nostudy", "expected a Study, got NoStudy; give it a title, cells() and report()"),
        ("upwards", "'../report' is not a valid exhibit name"),
        ("twice", "exhibit 'one' is already one of study 'twice'"),
        ("bare", "study 'mmr-studies/bare' cannot be made: AttributeError"),
    ],
)
def test_a_study_that_raises_or_breaks_its_contract_fails_alone(found, setting, study, reason):
    reported = report_studies(plan([study, "good"], found, setting), setting, RESULTS)
    assert [name for name, _ in reported.reports] == ["good"]
    assert reported.unavailable == {}
    assert reason in reasons(reported)[study]


def test_the_traceback_of_a_study_that_raised_is_kept(found, setting):
    reported = report_studies(plan(["raisesinreport"], found, setting), setting, RESULTS)
    assert "in report" in reported.failures[0].details


def test_cells_of_a_study_that_fails_are_not_run(found, setting):
    assert plan(["raiseslate", "nocells"], found, setting).cells == ()


def test_no_study_overwrites_the_exhibit_of_another(found, setting):
    reported = report_studies(plan(["good", "again"], found, setting), setting, RESULTS)
    assert [name for name, _ in reported.reports] == ["good"]
    assert reasons(reported)["again"].startswith("exhibit 'good' is already one of study 'good'")


def test_what_a_study_claims_is_an_open_finding_where_it_cannot_be_made(found, setting):
    done = report_studies(
        plan(["good", "claims", "claimsandfindsnothing", "nothere"], found, setting), setting, RESULTS
    )
    assert [name for name, _ in done.reports] == ["good", "claims", "claimsandfindsnothing"]
    assert set(done.unavailable) == {"claims", "claimsandfindsnothing", "nothere"}
    for name, report in done.reports[1:]:
        (finding,) = report.findings
        assert (finding.name, finding.rule, finding.published) == (CLAIM.name, CLAIM.rule, CLAIM.published)
        assert (finding.holds, finding.estimate) == (None, None)
        assert finding.words == f"It could not be tested: {done.unavailable[name]}."
        assert report.exhibits == ()


def test_a_claim_is_no_report_where_nothing_else_was_made(found, setting):
    assert report_studies(plan(["claims"], found, setting), setting, RESULTS).reports == ()


def test_a_claim_that_is_no_finding_is_a_failure_of_its_study(found, setting):
    (failure,) = plan(["claimsnonsense"], found, setting).failures
    assert "its claims: expected Finding, got str" in failure.reason
