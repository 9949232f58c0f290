"""A plot is drawn once for the same content, and anew where anything that it is made of differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmr_core.errors import MissingExtraError
from mmr_core.render import run_files
from mmr_core.render.plots import kept_plots
from mmr_core.render.plots.kept_plots import drawn_once
from mmr_core.render.run_files import PLOTS, write_run
from mmr_core.results import RunResult


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was drawn; the same setting throughout, until a test changes it."""
    monkeypatch.setattr(kept_plots, "_setting", lambda: b"as it is")
    return []


def once(shown: object, drawn: list[object], folder: Path | None) -> bytes:
    def draw() -> dict[str, bytes]:
        drawn.append(shown)
        return {"a.png": repr(shown).encode()}

    return drawn_once(shown, draw, folder=folder)["a.png"]


def test_the_same_plot_is_drawn_once_and_has_the_same_bytes(drawn: list[object], tmp_path: Path) -> None:
    assert once((1, "a"), drawn, tmp_path) == once((1, "a"), drawn, tmp_path) == b"(1, 'a')"
    assert drawn == [(1, "a")]


def test_other_content_another_setting_and_a_damaged_file_are_drawn(
    drawn: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once((1, "a"), drawn, tmp_path)
    assert once((2, "a"), drawn, tmp_path) == b"(2, 'a')"
    for path in tmp_path.rglob("*.plot"):
        path.write_bytes(path.read_bytes()[:-1])
    assert once((2, "a"), drawn, tmp_path) == b"(2, 'a')"
    monkeypatch.setattr(kept_plots, "_setting", lambda: b"another version")
    once((2, "a"), drawn, tmp_path)
    assert drawn == [(1, "a"), (2, "a"), (2, "a"), (2, "a")]


def test_without_a_folder_or_a_list_of_fonts_nothing_is_kept(
    drawn: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(1, drawn, None)
    monkeypatch.setattr(kept_plots, "_setting", lambda: None)
    once(1, drawn, tmp_path)
    once(1, drawn, tmp_path)
    assert drawn == [1, 1, 1]
    assert not list(tmp_path.iterdir())


def test_the_setting_is_the_same_twice_and_depends_on_what_matplotlib_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    mpl = pytest.importorskip("matplotlib")
    pytest.importorskip("matplotlib.font_manager")  # lists the fonts
    before = kept_plots._setting()
    assert before is not None
    assert kept_plots._setting() == before
    with mpl.rc_context({"lines.linewidth": 7.0}):
        assert kept_plots._setting() != before


def test_a_second_run_draws_nothing_and_leaves_the_same_plots(
    result: Callable[..., RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_drawing(*_: object, **__: object) -> None:
        raise AssertionError("drawn again")

    write_run(result(), tmp_path / "one", kept_plots=tmp_path / "plots")
    monkeypatch.setattr(run_files, "frontier_figure", no_drawing)
    write_run(result(), tmp_path / "two", kept_plots=tmp_path / "plots")
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in PLOTS)


def test_kept_plots_do_not_hide_that_matplotlib_is_missing(
    drawn: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(what: str) -> None:
        raise MissingExtraError(f"{what} need matplotlib", fix="install it")

    once(1, drawn, tmp_path)
    monkeypatch.setattr(kept_plots, "demand_matplotlib", missing)
    with pytest.raises(MissingExtraError, match="plots need matplotlib"):
        once(1, drawn, tmp_path)
