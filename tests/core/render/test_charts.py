"""Drawings of studies stay legible on the sharpest data, and look the same wherever a name turns up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from mmr_core.render.plots.axes import AxisScale, DrawingError, across, tick_text, tick_texts, ticks, upwards
from mmr_core.render.plots.chart import DOUBLE, KINDS, SINGLE, chart_figure
from mmr_core.render.plots.gallery import UNREADABLE, gallery_figure
from mmr_core.render.plots.labels import LABEL, NOTE, SYNTHETIC
from mmr_core.render.plots.lettering import ELLIPSIS, Ruler, broken, drawable, shortened
from mmr_core.render.plots.palette import PALETTE, Palette, own_style
from mmr_core.render.plots.placement import Box
from mmr_core.render.study_files import drawn
from mmr_core.studies import Axis, Case, Chart, Gallery, Panel, Series

MODELS = (
    *("Qwen2.5-VL-3B", "Gemma3-4B", "Qwen2.5-VL-7B", "InternVL3-78B", "GPT-5-Nano-0807"),
    *("Qwen2.5-VL-72B", "Gemini 2.5 Flash", "Claude 3.7 Sonnet", "Gemini 2.5 Pro", "GPT-5-0807"),
)
COSTS = (0.00087, 0.0018, 0.002, 0.0097, 0.013, 0.015, 0.159, 0.373, 0.554, 1.0)
UTILITIES = (0.568, 0.463, 0.615, 0.659, 0.582, 0.67, 0.717, 0.59, 0.751, 0.767)
"""Ten single models as they may stand in a figure of frontiers."""

X, Y = Axis(label="mean cost", scale="log"), Axis(label="mean utility")


def frontier(name: str, rise: float = 1.0, **changes: Any) -> Series:
    x = np.geomspace(0.00087, 1, 96)
    y = 0.568 + 0.25 * rise * (np.log(x / x[0]) / np.log(1 / x[0])) ** 0.7
    return Series(**{"name": name, "x": tuple(x), "y": tuple(y), **changes})


def singles(**changes: Any) -> Series:
    given: dict[str, Any] = {"name": "single models", "kind": "points", "x": COSTS, "y": UTILITIES, "labels": MODELS}
    return Series(**{**given, **changes})


def panel(*series: Series, title: str = "a panel", x: Axis = X, y: Axis = Y) -> Panel:
    return Panel(title=title, x=x, y=y, series=series)


def frontiers(
    routers: Sequence[str] = ("kmeans", "knn", "linear"), title: str = "Full Dataset", named: int = 10
) -> Panel:
    lines = [frontier(name, 1 - 0.08 * i) for i, name in enumerate(routers)]
    points = singles(labels=(*[""] * (10 - named), *MODELS[10 - named :]))
    return panel(*lines, frontier("oracle", 1.5, reference=True), points, title=title)


def stacked(names: Sequence[str], x: Sequence[float] = (0.001, 0.01, 0.1)) -> Panel:
    share = 1 / len(names)
    areas = [Series(name=name, kind="stack", x=tuple(x), y=(share,) * len(x)) for name in names]
    return panel(*areas, y=Axis(label="share", low=0.0, high=1.0))


def figure_of(*panels: Panel, columns: int = 3, lineup: Sequence[str] = (), synthetic: bool = False) -> Figure:
    chart = Chart(panels=panels, columns=columns)
    return chart_figure(chart, Palette.of(lineup, [chart]), synthetic=synthetic)


@cache
def usual(count: int) -> Figure:
    """So many panels of frontiers, with names of points in those of one or two."""
    panels = [frontiers(title=f"Dataset {i}", named=10 if count <= 2 else 2) for i in range(count)]
    return figure_of(*panels, synthetic=True)


def box(artist: Any) -> Box:
    extent = artist.get_window_extent()
    return Box(extent.x0, extent.y0, extent.x1, extent.y1)


def written(figure: Figure) -> list[Text]:
    """Every text that can be seen; ticks beyond the ends of an axis cannot."""
    figure.draw_without_rendering()
    beyond = set()
    for axes in figure.axes:
        for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            beyond |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    return [t for t in figure.findobj(Text) if t.get_text().strip() and t.get_visible() and t not in beyond]


def shrunk(inner: Box, by: float = 1.0) -> Box:
    return Box(inner.left + by, inner.bottom + by, inner.right - by, inner.top - by)


# --- names and colours ---


def test_a_name_looks_the_same_in_every_figure_whatever_their_order():
    charts = [
        Chart(panels=(frontiers(),)),
        Chart(panels=(frontiers(("linear", "new", "knn")),)),
        Chart(panels=(stacked(MODELS),)),
    ]
    lineup = ("random", "kmeans", "knn", "linear")
    forwards, backwards = Palette.of(lineup, charts), Palette.of(lineup, charts[::-1])
    names = {series.name: series for chart in charts for p in chart.panels for series in p.series}
    assert {name: forwards.look(s) for name, s in names.items()} == {
        name: backwards.look(s) for name, s in names.items()
    }


@given(st.sets(st.text(min_size=1, max_size=4), max_size=len(PALETTE)), st.data())
def test_names_that_meet_share_no_colour_before_the_palette_is_exhausted(names, data):
    order = data.draw(st.permutations(sorted(names - {"random", "single models"})))
    series = [Series(name=name, x=(1.0,), y=(1.0,)) for name in order]
    palette = Palette.of((), [Chart(panels=(panel(*series[:3]), panel(*series[3:])))])
    assert len({palette.look(one).colour for one in series}) == len(series)


@given(st.sets(st.text(min_size=1, max_size=4), max_size=40), st.sets(st.text(min_size=1, max_size=4), max_size=8))
def test_the_colour_of_a_router_depends_on_its_name_alone(routers, others):
    known = routers - {"random", "single models"}
    chart = Chart(panels=(panel(*(Series(name=name, x=(1.0,), y=(1.0,)) for name in sorted(others))),))
    palette = Palette.of(sorted(routers), [chart])
    looks = {name: palette.look(Series(name=name, x=(), y=())) for name in known}
    assert all(look.colour == PALETTE[own_style(name).colour] for name, look in looks.items())
    assert len({(look.colour, str(look.dashes), look.marker) for look in looks.values()}) == len(known)


def test_of_forty_names_no_two_look_the_same():
    names = [f"model {i}" for i in range(40)]
    palette = Palette.of((), [Chart(panels=(stacked(names),))])
    looks = [palette.look(Series(name=name, x=(), y=())) for name in names]
    assert len({(look.colour, look.dashes, look.marker) for look in looks}) == 40
    assert len({(look.fill, look.hatch) for look in looks}) == 40


def test_references_are_grey_and_told_apart_by_their_dashes():
    names = ("oracle", "constant", "mine")
    series = [frontier(name, reference=True) for name in names]
    palette = Palette.of((), [Chart(panels=(panel(*series),))])
    looks = [palette.look(one) for one in series]
    assert len({look.colour for look in looks}) == 1
    assert looks[0].colour not in PALETTE
    assert len({str(look.dashes) for look in looks}) == 3


def test_the_legend_and_the_lines_have_the_colour_of_the_palette():
    chart = Chart(panels=(frontiers(),))
    palette = Palette.of(("linear", "knn"), [chart])
    figure = chart_figure(chart, palette, synthetic=False)
    legend = figure.legends[0]
    shown = {
        t.get_text(): to_hex(h.get_color()) for t, h in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    for name in ("kmeans", "knn", "linear"):
        colour = palette.look(frontier(name)).colour.lower()
        assert shown[name] == colour
        assert colour in {to_hex(line.get_color()) for line in figure.axes[0].lines if len(line.get_xdata()) == 96}


# --- layout ---


@pytest.mark.parametrize("count", [1, 2, 7])
def test_texts_overlap_neither_each_other_nor_the_edge_of_the_figure(count: int):
    figure = usual(count)
    texts = written(figure)
    page = Box(0, 0, *figure.bbox.size)
    for text in texts:
        assert box(text).within(Box(-2, -2, page.right + 2, page.top + 2)), text.get_text()
    for one, other in combinations(texts, 2):
        assert not shrunk(box(one)).overlaps(shrunk(box(other))), (one.get_text(), other.get_text())


def test_names_of_points_lie_on_no_point_and_no_name_is_lost():
    figure = usual(1)
    axes = figure.axes[0]
    labels = [t for t in axes.texts if t.get_gid() == LABEL]
    assert sorted(t.get_text() for t in labels) == sorted(MODELS)
    for x, y in axes.transData.transform(np.column_stack([COSTS, UTILITIES])):
        for text in labels:
            assert not box(text).overlaps(Box(x - 2, y - 2, x + 2, y + 2)), text.get_text()
    frame = box(axes)
    assert all(box(text).within(frame) for text in labels)


@pytest.mark.parametrize("count", [1, 2])
def test_the_line_to_a_name_runs_through_no_other_name(count: int):
    found = 0
    for axes in usual(count).axes:
        names = [box(text) for text in axes.texts if text.get_gid() == LABEL]
        for line in axes.lines:
            if line.get_transform() == axes.transAxes:
                point, end = axes.transAxes.transform(line.get_xydata())
                along = np.linspace(point, end, 100)
                crossed = [name for name in names if shrunk(name).count(along)]
                assert not [name for name in crossed if name.distance(end) > 1]
                found += 1
    assert found


def test_the_legend_stands_outside_the_data():
    for count in (1, 7):
        figure = usual(count)
        legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
        assert len(legends) == 1
        drawn_on = [axes for axes in figure.axes if axes.lines]
        assert len(drawn_on) == count
        assert not any(box(legends[0]).overlaps(box(axes)) for axes in drawn_on)


def test_figures_are_as_wide_as_printed_columns_and_no_letter_is_smaller_than_seven_points():
    for count, width in ((1, SINGLE), (2, DOUBLE), (7, DOUBLE)):
        figure = usual(count)
        assert figure.get_size_inches()[0] == width
        assert min(text.get_fontsize() for text in written(figure)) >= 7


def test_a_bound_far_above_leaves_the_axis_and_is_noted():
    axes = usual(1).axes[0]
    notes = [text.get_text() for text in axes.texts if text.get_gid() == NOTE]
    assert notes == ["↑ oracle, up to 0.943"]
    assert axes.get_ylim()[1] < 0.943
    low = figure_of(panel(frontier("a"), frontier("bound", 1.1, reference=True)))
    assert not [text for text in low.axes[0].texts if text.get_gid() == NOTE]


def test_a_point_far_below_stands_at_the_edge_with_its_height():
    points = singles(y=(0.001, *UTILITIES[1:]))
    figure = figure_of(panel(frontier("a"), points))
    assert f"{MODELS[0]} (0.001)" in {text.get_text() for text in figure.axes[0].texts}
    assert figure.axes[0].get_ylim()[0] > 0.3


def test_every_figure_of_synthetic_data_says_so():
    case = Case(heading="h", question="q", image=None, facts=())
    for synthetic in (True, False):
        figures = [
            figure_of(panel(frontier("a")), synthetic=synthetic),
            gallery_figure(Gallery(rows=(("row", (case,)),)), synthetic=synthetic),
        ]
        for figure in figures:
            assert (SYNTHETIC in {text.get_text() for text in written(figure)}) == synthetic


def test_an_axis_that_all_share_is_named_once_beside_each_row_and_below():
    figure = figure_of(*[panel(frontier("a"))] * 6)
    assert [bool(axes.get_ylabel()) for axes in figure.axes] == [True, False, False] * 2
    assert [bool(axes.get_xlabel()) for axes in figure.axes] == [False] * 3 + [True] * 3
    assert [text.get_text() for text in written(usual(7))].count("mean cost") == 1


# --- what is drawn ---


def test_intervals_are_bands_of_lines_and_bars_of_points_and_end_at_the_edge_if_infinite():
    band = Series(name="a", x=(1.0, 2.0), y=(0.5, 0.6), low=(0.4, -math.inf), high=(0.6, math.inf))
    dots = replace(band, name="b", kind="points")
    plain = Axis(label="x")
    axes = figure_of(panel(band, dots, x=plain)).axes[0]
    assert len(axes.collections) == 2
    low, high = axes.get_ylim()
    segments = axes.collections[1].get_segments()
    assert [segment[:, 1].tolist() for segment in segments] == [[0.4, 0.6], [low, high]]


def test_stacked_areas_reach_the_total_and_are_named_where_they_have_room():
    shares = {"a": 0.49, "b": 0.49, "thin": 0.02}
    areas = [Series(name=n, kind="stack", x=(1.0, 2.0), y=(share,) * 2) for n, share in shares.items()]
    figure = figure_of(panel(*areas, x=Axis(label="x")))
    axes = figure.axes[0]
    assert len(axes.collections) == 3
    tops = [collection.get_paths()[0].vertices[:, 1].max() for collection in axes.collections]
    assert tops == pytest.approx([0.49, 0.98, 1.0])
    assert [text.get_text() for text in axes.texts] == ["a", "b"]
    for text, bottom in zip(axes.texts, (0.0, 0.49), strict=True):
        (_, low), (_, high) = axes.transData.transform([(1.0, bottom), (1.0, bottom + 0.49)])
        assert low <= box(text).bottom < box(text).top <= high
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["thin", "b", "a"]


def test_bars_stand_side_by_side_on_zero_with_names_that_do_not_overlap():
    names = tuple(f"a rather long name of category {i}" for i in range(8))
    bars = [
        Series(name=n, kind="bars", x=tuple(map(float, range(8))), y=(float(h),) * 8) for n, h in (("a", 3), ("b", -1))
    ]
    figure = figure_of(panel(*bars, x=Axis(label="", categories=names)))
    axes = figure.axes[0]
    patches = sorted((p.get_x(), p.get_x() + p.get_width()) for p in axes.patches)
    assert len(patches) == 16
    assert all(one[1] <= other[0] + 1e-9 for one, other in pairwise(patches))
    assert axes.get_ylim()[0] < -1 < 3 < axes.get_ylim()[1]
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert len(set(shown)) == 8
    assert all(ELLIPSIS in label for label in shown)


ODD = {
    "empty": panel(Series(name="a", x=(), y=())),
    "nothing": panel(),
    "single": panel(Series(name="a", x=(1.0,), y=(0.5,), low=(0.4,), high=(0.6,))),
    "not numbers": panel(Series(name="a", x=(1.0, 2.0, math.inf), y=(math.nan, math.inf, 0.3)), x=Axis(label="x")),
    "all infinite": panel(Series(name="a", kind="points", x=(1.0,), y=(math.inf,), labels=("∞",))),
    "flat": panel(Series(name="a", x=(1.0, 2.0), y=(0.5, 0.5))),
    "forty": panel(
        singles(
            x=tuple(1.0 + i % 7 for i in range(40)),
            y=tuple(i / 40 for i in range(40)),
            labels=tuple(f"model number {i}" for i in range(40)),
        )
    ),
    "forty stacked": stacked([f"a model with quite a long name, number {i}" for i in range(40)]),
    "one place": stacked(("a", "b"), x=(0.5,)),
    "names": panel(
        frontier("_hidden"), frontier("$x^2"), frontier("名前 é \x1b[31m"), frontier("n" * 300), title="t " * 99
    ),
    "no positive": panel(Series(name="a", x=(-1.0, 0.0), y=(-2.0, -1.0)), x=Axis(label="x" * 200)),
    "tiny": panel(Series(name="a", x=(1e-9, 1e-7), y=(1e-12, 2e-12))),
    "empty stack": panel(Series(name="a", kind="stack", x=(), y=())),
    "infinite bars": panel(
        Series(name="a", kind="bars", x=(0.0, 1.0), y=(math.inf, 2.0)), x=Axis(label="", categories=("p", "q"))
    ),
    "only bounds": panel(frontier("oracle", reference=True)),
}


@pytest.mark.parametrize("name", [name for name in ODD if name != "no positive"])
def test_odd_data_are_drawn_within_the_figure(name: str):
    figure = figure_of(ODD[name], synthetic=True)
    page = Box(-2, -2, figure.bbox.width + 2, figure.bbox.height + 2)
    for text in written(figure):
        assert box(text).within(page), text.get_text()
    low, high = figure.axes[0].get_ylim()
    assert math.isfinite(low)
    assert low < high


def test_what_cannot_be_drawn_is_an_error_that_names_the_panel():
    with pytest.raises(DrawingError, match="panel 'a panel' has the value -1 on a logarithmic axis"):
        figure_of(replace(ODD["no positive"], x=X))
    with pytest.raises(DrawingError, match="series 'a' of panel 'a panel' has 1 y for 2 places"):
        figure_of(panel(Series(name="a", x=(1.0, 2.0), y=(1.0,))))
    with pytest.raises(DrawingError, match="do not share their x values"):
        figure_of(panel(*(Series(name=n, kind="stack", x=(x,), y=(1.0,)) for n, x in (("a", 1.0), ("b", 2.0)))))
    with pytest.raises(DrawingError, match="cannot go from 2 to 1"):
        figure_of(panel(frontier("a"), y=Axis(label="y", low=2.0, high=1.0)))
    with pytest.raises(DrawingError, match="without panels"):
        figure_of()
    with pytest.raises(DrawingError, match="without cases"):
        gallery_figure(Gallery(rows=(("row", ()),)), synthetic=False)


@pytest.mark.parametrize("name", ["odd", "usual", "areas"])
def test_the_same_drawing_has_the_same_bytes(name: str):
    chart = Chart(panels={"odd": (ODD["names"],), "usual": (frontiers(),), "areas": (stacked(MODELS),)}[name])
    palette = Palette.of((), [chart])
    one, other = (drawn(chart, palette, synthetic=True) for _ in range(2))
    assert tuple(one) == KINDS
    assert one == other
    assert one["png"].startswith(b"\x89PNG")
    assert one["pdf"].startswith(b"%PDF")
    assert b"<svg" in one["svg"]
    assert b"Date" not in one["pdf"] + one["svg"]


# --- scales ---


@given(st.floats(1e-9, 1e6), st.floats(1.0001, 1e9), st.integers(3, 8))
def test_ticks_of_a_logarithmic_axis_lie_on_it_in_order_and_have_room(low, ratio, most):
    found = ticks(AxisScale(low, low * ratio, True), most)
    if found is not None:
        assert 2 <= len(found) <= most
        assert all(low * 0.999999 <= tick <= low * ratio * 1.000001 for tick in found)
        assert found == sorted(set(found))
    else:
        assert ratio < 10


def test_few_places_are_the_ticks_if_they_lie_apart():
    scale = AxisScale(1.0, 100.0, True)
    assert ticks(scale, 5, (2.0, 4.0, 50.0), 0.1) == [2.0, 4.0, 50.0]
    assert ticks(scale, 5, (2.0, 2.1, 50.0), 0.1) == [1.0, 10.0, 100.0]
    assert ticks(AxisScale(0.0, 1.0), 5) is None


def test_ticks_are_written_as_people_write_them():
    assert [tick_text(value) for value in (0.001, 0.03, 1.0, 3000.0, 20000.0)] == [
        "0.001",
        "0.03",
        "1",
        "3000",
        "20,000",
    ]
    assert tick_text(1e-5) == "$10^{-5}$"
    assert tick_text(3e-5) == "$3 \\times 10^{-5}$"
    assert tick_texts([0.0, 1e-4, 1e-3]) == ["0", "$10^{-4}$", "$10^{-3}$"]
    assert tick_texts([0.01, 0.1]) == ["0.01", "0.1"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.sampled_from(["line", "points", "bars"]))
def test_an_axis_shows_all_that_has_no_bounds(values, kind):
    series = Series(name="a", kind=kind, x=tuple(map(float, range(len(values)))), y=tuple(values))
    made = panel(series, x=Axis(label="x"))
    x, y = across(made), upwards(made)
    assert x.low < 0.0 <= len(values) - 1 < x.high
    assert y.low < y.high
    assert y.low <= min(values) <= max(values) <= y.high


# --- text ---


@given(st.text(max_size=80), st.floats(0.3, 2.0), st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_broken_text_fits_and_loses_nothing_unless_it_is_cut(text, width, most):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    ruler = Ruler(FigureCanvasAgg(Figure()))
    shown = drawable(text)
    lines = broken(shown, width, ruler, size=7.0)
    assert "".join(lines).replace(" ", "") == shown.replace(" ", "")
    assert all(ruler.width(line, size=7.0) <= width for line in lines if len(line) > 1)
    cut = broken(shown, width, ruler, size=7.0, most=most)
    assert cut == lines if len(lines) <= most else len(cut) == most and cut[-1].endswith(ELLIPSIS)


@given(st.text(st.characters(exclude_characters=ELLIPSIS), max_size=60), st.integers(6, 40))
def test_a_shortened_name_keeps_its_beginning_and_its_end(name, longest):
    short = shortened(name, longest)
    assert len(short) <= max(longest, 0)
    head, mark, tail = short.partition(ELLIPSIS) if len(name) > longest else (name, "", "")
    assert name.startswith(head)
    assert name.endswith(tail)
    assert bool(mark) == (len(name) > longest)


def test_letters_that_no_font_has_are_replacement_marks():
    assert drawable("é\n∞ \U0010fffd\x00") == "é ∞ \ufffd\ufffd"


# --- galleries ---


def image(folder: Path, size: tuple[int, int] = (300, 200), mode: str = "RGB") -> Path:
    path = folder / f"{mode}-{size[0]}.png"
    Image.new(mode, size).save(path)
    return path


def test_a_gallery_shows_images_questions_and_facts_in_their_frames(tmp_path: Path):
    facts = (("sent to", "GPT-5"), ("a word that is itself far too long for its column", "v " * 300), ("empty", ""))
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes(b"no image")
    cases = [
        Case(heading="cheap and right", question="word " * 300, image=image(tmp_path), facts=facts),
        Case(heading="h " * 100, question="", image=None, facts=()),
        Case(heading="tall", question="中文" * 200, image=image(tmp_path, (3, 900), "RGBA"), facts=facts),
        Case(heading="broken", question="$x_1$", image=damaged, facts=(("k", "v"),)),
        Case(heading="lost", question="q", image=tmp_path / "none.png", facts=()),
    ]
    figure = gallery_figure(
        Gallery(rows=(("ocr", tuple(cases[:3])), ("empty", ()), ("math", tuple(cases[3:])))), synthetic=True
    )
    texts = written(figure)
    shown = [text.get_text() for text in texts]
    page = Box(-2, -2, figure.bbox.width + 2, figure.bbox.height + 2)
    assert all(box(text).within(page) for text in texts)
    for one, other in combinations(texts, 2):
        assert not shrunk(box(one)).overlaps(shrunk(box(other))), (one.get_text(), other.get_text())
    assert len(figure.axes) == 2
    assert not any(box(text).overlaps(shrunk(box(axes))) for text in texts for axes in figure.axes)
    assert shown.count(UNREADABLE) == 2
    assert {"ocr", "math", "$x_1$", "GPT-5"} <= set(shown)
    assert "empty" not in shown
    assert sum(text.endswith(ELLIPSIS) for text in shown) >= 4
    assert min(text.get_fontsize() for text in texts) >= 7


def test_a_gallery_has_the_same_bytes_twice(tmp_path: Path):
    case = Case(heading="h", question="q", image=image(tmp_path), facts=(("k", "v"),))
    gallery = Gallery(rows=(("row", (case, case)),))
    palette = Palette.of((), [])
    assert drawn(gallery, palette, synthetic=False) == drawn(gallery, palette, synthetic=False)
