"""The frontier plot shows what the metrics are read off, and stays legible on tables with sharp edges."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from mmr_core.errors import MissingExtraError
from mmr_core.numerics.metrics import CostRange, Frontier, frontier
from mmr_core.render.plots import chart as charts
from mmr_core.render.plots.axes import AxisScale
from mmr_core.render.plots.chart import figure_bytes
from mmr_core.render.plots.frontier import frontier_figure
from mmr_core.render.plots.labels import LABEL
from mmr_core.render.plots.palette import PALETTE, Palette, own_style
from mmr_core.render.plots.placement import Box, place_labels
from mmr_core.results import RunResult

ROUTERS = ("kmeans", "knn", "linear", "random")


def figure_of(run: RunResult, **options: Any) -> Figure:
    return frontier_figure(run.headline, synthetic=run.data.synthetic, **options)


def legend_of(figure: Figure) -> dict[str, Any]:
    """Legend handles by the name before the figure."""
    legend = figure.legends[0]
    return {
        text.get_text().rsplit("  ", 1)[0].strip(): handle
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }


def boxes_of(figure: Figure) -> dict[str, Box]:
    figure.draw_without_rendering()
    extents = {text: text.get_window_extent() for text in figure.axes[0].texts if text.get_gid() == LABEL}
    return {text.get_text(): Box(e.x0, e.y0, e.x1, e.y1) for text, e in extents.items()}


def colour_of(router: str) -> str:
    return PALETTE[own_style(router).colour]


def shrunk(box: Box, by: float = 1.0) -> Box:
    return Box(box.left + by, box.bottom + by, box.right - by, box.top - by)


@pytest.mark.parametrize(
    "kind",
    [
        {"models": 2},
        {"models": 12, "instances": 240},
        {"models": 12, "costs": [1e-6 * (1 + 1e-4 * j) for j in range(12)]},
        {"models": 6, "costs": [1e-6] * 5 + [1e-3]},
        {"models": 5, "costs": [0, 1e-6, 1e-5, 1e-4, 1e-3]},
        {"models": 3, "costs": [0, 1e-6, 1e-6]},
        {"models": 4, "utility": np.ones((120, 4))},
        {"models": 4, "utility": np.zeros((120, 4))},
        {"models": 3, "routers": ()},
        {"models": 3, "routers": ("random",)},
    ],
    ids=[
        "two",
        "twelve",
        "nearly equal",
        "one dear",
        "free",
        "free and flat",
        "all right",
        "all wrong",
        "none",
        "point",
    ],
)
def test_a_plot_is_drawn_and_no_label_covers_another(result: Callable[..., RunResult], kind: dict[str, Any]) -> None:
    run = result(**{"routers": ROUTERS, "draws": 3, **kind})
    for log_cost in (None, True, False):
        figure = figure_of(run, log_cost=log_cost)
        boxes = boxes_of(figure)
        assert len(boxes) == kind["models"], "every model is named"
        for one, other in combinations(boxes.values(), 2):
            assert not shrunk(one).overlaps(shrunk(other))
        frame = figure.axes[0].get_window_extent()
        for box in boxes.values():
            assert shrunk(box).within(Box(frame.x0, frame.y0, frame.x1, frame.y1))
    assert figure_bytes(figure, "png").startswith(b"\x89PNG")
    assert b"</svg>" in figure_bytes(figure, "svg")


def test_the_lines_are_the_frontiers_that_nauc_is_read_off(result: Callable[..., RunResult]) -> None:
    run = result(routers=("wise",), instances=300, models=6)
    whole = run.headline.whole
    curve = whole.row("wise").curves[0]
    expected = frontier(curve.cost, curve.utility, whole.within)
    for log_cost in (True, False):
        axes = figure_of(run, log_cost=log_cost).axes[0]
        colour = colour_of("wise")
        line = next(line for line in axes.lines if line.get_color() == colour and len(line.get_xdata()) > 1)
        x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        assert x[[0, -1]] == pytest.approx([whole.within.low, whole.within.high])
        assert y == pytest.approx(np.interp(x, expected.cost, expected.utility))
        assert np.interp(expected.cost, x, y) == pytest.approx(expected.utility)


def test_a_large_marker_stands_at_the_point_chosen_on_validation(result: Callable[..., RunResult]) -> None:
    run = result(routers=("wise",))
    chosen = run.headline.whole.row("wise").chosen
    points = [line.get_xydata()[0].tolist() for line in figure_of(run).axes[0].lines if len(line.get_xdata()) == 1]
    assert [chosen["cost"].value, chosen["utility"].value] in points


def test_references_are_in_the_plot_and_its_legend(result: Callable[..., RunResult]) -> None:
    legend = legend_of(figure_of(result(routers=ROUTERS)))
    assert {"oracle", "constant", "random", "single models"} < set(legend)
    assert legend["oracle"].get_color() == legend["constant"].get_color()
    assert legend["oracle"].get_linestyle() == "--"


def test_a_router_has_one_colour_in_every_figure_however_many_rows_it_has(result: Callable[..., RunResult]) -> None:
    few = legend_of(figure_of(result(routers=("knn", "mine"))))
    many = legend_of(figure_of(result(routers=(*(f"router-{i}" for i in range(30)), "mine", "random", "knn"), draws=1)))
    for name in ("knn", "mine"):
        assert few[name].get_color() == many[name].get_color() == colour_of(name)


def test_routers_of_one_colour_differ_in_dashes_and_markers() -> None:
    names = [f"router-{i}" for i in range(100)]
    styles = Palette.of(names).styles
    assert len(set(styles.values())) == len(names)
    assert all(styles[name].colour == own_style(name).colour for name in names)
    for colour in range(len(PALETTE)):
        own = [style for style in styles.values() if style.colour == colour][:5]
        assert len({style.dash for style in own}) == len({style.marker for style in own}) == len(own)


def test_the_cost_axis_is_logarithmic_where_one_model_is_far_dearer(result: Callable[..., RunResult]) -> None:
    def scale(costs: Sequence[float], log_cost: bool | None = None) -> str:
        return str(figure_of(result(costs=costs), log_cost=log_cost).axes[0].get_xscale())

    assert scale([1, 2, 20]) == "linear"
    assert scale([1, 2, 1000]) == "log"
    assert scale([0, 1, 2]) == "linear"
    assert scale([0, 1, 1000]) == "symlog"
    assert scale([1, 2, 20], log_cost=True) == "log"
    assert scale([1, 2, 1000], log_cost=False) == "linear"


def test_an_oracle_far_above_leaves_the_plot_and_says_how_far(result: Callable[..., RunResult]) -> None:
    rng = np.random.default_rng(0)
    lottery = (rng.random((120, 8)) < 0.15).astype(float)
    run = result(models=8, utility=lottery, routers=("kmeans",), costs=[1, 2, 3, 4, 5, 6, 7, 8])
    axes = figure_of(run).axes[0]
    peak = run.headline.whole.row("oracle").metrics["peak"].value
    assert axes.get_ylim()[1] < peak
    assert f"↑ oracle, up to {peak:.3f}" in [text.get_text() for text in axes.texts]


def test_a_router_named_like_a_reference_is_drawn_beside_it(result: Callable[..., RunResult]) -> None:
    figure = figure_of(result(routers=("oracle", "constant")))
    colours = [line.get_color() for line in figure.axes[0].lines if len(line.get_xdata()) > 1]
    assert {colour_of("oracle"), colour_of("constant")} < set(colours)


def test_a_single_model_far_below_stands_at_the_edge_with_its_utility(result: Callable[..., RunResult]) -> None:
    utility = np.column_stack([np.tile([1, 1, 1, 0], 30), np.tile([1, 1, 1, 1, 0], 24), np.zeros(120)])
    run = result(models=3, utility=utility, costs=[1, 2, 3], routers=("kmeans",))
    figure = figure_of(run)
    assert figure.axes[0].get_ylim()[0] > 0
    assert "Model 2 (0.000)" in boxes_of(figure)


def test_synthetic_data_are_called_so_inside_the_axes_and_in_the_title(result: Callable[..., RunResult]) -> None:
    run = result(synthetic=True)
    axes = figure_of(run).axes[0]
    assert "synthetic data" in [text.get_text() for text in axes.texts]
    assert "(synthetic)" in axes.get_title(loc="left")
    assert "synthetic data" in [text.get_text() for text in figure_of(run, title="My title").axes[0].texts]
    assert not any("synthetic" in text.get_text() for text in figure_of(result()).axes[0].texts)


def test_names_for_which_there_is_no_room_are_left_out_the_ends_last(result: Callable[..., RunResult]) -> None:
    utility = np.tile([[1.0], [0.0]], (30, 150))
    run = result(models=150, instances=60, utility=utility, costs=[1.0] * 150, routers=("wise",), draws=1)
    whole = run.headline.whole
    boxes = boxes_of(figure_of(run))
    assert 20 < len(boxes) < 150
    titles = {model.name: model.title for model in whole.models}
    assert {titles[whole.best], titles[whole.cheapest], titles[whole.dearest]} <= set(boxes)
    assert not any(one.overlaps(other) for one, other in combinations([shrunk(b) for b in boxes.values()], 2))


@pytest.mark.parametrize("odd", ["$x^2$", "$broken", "_hidden", "<b>&</b>", "[bold]", "x" * 200, "a\nb\x1b"])
def test_odd_names_are_drawn_and_not_taken_for_formulas(result: Callable[..., RunResult], odd: str) -> None:
    run = result(routers=(odd, "knn"))
    column = run.headline
    models = tuple(replace(model, title=odd) for model in column.whole.models)
    run = replace(run, columns=(replace(column, title=odd, whole=replace(column.whole, models=models)),))
    figure = figure_of(run)
    assert len(legend_of(figure)) == 5
    assert figure_bytes(figure, "svg")
    assert figure.axes[0].get_window_extent().width > figure.bbox.width / 3


def test_figures_have_no_global_state_and_can_be_drawn_at_once(result: Callable[..., RunResult]) -> None:
    run = result(routers=ROUTERS)
    once = figure_bytes(figure_of(run), "svg")
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: figure_bytes(figure_of(run), "svg"), range(4)))
    assert drawn == [once] * 4
    assert "matplotlib.pyplot" not in sys.modules


def test_without_matplotlib_the_extra_is_named(
    result: Callable[..., RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = result()
    monkeypatch.setattr(charts.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mmr-bench\[plots\]'"):
        figure_of(run)


def test_a_straight_frontier_is_sampled_where_a_logarithmic_axis_bends_it() -> None:
    within = CostRange(low=1.0, high=1000.0, floor=0.0, best_cost=1000.0, best_utility=1.0)
    line = Frontier(cost=np.array([1.0, 1000.0]), utility=np.array([0.0, 1.0]))
    x, y = AxisScale.for_costs(within, [1.0, 1000.0], None).samples(line)
    assert len(x) > 100
    assert np.max(np.diff(np.log(x))) < 0.1
    assert y == pytest.approx((x - 1) / 999)


def test_the_utility_axis_keeps_differences_of_rounding_small() -> None:
    flat = np.array([0.5, 0.5])
    axis = AxisScale.for_lines([flat], [0.5], [("oracle", flat)])
    assert axis.high - axis.low >= 0.02
    assert not axis.beyond


coordinates = st.floats(0, 500)


@settings(deadline=None, max_examples=60)
@given(
    points=st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=25),
    width=st.floats(10, 120),
    taken=st.lists(st.tuples(coordinates, coordinates), max_size=4),
)
def test_placed_labels_overlap_nothing_and_stay_inside(
    points: list[tuple[float, float]], width: float, taken: list[tuple[float, float]]
) -> None:
    bounds = Box(0, 0, 500, 500)
    occupied = [Box(x, y, x + 30, y + 10) for x, y in taken]
    sizes = [(width, 12.0)] * len(points)
    placed = place_labels(np.array(points), sizes, bounds, gap=4, taken=occupied)
    assert placed == place_labels(np.array(points), sizes, bounds, gap=4, taken=occupied), "deterministic"
    boxes = [box for box in placed if box is not None]
    squares = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    for box in boxes:
        assert box.within(bounds)
        assert not any(box.overlaps(other) for other in [*occupied, *squares])
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_a_label_with_room_stands_right_beside_its_point() -> None:
    box = place_labels(np.array([[100.0, 100.0]]), [(50.0, 10.0)], Box(0, 0, 500, 500), gap=4)[0]
    assert box == Box(104, 95, 154, 105)


def test_a_label_avoids_lines_where_it_can() -> None:
    line = np.column_stack([np.linspace(100, 400, 301), np.full(301, 100.0)])
    box = place_labels(np.array([[100.0, 100.0]]), [(50.0, 10.0)], Box(0, 0, 500, 500), gap=4, lines=line)[0]
    assert box is not None
    assert box.count(line) == 0


def test_a_label_without_a_place_is_left_out() -> None:
    assert place_labels(np.array([[5.0, 5.0]]), [(50.0, 10.0)], Box(0, 0, 20, 20), gap=4) == [None]
