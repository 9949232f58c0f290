"""docs/reproduce.md stays true: its study runs, and the studies, options and files that it names are there."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

from mmr_core.cli import main
from mmr_core.features import FeatureCache
from mmr_core.features.selection import FeatureChoice
from mmr_core.hookspecs import PROJECT
from mmr_core.plugins import Contribution, Discovery, Provider
from mmr_core.registry import Registry
from mmr_core.runner.grid import run_cells
from mmr_core.runner.options import Options
from mmr_core.runner.sources import Sources
from mmr_core.studies import Setting
from mmr_core.studies.plan import plan, report_studies

PAGE = (Path(__file__).parents[3] / "docs" / "reproduce.md").read_text()


@pytest.fixture
def found(monkeypatch) -> Registry:
    """The registry with the study of the page in it."""
    [source] = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    module = types.ModuleType("mmr_text_alone")
    exec(source, module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert hasattr(module.mmr_register_studies, f"{PROJECT}_impl")
    provider = Provider(plugin="text-alone", distribution="mmr-text-alone", version="1")
    specs = [Contribution(word="study", spec=spec, provider=provider) for spec in module.mmr_register_studies()]
    everyone = Registry.discover().discovery
    contributions = (*everyone.contributions, *specs)
    return Registry(Discovery(providers=everyone.providers, contributions=contributions, failures=()))


def test_the_study_of_the_page_runs(found, table, tmp_path):
    own = table(instances=200, datasets=("alpha",), images=True)
    setting = Setting(
        table=own, columns=(own.spec_of("alpha"),), registry=found, routers=("kmeans", "linear"), seeds=(0, 1)
    )
    planned = plan(["text-alone"], found, setting)
    sources = Sources(FeatureChoice(), found, view="multimodal", cache=FeatureCache(tmp_path))
    results = run_cells(planned.cells, setting, source_for=sources, options=Options(draws=10))
    reported = report_studies(planned, setting, results)
    assert reported.failures == ()
    [(_, report)] = reported.reports
    assert [line.label for line in report.exhibits[0].sheet.lines] == ["kmeans", "linear"]
    assert all(line.entries[0].low is not None for line in report.exhibits[0].sheet.lines)


def test_every_study_of_the_page_is_registered():
    registered = Registry.discover().studies.names()
    rows = re.findall(r"^\| (`.*?) \|", PAGE, flags=re.MULTILINE)
    named = re.findall(r"`([a-z0-9-]+)`", " ".join(rows))
    assert len(named) >= 14
    assert set(named) <= set(registered)


def test_every_option_of_the_page_exists(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    main(["reproduce", "--help"])
    options = capsys.readouterr().out
    for option in set(re.findall(r"--[a-z][a-z-]+", PAGE)):
        assert option in options, option
