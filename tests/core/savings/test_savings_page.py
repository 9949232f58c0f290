"""A page on savings as people and programs read it: sentences, tables, Markdown, CSV, JSON and the plot."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from mmr_core.render.numbers import cost_text, saving_text, usd
from mmr_core.render.plots.chart import figure_bytes
from mmr_core.render.plots.frontier import savings_figure
from mmr_core.render.savings_page import (
    FILES,
    long_savings_table,
    savings_markdown,
    savings_tables,
    with_summaries,
    write_savings,
)
from mmr_core.render.savings_summary import left_out, summary
from mmr_core.render.writers import csv_text
from mmr_core.results import Estimate, Savings

INFINITY = float("inf")


@pytest.fixture
def result(worthwhile, page):
    return page(worthwhile(), "per-topic", "contrary", "breaks")


def with_chosen(column, **estimates):
    """The column with other test figures at the recommended point."""
    name = column.recommended
    routers = tuple(
        replace(r, chosen={**r.chosen, "cost": replace(r.chosen["cost"], **estimates)}) if r.name == name else r
        for r in column.routers
    )
    return replace(column, routers=routers)


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (Estimate(value=0.569, low=0.531, high=0.62), "43.1 % [38.0, 46.9]"),
        (Estimate(value=1.12, low=0.9, high=1.3), "-12.0 % [-30.0, 10.0]"),
        (Estimate(value=13.7, low=12.0, high=15.0), "-1,270 % [-1,400, -1,100]"),
        (Estimate(value=0.9, low=0.8, high=INFINITY), "10.0 % [never, 20.0]"),
        (Estimate(value=INFINITY, low=0.8, high=INFINITY), "never"),
        (Estimate(value=None, reason="why"), "–"),
        (Estimate(value=1.0), "0.0 %"),
    ],
)
def test_a_saving_is_a_ratio_turned_round(ratio, shown):
    assert saving_text(ratio) == shown


def test_costs_are_told_per_thousand_queries():
    assert usd(0.001834) == "1.83"
    assert cost_text(Estimate(value=0.00183, low=0.00171, high=0.00195)) == "1.83 [1.71, 1.95]"
    assert cost_text(Estimate(value=INFINITY, low=0.1, high=INFINITY)) == "never"
    assert usd(None) == "–"


def test_the_summary_names_the_best_model_and_what_validation_chose(result):
    lines = "\n".join(summary(result.columns[0]))
    best = result.columns[0].best
    assert f"Best single model: {best}, utility" in lines
    assert "Recommended: router per-topic at trade-off weight" in lines
    assert "which played no part in that choice" in lines


def test_a_negative_saving_is_said_plainly(result):
    column = with_chosen(
        result.columns[0],
        ratio=Estimate(value=1.25, low=1.1, high=1.4),
        gain=Estimate(value=-0.05, low=-0.07, high=-0.03),
    )
    lines = "\n".join(summary(column))
    assert f"it saves nothing: it costs 25.0 % more than {column.best}" in lines
    assert "saving -25.0 % [-40.0, -10.0]" in lines
    assert "it is less accurate, so what validation promised did not hold" in lines


def test_a_saving_that_may_be_none_is_not_called_one(result):
    column = with_chosen(
        result.columns[0],
        ratio=Estimate(value=0.9, low=0.7, high=1.1),
        gain=Estimate(value=0.01, low=-0.01, high=0.02),
    )
    lines = "\n".join(summary(column))
    assert "not distinguishable from no saving" in lines
    assert "which is not distinguishable from no difference" in lines


def test_without_a_recommendation_it_says_which_model_to_use(result):
    column = replace(result.columns[0], recommended=None)
    assert f"Use {column.mark.model}." in "\n".join(summary(column))
    assert "no complete validation instance" in "\n".join(summary(replace(column, mark=None)))


def test_the_tables_say_which_figures_are_hindsight(result):
    chosen, frontier = savings_tables(result.columns[0], synthetic=True)
    assert "(synthetic)" in chosen.title
    assert "The test split played no part" in " ".join(chosen.notes)
    assert "hindsight" in " ".join(frontier.notes)
    assert [section.title for section in frontier.sections] == ["routers", "references"]
    assert len(chosen.sections[-1].rows) == 4


def test_the_page_escapes_names_and_names_failures(result):
    column = replace(result.columns[0], title="a|b", failures=result.failures)
    text = savings_markdown(replace(result, columns=(column,)))
    assert "## a\\|b" in text
    assert "router breaks failed: ValueError: no idea" in text
    assert "the cost of asking the router itself is not counted" in text
    assert left_out(column)


def test_the_document_gives_costs_per_thousand_and_names_what_is_infinite(result):
    contrary = result.columns[0].router("contrary")
    never = replace(contrary.against[0], cost=Estimate(value=INFINITY, low=0.002, high=INFINITY))
    column = replace(result.columns[0], routers=(replace(contrary, against=(never,)),), recommended=None)
    shown = replace(result, columns=(column,)).to_dict()
    cost = shown["columns"][0]["routers"][0]["against"][0]["cost"]
    assert (cost["value"], cost["low"], cost["infinite"]) == (None, 2.0, ["value", "high"])
    single = result.columns[0].singles[0]
    assert shown["columns"][0]["singles"][0]["cost"]["value"] == pytest.approx(single.cost.value * 1000)
    assert shown["unit"] == "USD per 1,000 queries"
    assert shown["schema_version"] == 1


def test_the_sheet_has_every_figure_in_long_form(result):
    rows = list(csv.DictReader(io.StringIO(csv_text(long_savings_table(result)), newline="")))
    single = result.columns[0].singles[0]
    (cost,) = [row for row in rows if (row["row"], row["at"], row["figure"]) == (single.name, "single", "cost")]
    assert float(cost["value"]) == pytest.approx(single.cost.value * 1000)
    assert {row["at"] for row in rows} == {"single", "chosen:cost", "chosen:quality", "frontier"}
    assert len(rows) == 4 * (4 + 2 * (2 + 1) + 2)


def test_the_plot_is_the_same_for_the_same_page_and_names_every_model_in_sight(result):
    first, second = (figure_bytes(savings_figure(result.columns[0], synthetic=True), "svg") for _ in range(2))
    assert first == second
    figure = savings_figure(result.columns[0])
    assert figure.axes[0].get_xlabel() == "USD per 1,000 queries"
    texts = {text.get_text() for text in figure.axes[0].texts}
    low, high = figure.axes[0].get_ylim()
    assert {single.name for single in result.columns[0].singles if low <= single.utility.value <= high} <= texts
    labels = [text.get_text().split()[0] for text in figure.legends[0].get_texts()]
    assert labels == ["per-topic", "contrary", "single", "constant", "oracle"]


def test_files_are_written_together_with_the_document_last(result, tmp_path):
    written = write_savings(result, tmp_path / "out")
    assert written[-1].name == "savings.json"
    assert {path.name for path in (tmp_path / "out").iterdir()} == set(FILES)
    read = Savings.from_disk(tmp_path / "out")
    assert read.to_json() == written[-1].read_text() == with_summaries(result).to_json()
    assert read.columns[0].summary == tuple(summary(result.columns[0]))
