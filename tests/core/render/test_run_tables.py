"""Tables say the same everywhere, lose no number on a narrow screen, and take no name for markup."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mmr_core.numerics.metrics import METRICS
from mmr_core.render.numbers import CostUnit, interval, name, number, ratio, signed, significant, with_interval
from mmr_core.render.run_files import run_latex, run_page
from mmr_core.render.run_tables import (
    LONG_HEADER,
    REFERENCES,
    ROUTERS,
    SINGLE_MODELS,
    headline_table,
    long_table,
    run_tables,
    standings,
)
from mmr_core.render.terminal import show_tables
from mmr_core.render.writers import csv_text
from mmr_core.results import Estimate, Row, RunResult

INFINITY = float("inf")
ODD = ("[bold]x", "a|b", "50%_&{}$#~^\\<", "`*_code_*`", "x" * 60)


def printed(run: RunResult, width: int) -> str:
    screen = Console(width=width, file=io.StringIO(), color_system=None, force_terminal=False)
    show_tables(screen, run_tables(run))
    text = screen.file.getvalue()
    assert isinstance(text, str)
    return text


def with_row(run: RunResult, row: Row) -> RunResult:
    column = run.headline
    whole = replace(column.whole, rows=(row, *column.whole.rows[1:]))
    return replace(run, columns=(*run.columns[:-1], replace(column, whole=whole)))


@pytest.mark.parametrize("width", [60, 80, 120, 220])
def test_no_number_is_lost_on_a_narrow_terminal(result: Callable[..., RunResult], width: int) -> None:
    run = result(datasets=("alpha", "beta", "gamma"), mixture=True, models=4)
    text = printed(run, width)
    assert "…" not in text
    assert all(len(line) <= width for line in text.splitlines())
    for table in run_tables(run):
        for row in (row.texts for row in table.rows):
            for cell in row[1:]:
                assert cell in text, f"{cell} of {row[0]} at width {width}"


def test_one_narrow_table_becomes_several_with_the_names_in_each(result: Callable[..., RunResult]) -> None:
    run = result()
    assert printed(run, 200).count("oracle-cost-unaware") == 1
    assert printed(run, 80).count("oracle-cost-unaware") == 3


def test_long_names_are_folded_and_never_cut(result: Callable[..., RunResult]) -> None:
    text = printed(result(routers=("x" * 90, "dull")), 80)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    assert sum(len(run) for run in re.findall("x{5,}", text.split("nAUC log")[0])) >= 90


def test_rows_stand_by_nauc_within_routers_references_and_single_models(result: Callable[..., RunResult]) -> None:
    run = result(models=4, routers=("random", "dull", "wise", "worse"))
    groups = dict(standings(run.headline.whole.rows))
    assert list(groups) == [ROUTERS, REFERENCES, SINGLE_MODELS]
    assert {row.name for row in groups[ROUTERS]} == {"dull", "wise", "worse"}
    assert {row.name for row in groups[REFERENCES]} == {
        "oracle",
        "oracle-cost-unaware",
        "constant",
        "best-single",
        "random",
    }
    for rows in groups.values():
        values = [row.metrics["nauc"].value for row in rows]
        assert values == sorted(values, reverse=True)


def test_single_models_show_their_own_utility_and_cost_and_the_oracle_none(result: Callable[..., RunResult]) -> None:
    run = result()
    rows = {row.texts[0]: row.texts for row in headline_table(run.headline, synthetic=False).rows}
    best = next(model for model in run.headline.whole.models if model.name == run.headline.whole.best)
    assert rows[best.name][-2:] == rows["best-single"][-2:]
    assert rows[best.name][-2] == f"{best.utility:.3f}"
    assert rows["oracle"][-2:] == ("–", "–")
    chosen = run.headline.whole.row("wise").chosen["utility"].value
    assert rows["wise"][-2] == f"{chosen:.3f}"


def test_synthetic_data_are_called_so_in_every_title(result: Callable[..., RunResult]) -> None:
    run = result(datasets=("alpha", "beta"), synthetic=True)
    assert all("(synthetic)" in table.title for table in run_tables(run))
    page = run_page(run)
    assert all("synthetic" in line for line in page.splitlines() if line.startswith("## ") and "nAUC" in line)
    assert page.startswith("# Routing results (synthetic)")
    assert "(synthetic)" in run_latex(run)
    assert {row.texts[-1] for row in long_table(run).rows} == {"true"}
    assert "synthetic" not in printed(result(), 120)


def test_what_the_figures_mean_is_said_below_the_table(result: Callable[..., RunResult]) -> None:
    text = " ".join(printed(result(), 80).split())
    for explanation in ("0 = ignoring the query, 1 = oracle", "95 % bootstrap intervals", "USD per 1,000"):
        assert explanation in text


def test_the_best_router_is_compared_with_each_other_and_with_ignoring_the_query(
    result: Callable[..., RunResult],
) -> None:
    run = result(routers=("wise", "dull", "random"), instances=200)
    table = run_tables(run)[-1]
    assert "wise minus" in table.title
    rows = {row.texts[0]: row.texts[1:] for row in table.rows}
    assert [float(row[0]) for row in rows.values()] == sorted(float(row[0]) for row in rows.values())
    assert set(rows) == {"dull", "random", "constant"}
    nauc = {row.name: row.metrics["nauc"].value for row in run.headline.whole.rows}
    for other, (difference, ends, verdict) in rows.items():
        assert difference == signed(nauc["wise"] - nauc[other])
        low, high = (float(end) for end in ends.strip("[]").split(", "))
        assert (verdict == "undecided") == (low <= 0 <= high)
        if verdict != "undecided":
            assert verdict == ("better" if low > 0 else "worse")


def test_a_run_in_which_every_router_failed_still_has_its_references(result: Callable[..., RunResult]) -> None:
    run = result(routers=())
    assert "oracle" in printed(run, 80)
    assert "oracle" in run_page(run)


def test_a_router_named_like_a_reference_does_not_take_its_place(result: Callable[..., RunResult]) -> None:
    run = result(routers=("wise", "oracle", "constant"), datasets=("alpha", "beta"))
    for table in run_tables(run)[:2]:
        sections = {s.title: {row.texts[0]: row.texts[1:] for row in s.rows} for s in table.sections}
        for taken in ("oracle", "constant"):
            assert sections[ROUTERS][taken] != sections[REFERENCES][taken]


def test_infinity_is_a_sign_and_nothing_is_a_dash(result: Callable[..., RunResult]) -> None:
    run = result()
    row = run.headline.whole.rows[0]
    metrics = {
        **row.metrics,
        "qnc": Estimate(value=INFINITY, low=0.5, high=INFINITY),
        "nauc_log": Estimate(value=None, reason="no place for 0"),
    }
    run = with_row(run, replace(row, metrics=metrics))
    cells = headline_table(run.headline, synthetic=False).rows[0].texts
    at = {name: 1 + i for i, name in enumerate(METRICS)}
    assert cells[at["nauc_log"]] == "–"
    assert cells[at["qnc"]] == "∞ [0.500, ∞]"
    assert "∞" in printed(run, 80)
    assert r"$\infty$" in run_latex(run)


def test_odd_names_are_shown_as_they_are(result: Callable[..., RunResult]) -> None:
    run = result(routers=ODD, datasets=("alpha", "beta"))
    text = printed(run, 250)
    for odd in ODD:
        assert odd in text


def test_escape_codes_in_names_do_not_reach_the_terminal(result: Callable[..., RunResult]) -> None:
    run = result(routers=("\x1b[31mred\nline", "dull"))
    assert "\x1b" not in printed(run, 120)
    assert "\x1b" not in run_page(run) + run_latex(run)
    assert name("a\x1b\nb") == "a\ufffd\ufffdb"


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_markdown_tables_have_as_many_cells_as_their_header_whatever_the_names(
    result: Callable[..., RunResult],
) -> None:
    run = result(routers=ODD, datasets=("alpha", "beta"), mixture=True)
    tables = re.findall(r"(?:^\|.*\n)+", run_page(run), flags=re.MULTILINE)
    assert len(tables) == len(run_tables(run)) + 1
    for table in tables:
        lines = table.splitlines()
        assert set(cells_of(lines[1])) <= {":---", "---:"}
        assert len({len(cells_of(line)) for line in lines}) == 1
    assert r"a\|b" in tables[0]
    assert r"\[bold\]x" in tables[0]


def test_markdown_says_how_the_run_was_made_and_what_was_left_out(result: Callable[..., RunResult]) -> None:
    page = run_page(result(categories=True))
    for fact in ("digest of the table", "split of alpha", "seeds: 0, 1", "mmr-test/wise", "k=3"):
        assert fact in page
    for remark in ("needs PyTorch", "2 of 122 test instances", "model-0 2", "ValueError: no", "one thing to know"):
        assert remark in page


def test_latex_is_balanced_and_escapes_names(result: Callable[..., RunResult]) -> None:
    text = run_latex(result(routers=ODD))
    assert text.count(r"\begin{") == text.count(r"\end{") == 2
    bare = re.sub(r"\\[{}]", "", text.replace(r"\\", ""))
    assert bare.count("{") == bare.count("}")
    assert r"50\%\_\&\{\}\$\#\textasciitilde{}\textasciicircum{}\textbackslash{}\textless{}" in text
    body = [line.strip() for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in body} == {len(METRICS) + 2}
    assert not any(line.startswith("[") for line in body), "LaTeX would read an option"
    assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))


def test_the_latex_of_a_run_compiles_whatever_the_names_are(
    result: Callable[..., RunResult], compiled: Callable[[str], str]
) -> None:
    compiled(run_latex(result(routers=(*ODD, "[x]", "*", "中 é --"), draws=3)))


def test_csv_holds_every_figure_exactly(result: Callable[..., RunResult]) -> None:
    run = result(datasets=("alpha", "beta"), mixture=True, categories=True, routers=('quo"te, comma', "random"))
    text = csv_text(long_table(run))
    assert text.count("\r\n") == text.count("\n"), "lines end as RFC 4180 says"
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert tuple(rows[0]) == LONG_HEADER
    by_place = {tuple(row[key] for key in LONG_HEADER[:6]): row for row in rows}
    assert len(by_place) == len(rows), "no line occurs twice"
    for column in run.columns:
        for part in (column.whole, *column.slices):
            for row in part.rows:
                for metric, estimate in row.metrics.items():
                    line = by_place[column.dataset, part.name, part.kind, row.name, row.kind, metric]
                    assert [float(line[end]) for end in ("value", "low", "high")] == [
                        estimate.value,
                        estimate.low,
                        estimate.high,
                    ]
    assert ("", "all", "macro", "random", "router", "nauc") in by_place
    assert ("alpha", "alpha", "dataset", "model-0", "model", "cost") in by_place
    assert ("alpha", "alpha", "dataset", "random", "router", "chosen_cost") in by_place


def test_a_figure_without_value_is_empty_in_csv_and_keeps_its_reason(result: Callable[..., RunResult]) -> None:
    run = result()
    row = run.headline.whole.rows[0]
    run = with_row(run, replace(row, metrics={**row.metrics, "skill": Estimate(value=None, reason="no room")}))
    lines = csv.DictReader(io.StringIO(csv_text(long_table(run)), newline=""))
    line = next(line for line in lines if (line["row"], line["metric"]) == (row.name, "skill"))
    assert [line[key] for key in LONG_HEADER[6:10]] == ["", "", "", "no room"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.7012, "0.701"), (-0.0001, "0.000"), (-1.5, "-1.500"), (INFINITY, "∞"), (None, "–"), (float("nan"), "–")],
)
def test_metrics_have_three_decimals(value: float | None, text: str) -> None:
    assert number(value) == text


def test_tiny_ratios_keep_their_digits() -> None:
    assert ratio(0.000312) == "0.000312"
    assert ratio(48.12) == "48.1"
    assert ratio(INFINITY) == "∞"
    assert ratio(0.0) == "0"


def test_differences_have_a_sign() -> None:
    shown = [signed(value) for value in (0.0123, -0.0123, 0.0, 0.00001, -0.00001)]
    assert shown == ["+0.0123", "-0.0123", "0.0000", "0.0000", "0.0000"]


def test_an_interval_that_is_infinite_throughout_adds_nothing() -> None:
    assert with_interval(Estimate(value=INFINITY, low=INFINITY, high=INFINITY)) == "∞"
    assert interval(Estimate(value=0.5)) == ""
    assert with_interval(Estimate(value=0.5, low=0.25, high=0.75)) == "0.500 [0.250, 0.750]"


@given(st.floats(min_value=1e-9, max_value=1e9))
def test_significant_digits_are_within_half_a_step_of_the_value(value: float) -> None:
    text = significant(value)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.006, abs=0.5 if value >= 100 else 0)


@pytest.mark.parametrize(
    ("costs", "title", "shown"),
    [
        ([0.5, 1.0, 2.0], "USD per query", "1.00"),
        ([0.0001, 0.001, 0.1], "USD per 1,000 queries", "1.00"),
        ([2e-7, 1e-6, 1e-2], "USD per 1,000,000 queries", "1.00"),
        ([0.0, 0.0], "USD per query", "0"),
    ],
)
def test_costs_are_in_a_unit_that_can_be_read(costs: list[float], title: str, shown: str) -> None:
    unit = CostUnit.for_costs(costs)
    assert unit.title == title
    assert unit.show(costs[1]) == shown
    assert unit.show(None) == "–"
