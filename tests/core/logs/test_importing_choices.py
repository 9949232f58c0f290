"""Where several records claim one cell, the person chooses; what is chosen is taken, and nothing is guessed."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmr_core.errors import UsageError
from mmr_core.logs.import_report import as_dict, coverage, question_line
from mmr_core.logs.log_importer import Inspection, import_log, inspect_log, notices_of

Write = Callable[..., Path]
Looks = Callable[..., Inspection]


def cell(instance: str = "1", model: str = "a", utility: float | None = 1.0, **more: Any) -> dict[str, Any]:
    return {"instance": instance, "model": model, "utility": utility, **more}


@pytest.fixture
def looks(importer: Any, context: Any) -> Looks:
    return lambda path, *select: inspect_log(importer, path, context, select=select)


def keys(seen: Inspection) -> list[str]:
    return [question.key for question in seen.open]


@pytest.mark.parametrize("axis", ["run", "judge", "filter", "metric", "scorer"])
def test_each_axis_is_asked_for_and_taken(write: Write, looks: Looks, context: Any, axis: str) -> None:
    path = write(cell("1", utility=1.0, **{axis: "x"}), cell("1", utility=0.0, **{axis: "y"}))
    seen = looks(path)
    assert keys(seen) == [axis]
    assert {"x": "1 cells, mean 1.0000", "y": "1 cells, mean 0.0000"}.items() <= dict(seen.open[0].candidates).items()
    line = question_line(seen.open[0])
    assert f"--select {axis}=x or --select {axis}=y" in line
    for value, utility in (("x", 1.0), ("y", 0.0)):
        chosen = looks(path, f"{axis}={value}")
        assert chosen.open == ()
        imported = import_log(chosen, context).assembled
        assert imported.table.utility[0, 0] == utility
        assert imported.origins("toy", "a").of("toy_1")[axis] == value  # type: ignore[union-attr, index]


def test_importing_what_is_open_is_an_error(write: Write, looks: Looks, context: Any) -> None:
    with pytest.raises(UsageError, match="something must be chosen first: judge"):
        import_log(looks(write(cell(judge="x"), cell(judge="y"))), context)


def test_an_axis_without_a_value_is_called_none(write: Write, looks: Looks, context: Any) -> None:
    path = write(cell(utility=0.0, judge="x"), cell(utility=1.0))
    assert list(looks(path).open[0].candidates) == ["x", "none"]
    assert import_log(looks(path, "judge=none"), context).assembled.table.utility[0, 0] == 1.0


def test_questions_are_as_wide_as_their_candidates_allow(write: Write, looks: Looks) -> None:
    both = [cell(model=m, dataset=d, judge=j) for m in "ab" for d in ("p", "q") for j in ("x", "y")]
    assert keys(looks(write(*both))) == ["judge"]
    by_dataset = [cell(model=m, dataset="r", judge=j) for m in "ab" for j in ("x", "z")]
    assert keys(looks(write(*by_dataset))) == ["judge:p", "judge:q", "judge:r"]
    by_model = [cell(model="c", dataset=d, judge=j) for d in "pr" for j in "uv"]
    assert "judge:p/a" in keys(looks(write(*by_model)))


def test_runs_differ_by_model_and_the_latest_can_be_had_for_all(write: Write, looks: Looks, context: Any) -> None:
    rows = [cell(model=m, run=f"{r}", utility=r % 2) for m, runs in (("a", (1, 2)), ("b", (3, 5))) for r in runs]
    path = write(*rows)
    assert keys(looks(path)) == ["run:a", "run:b"]
    for select in (["run=latest"], ["run=2", "run=5"], ["run:a=2", "run:b=5"], ["run:toy/a=2", "run:toy=5"]):
        seen = looks(path, *select)
        assert seen.open == ()
        np.testing.assert_array_equal(import_log(seen, context).assembled.table.utility, [[0.0, 1.0]])


def test_a_choice_leaves_alone_where_there_is_nothing_to_choose(write: Write, looks: Looks, context: Any) -> None:
    path = write(cell(filter="x"), cell(filter="y"), cell(dataset="other", filter="z", utility=0.5))
    seen = looks(path, "filter=x")
    assert seen.open == ()
    assert import_log(seen, context).assembled.table.utility.tolist() == [[1.0], [0.5]]


def test_a_narrower_choice_goes_before_a_wider_one(write: Write, looks: Looks, context: Any) -> None:
    path = write(*(cell(model=m, judge=j, utility=float(j == "x")) for m in "ab" for j in "xy"))
    table = import_log(looks(path, "judge=x", "judge:b=y"), context).assembled.table
    assert table.utility.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("select", "words"),
    [
        ("judge=z", "no judge 'z'.*there are: x, y"),
        ("judge:toy=z", "no judge 'z'"),
        ("judge:nowhere=x", "no dataset, model, or dataset/model 'nowhere'.*toy/a"),
        ("juge=x", "no 'juge' to select.*judge"),
        ("judge", "selects nothing"),
        ("judge=", "selects nothing"),
        ("repeat=7", "no repeat '7'"),
        ("duplicates=best", "no duplicates 'best'"),
        ("scale:toy=3", "given a scope"),
    ],
)
def test_a_choice_that_means_nothing_is_wrong_use(write: Write, looks: Looks, select: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        looks(write(cell(judge="x"), cell(judge="y")), select)


def test_repeats_are_averaged_or_one_is_taken(write: Write, looks: Looks, context: Any) -> None:
    path = write(
        *(cell("1", repeat=r, utility=u, cost=c) for r, u, c in ((1, 1.0, 2.0), (2, 0.0, None), (3, 0.5, 4.0))),
        *(cell("2", repeat=r, utility=u, status=s) for r, u, s in ((1, None, "infer_failed"), (2, 0.5, "ok"))),
        *(cell("3", repeat=r, status="infer_failed") for r in (1, 2)),
    )
    seen = looks(path)
    assert keys(seen) == ["repeat"]
    assert list(seen.open[0].candidates) == ["mean", "first", "1", "2", "3"]
    done = import_log(looks(path, "repeat=mean"), context).assembled
    np.testing.assert_allclose(done.table.utility[:, 0], [0.5, 0.5, np.nan])
    np.testing.assert_allclose(done.table.cost[:, 0], [3.0, np.nan, np.nan])
    origins = done.origins("toy", "a")
    assert origins is not None
    assert origins.repeat.tolist() == [0, 0, 0]
    assert origins.status.tolist() == ["ok", "ok", "infer_failed"]
    assert origins.row.tolist() == [1, 4, 6]
    first = import_log(looks(path, "repeat=first"), context).assembled.table.utility[:, 0]
    np.testing.assert_allclose(first, [1.0, np.nan, np.nan])
    third = import_log(looks(path, "repeat=3"), context).assembled.table
    assert third.instance_id.tolist() == ["toy_1"]
    assert third.utility.tolist() == [[0.5]]


REPEATS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.none() | st.floats(0, 1)), min_size=1)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=REPEATS)
def test_a_mean_is_that_of_a_plain_loop(
    importer: Any, context: Any, tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, float | None]]
) -> None:
    import json

    once = {(instance, repeat): utility for instance, repeat, utility in rows}
    folder = tmp_path_factory.mktemp("repeats")
    lines = [json.dumps(cell(str(i), utility=u, repeat=r)) for (i, r), u in once.items()]
    (folder / "x.toy").write_text("\n".join(lines))
    several = len({repeat for _, repeat in once}) > 1
    table = import_log(inspect_log(importer, folder, context, select=["repeat=mean"]), context).assembled.table
    for row, name in enumerate(table.instance_id):
        known = [u for (i, _), u in once.items() if f"toy_{i}" == name and u is not None]
        found = table.utility[row, 0]
        if not known:
            assert math.isnan(found)
        else:
            assert found == pytest.approx(sum(known) / len(known)) or not several


@pytest.mark.parametrize(("which", "utility"), [("first", 0.25), ("last", 0.75)])
@pytest.mark.parametrize("between", [0, 20])
def test_records_with_nothing_to_tell_them_apart_are_asked_about(
    write: Write, looks: Looks, context: Any, which: str, utility: float, between: int
) -> None:
    """Within one batch, and over several."""
    others = [cell(f"x{i}") for i in range(between)]
    path = write(cell(utility=0.25), *others, cell(utility=0.5), *others[:0], cell(utility=0.75))
    seen = looks(path)
    assert keys(seen) == ["duplicates"]
    assert "2 records more than cells" in question_line(seen.open[0])
    done = import_log(looks(path, f"duplicates={which}"), context).assembled
    row = done.table.instance_id.tolist().index("toy_1")
    assert done.table.utility[row, 0] == utility
    assert done.origins("toy", "a").of("toy_1")["row"] == (1 if which == "first" else between + 3)  # type: ignore[union-attr, index]


def test_instances_that_only_unchosen_records_have_are_left_out(write: Write, looks: Looks, context: Any) -> None:
    path = write(cell("1", judge="x"), cell("2", judge="y"))
    table = import_log(looks(path, "judge=y"), context).assembled.table
    assert table.instance_id.tolist() == ["toy_2"]


def test_an_importer_asks_its_own_questions_first(write: Write, looks: Looks, context: Any) -> None:
    path = write(cell(utility=50.0))
    (path / "scale.txt").touch()
    seen = looks(path)
    assert keys(seen) == ["scale"]
    assert question_line(seen.open[0]).endswith("add --select scale=...")
    assert as_dict(seen)["open"][0]["select"] == "scale"
    assert import_log(looks(path, "scale=100"), context).assembled.table.utility[0, 0] == 0.5


@pytest.mark.parametrize(("mean", "agrees"), [(0.5, True), (0.5004, True), (0.502, False), (1.0, False)])
def test_means_are_compared_with_the_kits_own(
    write: Write, looks: Looks, context: Any, mean: float, agrees: bool
) -> None:
    path = write(cell("1", utility=1.0), cell("2", utility=0.0), cell("3", utility=None))
    (path / "means.json").write_text(f'[{{"model": "a", "value": {mean}}}, {{"model": "b", "value": 1.0}}]')
    seen = looks(path)
    imported = import_log(seen, context)
    assert [(found.agrees, found.instances) for found in imported.agreements] == [(agrees, 2)]
    told = [line for line in notices_of(seen, imported) if "the kit's" in line]
    assert bool(told) != agrees
    if told:
        assert f"0.5000, is not the kit's {mean:.4f} in means.json (tolerance 0.001)" in told[0]


def test_a_mean_of_what_was_not_chosen_is_not_compared(write: Write, looks: Looks, context: Any) -> None:
    path = write(cell(judge="x", utility=0.0), cell(judge="y", category="c"))
    (path / "means.json").write_text(
        '[{"model": "a", "value": 0.0, "judge": "x"}, {"model": "a", "value": 1.0, "judge": "y", "category": "c"}]'
    )
    imported = import_log(looks(path, "judge=y"), context)
    assert [(found.category, found.agrees) for found in imported.agreements] == [("c", True)]


def test_coverage_counts_cells_not_records(write: Write, looks: Looks) -> None:
    path = write(
        *(cell(str(i), judge=j, cost=0.1 if i else None) for i in range(4) for j in "xy"),
        cell("0", "b", output_tokens=3),
    )
    seen = looks(path)
    columns, rows, left_out = coverage(seen)
    named = [dict(zip(columns, row, strict=True)) for row in rows]
    assert left_out == 0
    assert named[0] | {"cells": 4, "of": 4, "scored": "4", "costs": "3", "told apart by": "judge x, y"} == named[0]
    assert named[1] | {"cells": 1, "of": 4, "tokens": "1", "costs": "0", "told apart by": ""} == named[1]
    groups = as_dict(seen)["coverage"][0]["groups"]
    assert [group["judge"] for group in groups] == ["x", "y"]
    assert all(first["records"] == second["records"] for first, second in pairwise(groups))
