"""Figure S2: the rule that picks the cases against a loop that does what its caption says, and the rows they are of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.outcomes import object_array
from mmr_core.splits import split_of
from mmr_core.studies import Unavailable
from mmr_plugins.studies.cases import (
    CHEAP,
    DEAR,
    NONE_CHEAP,
    RULE,
    CaseStudies,
    Routed,
    column_for,
    shown_weight,
)
from mmr_plugins.studies.cases import (
    test_instances as asked_of,
)

LEVELS = np.array([0.0, 0.4, 0.5, 1.0])


def rank_of(cost):
    order = sorted(range(cost.shape[1]), key=lambda j: (cost[:, j].mean(), j))
    return np.array([order.index(j) for j in range(cost.shape[1])])


def slow_cheap(utility, cost, chosen, best, rows):
    """Of the queries that went to a cheap model, right as the best single model, the one on which most was saved."""
    rank, found, most = rank_of(cost), None, 0.0
    for i, model in enumerate(chosen):
        saved = cost[i, best] - cost[i, model]
        both_right = utility[i, model] >= 0.5 and utility[i, best] >= 0.5
        if rows[i] and rank[model] < cost.shape[1] // 2 and both_right and saved > most:
            found, most = i, saved
    return found


def slow_dear(utility, cost, chosen, rows):
    """Of those sent to a dear model that was right where every cheaper one was wrong, the one with most of these."""
    rank, found, most = rank_of(cost), None, -1
    for i, model in enumerate(chosen):
        cheaper = [j for j in range(cost.shape[1]) if rank[j] < rank[model]]
        dear = rank[model] + 1 > (cost.shape[1] + 1) // 2
        needed = all(utility[i, j] < 0.5 for j in cheaper)
        if rows[i] and dear and needed and utility[i, model] >= 0.5 and len(cheaper) > most:
            found, most = i, len(cheaper)
    return found


@settings(deadline=None, max_examples=120)
@given(data=st.data(), models=st.integers(2, 6), instances=st.integers(1, 30), seed=st.integers(0, 10_000))
def test_the_rule_picks_what_its_caption_says(data, models, instances, seed, table):
    rng = np.random.default_rng(seed)
    made = table(models=models, instances=instances)
    # Few levels, so that equals are common.
    utility = LEVELS[rng.integers(0, 4, (instances, models))]
    cost = rng.integers(0, 4, (instances, models)).astype(float)
    chosen = rng.integers(0, models, instances)
    best = data.draw(st.integers(0, models - 1))
    rows = rng.random(instances) < 0.8
    routed = Routed(asked=replace(made, utility=utility, cost=cost), chosen=chosen, rank=rank_of(cost), best=best)
    assert routed.cheap_and_right(rows) == slow_cheap(utility, cost, chosen, best, rows)
    assert routed.dear_and_needed(rows) == slow_dear(utility, cost, chosen, rows)


def make(setting, **about):
    return setting(**{"routers": ("knn", "linear"), "instances": 400, **about})


def test_the_rows_are_the_complete_test_instances_in_canonical_order(setting):
    run = make(setting, missing=0.05)
    table = run.table
    expected = sorted(
        (table.dataset[i], table.instance_id[i])
        for i in range(len(table))
        if split_of(table.dataset[i], table.instance_id[i]) == "test"
        and not np.isnan([table.utility[i], table.cost[i]]).any()
    )
    asked = asked_of(table, run.widest)
    assert [*zip(asked.dataset, asked.instance_id, strict=True)] == expected
    assert len(asked) < 0.8 * len(table)


def test_the_choices_lie_beside_the_rows_that_they_were_made_for(setting, pretend):
    run = make(setting, missing=0.02)
    study = CaseStudies()
    (record,) = pretend(run, study.cells(run)).records
    place = shown_weight(record)
    routed = Routed.of(run.table, run.widest, record)
    everyone = np.arange(len(routed.chosen))
    assert routed.asked.cost[everyone, routed.chosen].mean() == pytest.approx(record.along.cost[place], rel=1e-12)
    assert routed.asked.utility[everyone, routed.chosen].mean() == pytest.approx(record.along.utility[place])
    shuffled = run.table.take(np.random.default_rng(0).permutation(len(run.table)))
    again = Routed.of(shuffled, run.widest, record)
    np.testing.assert_array_equal(again.asked.instance_id, routed.asked.instance_id)


def test_choices_follow_the_models_of_the_record_not_those_of_the_table(setting, pretend):
    run = make(setting)
    (record,) = pretend(run, CaseStudies().cells(run)).records
    backwards = run.table.take_models([model.name for model in run.table.models][::-1])
    one, two = (Routed.of(table, run.widest, record) for table in (run.table, backwards))
    np.testing.assert_array_equal(one.asked.utility, two.asked.utility)
    assert one.asked.models == two.asked.models


def test_choices_for_other_rows_are_refused(setting, pretend):
    run = make(setting)
    (record,) = pretend(run, CaseStudies().cells(run)).records
    with pytest.raises(ValueError, match="choices for"):
        Routed.of(run.table, run.datasets[0], record)
    with pytest.raises(ValueError, match="were not kept"):
        Routed.of(run.table, run.widest, replace(record, along=replace(record.along, choices=None)))


def test_the_weight_is_the_cheapest_as_good_as_the_best_single_model_or_else_the_peak(setting, pretend):
    run = make(setting)
    cells = list(CaseStudies().cells(run))
    (good,) = pretend(run, cells, lambda cell: 0.1).records
    reached = [g for g, u in enumerate(good.along.utility) if u >= good.within.best_utility - 1e-9]
    assert good.along.cost[shown_weight(good)] == min(good.along.cost[g] for g in reached)
    assert good.along.utility.max() > good.along.utility[shown_weight(good)]
    unreachable = replace(good, within=replace(good.within, best_utility=2.0))
    assert good.along.utility[shown_weight(unreachable)] == good.along.utility.max()


def test_each_scenario_shows_a_cheap_and_a_dear_case_with_everything_about_them(setting, pretend):
    run = make(setting)
    report = CaseStudies().report(run, pretend(run, CaseStudies().cells(run), lambda cell: 0.1))
    exhibit = report.exhibits[0]
    table = run.table
    where = {i: row for row, i in enumerate(table.instance_id)}
    lines = {(line.group, line.label): line.entries for line in exhibit.sheet.lines}
    assert {scenario for scenario, _ in exhibit.drawing.rows} == {"math", "ocr"}
    for scenario, cases in exhibit.drawing.rows:
        assert [case.heading for case in cases] == [CHEAP, DEAR]
        for case in cases:
            entries = lines[scenario, case.heading]
            row = where[entries[0].text]
            assert table.spec_of(table.dataset[row]).scenario == scenario
            assert split_of(table.dataset[row], table.instance_id[row]) == "test"
            assert case.question == table.question[row]
            assert case.image == table.image[row]
            facts = dict(case.facts)
            sent = next(j for j, m in enumerate(table.models) if m.title == entries[1].text)
            assert table.utility[row, sent] == 1
            assert facts["category"] == table.category[row]
            assert facts["sent to"] == f"{table.models[sent].title}, {table.cost[row, sent]:.2g} USD"
            right = [m.title for j, m in enumerate(table.models) if table.utility[row, j]]
            assert sorted(facts["right"].split(", ")) == right
            wrong = [m.title for j, m in enumerate(table.models) if not table.utility[row, j]]
            assert facts["wrong"] == "every other model" or sorted(facts["wrong"].split(", ")) == (wrong or ["none"])
            assert (facts["wrong"] == "every other model") == (len(right) == 1)
            if case.heading == DEAR:
                assert all(title >= table.models[sent].title for title in right)
            else:
                assert float(facts["saved"].split()[0]) > 0
    assert exhibit.caption == RULE


def test_a_scenario_without_a_case_is_a_gap_with_the_reason(setting, pretend, with_table):
    run = make(setting)
    utility = run.table.utility.copy()
    utility[run.table.dataset == "beta", :2] = 0.0  # on the second scenario no cheap model is ever right
    run = with_table(run, replace(run.table, utility=utility))
    report = CaseStudies().report(run, pretend(run, CaseStudies().cells(run), lambda cell: 0.1))
    scenario = run.table.spec_of("beta").scenario
    assert [(gap.what, gap.reason) for gap in report.gaps] == [(f"{scenario}, {CHEAP}", NONE_CHEAP)]
    rows = dict(report.exhibits[0].drawing.rows)
    assert [case.heading for case in rows[scenario]] == [DEAR]


def test_a_query_without_an_image_or_with_an_absent_file_shows_none(setting, pretend, tmp_path, with_table):
    run = make(setting, images=False)
    report = CaseStudies().report(run, pretend(run, CaseStudies().cells(run), lambda cell: 0.1))
    assert all(case.image is None for _, cases in report.exhibits[0].drawing.rows for case in cases)
    absent = with_table(run, replace(run.table, image=object_array([tmp_path / "gone.png"] * len(run.table))))
    report = CaseStudies().report(absent, pretend(absent, CaseStudies().cells(absent), lambda cell: 0.1))
    assert all(case.image is None for _, cases in report.exhibits[0].drawing.rows for case in cases)


def test_answers_are_shown_where_they_are_known_and_cut_where_they_are_long(setting, pretend, with_table):
    run = make(setting)
    n, models = run.table.utility.shape
    said = np.full((n, models), "word " * 100, dtype=object)
    run = with_table(run, replace(run.table, response=said))
    report = CaseStudies().report(run, pretend(run, CaseStudies().cells(run), lambda cell: 0.1))
    answer = dict(report.exhibits[0].drawing.rows[0][1][0].facts)["its answer"]
    assert answer.startswith("word word")
    assert answer.endswith("…")
    assert len(answer) <= 160


def test_a_scenario_outside_the_widest_column_is_looked_up_in_its_own_dataset(setting):
    run = setting(datasets=("alpha", "beta", "gamma"))
    narrow = replace(run.columns[-1], members=("alpha", "gamma"))
    run = replace(run, columns=(*run.columns[:-1], narrow))
    assert column_for(run, "math") == narrow
    assert column_for(run, "ocr") == run.table.spec_of("beta")
    assert [cell.test for cell in CaseStudies().cells(run)] == ["both", "beta"]
    assert all(cell.keep_choices for cell in CaseStudies().cells(run))


def test_without_a_scoring_router_or_without_a_record_there_are_no_cases(setting, pretend):
    with pytest.raises(Unavailable, match="no scoring router"):
        CaseStudies().cells(setting(routers=("random",)))
    run = make(setting)
    results = pretend(run, CaseStudies().cells(run), fails=lambda cell: True)
    with pytest.raises(Unavailable, match="it was told to fail"):
        CaseStudies().report(run, results)
