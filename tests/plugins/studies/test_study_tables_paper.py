"""What the paper says, looked up, and whether a table's figures may be set against it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmr_core.specs import ModelSpec
from mmr_plugins.published import rows
from mmr_plugins.studies import paper

DUE = {row["dataset"]: int(row["instances"]) for row in rows("table_s1")}


@pytest.fixture(scope="module")
def generous(setting_of):
    """A setting with more instances of every dataset than the paper has, and the names of its ten models."""
    setting = setting_of(datasets=(*DUE, "gsm8k"), each=max(DUE.values()), models=10, routers=("knn",))
    models = tuple(ModelSpec(name=row["model"], title=row["title"]) for row in rows("table_s2"))
    return replace(setting, table=replace(setting.table, models=models))


@pytest.fixture(scope="module")
def papers_own(generous):
    """A setting whose table has the paper's datasets at their published sizes, and its ten models."""
    return only(generous, DUE)


def only(setting, counts):
    """The setting of so many instances of some datasets."""
    rows_of = [np.flatnonzero(setting.table.dataset == name)[:number] for name, number in counts.items()]
    return replace(setting, table=setting.table.take(np.concatenate(rows_of)))


def test_the_papers_own_table_is_comparable_and_nothing_is_said(papers_own):
    assert paper.is_comparable(papers_own)
    assert paper.remarks(papers_own) == ()
    assert paper.notes(papers_own) == ()


def test_synthetic_outcomes_are_never_comparable(papers_own):
    made = replace(papers_own, table=replace(papers_own.table, synthetic=True))
    (remark,) = paper.remarks(made)
    assert "synthetic" in remark
    assert paper.notes(made) == (paper.APART,)


def test_one_instance_less_is_not_the_papers_table(papers_own):
    (remark,) = paper.remarks(only(papers_own, {**DUE, "mathvision": 3039}))
    assert "3,039 instances of MathVision for the paper's 3,040" in remark
    assert "OCRBench" not in remark


def test_another_pool_is_not_the_papers_table(papers_own):
    fewer = papers_own.table.take_models([model.name for model in papers_own.table.models[:-1]])
    assert paper.differences_from_paper(replace(papers_own, table=fewer)) == (
        "its pool lacks 1 of the paper's 10 models",
    )
    strange = (*papers_own.table.models[:-1], ModelSpec(name="newcomer", title="Newcomer"))
    assert paper.differences_from_paper(replace(papers_own, table=replace(papers_own.table, models=strange)))[-1] == (
        "its pool has 1 that the paper does not have"
    )


def test_many_absent_datasets_are_counted_not_listed(setting_of):
    (remark,) = paper.remarks(setting_of(datasets=("mathvision",)))
    assert "no instance of OCRBench, SEED-Bench-2-Plus, MMStar and 3 more" in remark


def test_text_only_datasets_beside_the_papers_do_not_matter(generous):
    assert paper.is_comparable(only(generous, {**DUE, "gsm8k": 5}))


@pytest.mark.parametrize(
    ("router", "dataset", "metric", "value"),
    [
        ("linear-mf", "full", "nauc", 0.7042),
        ("knn", "ocrbench", "peak", 0.9150),
        ("best-single", "full", "nauc", 1.0),
        ("mlp-mf", "seedbench2plus", "qnc", 0.344),
        ("knn", "full", "qnc", float("inf")),
        ("oracle", "mmstar", "qnc", 3.61e-5),
        ("random", "ocrbench", "peak", None),
        ("linear", "ocrbench", "nauc", None),
        ("knn", "gsm8k", "nauc", None),
    ],
)
def test_published_figures_are_found_by_router_and_dataset(router, dataset, metric, value):
    assert paper.published_figure(router, dataset, metric) == value


def test_every_figure_of_tables_2_and_s4_is_shown_once():
    columns = tuple(dict.fromkeys(row["dataset"] for row in rows("table2")))
    for table, metric in (("table2", "nauc"), ("table2", "peak"), ("table_s4", "qnc")):
        lines = paper.published_lines(table, metric, columns)
        shown = [entry.value for line in lines for entry in line.entries if entry.value is not None]
        if metric == "qnc":
            due = [float(value) for row in rows(table) for name, value in row.items() if name != "router"]
        else:
            due = [float(row[metric]) for row in rows(table) if row[metric]]
        assert sorted(shown) == sorted(due)
        assert all(line.published for line in lines)


def test_a_table_without_published_datasets_gets_no_published_line():
    assert paper.published_lines("table2", "nauc", ("gsm8k", "elsewhere")) == ()


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5, "0.500"), (0.0123, "0.012"), (0.00262, "0.0026"), (2.55e-5, "0.000025"), (0.0, "0.000"), (12.0, "12.000")],
)
def test_small_figures_keep_two_significant_digits(value, shown):
    assert f"{value:.{paper.decimals(value, least=3)}f}" == shown


def test_published_figures_keep_the_digits_they_were_published_with():
    lines = paper.published_lines("table_s4", "qnc", ("ocrbench", "seedbench2plus", "full"))
    oracle = next(line for line in lines if line.label == "oracle")
    assert [f"{entry.value:.{entry.digits}f}" for entry in oracle.entries] == ["0.920", "0.0000255", "0.00262"]
    (area,) = [line.entries[0] for line in paper.published_lines("table2", "nauc", ("full",)) if line.label == "knn"]
    assert f"{area.value:.{area.digits}f}" == "0.6950"


def test_figures_without_a_size_have_the_least_decimals():
    assert paper.decimals(None, least=3) == paper.decimals(float("inf"), least=3) == 3
