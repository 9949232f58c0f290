"""Files are made once for the same content, and anew where anything that they are made of differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmr_core.errors import MissingExtraError
from mmr_core.render import kept_files, run_files
from mmr_core.render.kept_files import made_once
from mmr_core.render.run_files import FILES, PLOTS, RESULTS, write_run
from mmr_core.results import RunResult


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was drawn; the same setting throughout, until a test changes it."""
    monkeypatch.setattr(kept_files, "_setting", lambda: b"as it is")
    return []


def once(shown: object, drawn: list[object], folder: Path | None) -> bytes | str:
    def draw() -> dict[str, bytes]:
        drawn.append(shown)
        return {"a.png": repr(shown).encode()}

    return made_once(shown, draw, folder=folder)["a.png"]


def test_the_same_plot_is_drawn_once_and_has_the_same_bytes(drawn: list[object], tmp_path: Path) -> None:
    assert once((1, "a"), drawn, tmp_path) == once((1, "a"), drawn, tmp_path) == b"(1, 'a')"
    assert drawn == [(1, "a")]


def test_other_content_another_setting_and_a_damaged_file_are_drawn(
    drawn: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once((1, "a"), drawn, tmp_path)
    assert once((2, "a"), drawn, tmp_path) == b"(2, 'a')"
    for path in tmp_path.rglob("*.files"):
        path.write_bytes(path.read_bytes()[:-1])
    assert once((2, "a"), drawn, tmp_path) == b"(2, 'a')"
    monkeypatch.setattr(kept_files, "_setting", lambda: b"another version")
    once((2, "a"), drawn, tmp_path)
    assert drawn == [(1, "a"), (2, "a"), (2, "a"), (2, "a")]


def test_without_a_folder_or_a_list_of_fonts_nothing_is_kept(
    drawn: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(1, drawn, None)
    monkeypatch.setattr(kept_files, "_setting", lambda: None)
    once(1, drawn, tmp_path)
    once(1, drawn, tmp_path)
    assert drawn == [1, 1, 1]
    assert not list(tmp_path.iterdir())


def test_the_setting_is_the_same_twice_and_depends_on_what_matplotlib_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    mpl = pytest.importorskip("matplotlib")
    pytest.importorskip("matplotlib.font_manager")  # lists the fonts
    before = kept_files._setting()
    assert before is not None
    assert kept_files._setting() == before
    with mpl.rc_context({"lines.linewidth": 7.0}):
        assert kept_files._setting() != before


def test_a_second_run_makes_nothing_and_leaves_the_same_files(
    result: Callable[..., RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_again(*_: object, **__: object) -> None:
        raise AssertionError("made again")

    write_run(result(), tmp_path / "one", kept=tmp_path / "made")
    write_run(result(seed=1), tmp_path / "another", kept=tmp_path / "made")
    for name in ("frontier_figure", "draws_parquet", "long_table", "run_tables"):
        monkeypatch.setattr(run_files, name, not_again)
    written = write_run(result(), tmp_path / "two", kept=tmp_path / "made")
    assert [path.name for path in written] == list(FILES)
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in FILES)
    assert (tmp_path / "another" / RESULTS).read_bytes() != (tmp_path / "two" / RESULTS).read_bytes()


def test_without_matplotlib_nothing_is_kept_and_the_rest_is_written(
    result: Callable[..., RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise MissingExtraError("plots need matplotlib", fix="install it")

    monkeypatch.setattr(run_files, "frontier_figure", missing)
    lines: list[str] = []
    for name in ("one", "two"):
        written = write_run(result(), tmp_path / name, kept=tmp_path / "made", warn=lines.append)
        assert [path.name for path in written] == [name for name in FILES if name not in PLOTS]
    assert len(lines) == 2
    assert not list(tmp_path.glob("made/**/*.files"))
