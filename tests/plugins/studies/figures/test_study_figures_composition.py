"""Figure 3: the composition, beside the paper's counts."""

from __future__ import annotations

from mmr_core.studies import Results
from mmr_plugins.studies.composition import HERE, PAPER, Figure3


def exhibit(run):
    return Figure3().report(run, Results(records=())).exhibits[0]


def test_it_fits_nothing(setting):
    assert list(Figure3().cells(setting())) == []


def test_bars_count_the_instances_of_each_dataset_by_scenario(setting):
    run = setting(datasets=("alpha", "beta", "gamma"), instances=100)
    panels = exhibit(run).drawing.panels
    assert [panel.title for panel in panels] == ["math", "ocr"]
    assert panels[0].x.categories == ("Alpha", "Gamma")
    (bars,) = panels[0].series
    assert (bars.kind, bars.name) == ("bars", HERE)
    assert bars.y == (34.0, 33.0)
    assert panels[1].series[0].y == (33.0,)
    assert panels[0].y.high == panels[1].y.high


def test_the_papers_counts_stand_beside_ours_where_it_has_any(setting):
    run = setting(datasets=("mathvision", "own"), instances=60)
    by_title = {panel.title: panel for panel in exhibit(run).drawing.panels}
    paper = by_title["math"].series[1]
    assert (paper.name, paper.y, paper.reference) == (PAPER, (3040.0,), True)
    assert len(by_title["ocr"].series) == 1
    assert by_title["math"].y.high > 3040
    lines = {line.label: line for line in exhibit(run).sheet.lines if line.label != "all of the scenario"}
    assert [entry.value for entry in lines["Mathvision"].entries] == [30, 50.0, 3040]
    assert [entry.value for entry in lines["Own"].entries] == [30, 50.0, None]
    assert lines["all"].entries[0].value == 60
    assert lines["all"].entries[2].value == 10370


def test_scenarios_have_sums(setting):
    run = setting(datasets=("alpha", "beta", "gamma"), instances=100)
    sums = {line.group: line.entries for line in exhibit(run).sheet.lines if line.label == "all of the scenario"}
    assert sums["math"][0].value == 67
    assert sums["math"][1].value == 67.0
    assert sums["ocr"][0].value == 33
    assert sums["ocr"][2].value is None
