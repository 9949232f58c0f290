"""A run's folder is whole, or as it was before."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmr_core.errors import DataError, MissingExtraError, MMRError, UsageError
from mmr_core.render import run_files, together
from mmr_core.render.run_files import FILES, RESULTS, write_run
from mmr_core.results import RunResult


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def no_plots(*_: object, **__: object) -> None:
    raise MissingExtraError("plots need matplotlib", fix="pip install 'mmr-bench[plots]'")


@pytest.fixture
def quick_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_files, "frontier_figure", lambda *_, **__: None)
    monkeypatch.setattr(run_files, "figure_bytes", lambda _, kind: kind.encode())


def test_a_run_leaves_all_its_files_and_nothing_else(result: Callable[..., RunResult], tmp_path: Path) -> None:
    run = result()
    out = tmp_path / "runs" / "first"
    written = write_run(run, out)
    assert [path.name for path in written] == list(FILES)
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert written[-1].name == RESULTS
    assert RunResult.from_disk(out).to_json() == run.to_json()
    assert (out / "frontier.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (out / "frontier.svg").read_bytes()


def test_the_same_run_gives_the_same_bytes(result: Callable[..., RunResult], tmp_path: Path) -> None:
    run = result()
    write_run(run, tmp_path / "a")
    write_run(run, tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_without_matplotlib_there_is_one_warning_and_no_old_plot(
    result: Callable[..., RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = result()
    write_run(run, tmp_path)
    monkeypatch.setattr(run_files, "frontier_figure", no_plots)
    lines: list[str] = []
    written = write_run(run, tmp_path, warn=lines.append)
    assert len(lines) == 1
    assert "pip install 'mmr-bench[plots]'" in lines[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in written)
    assert not list(tmp_path.glob("frontier*"))


@pytest.mark.usefixtures("quick_plots")
@pytest.mark.parametrize("failing", FILES)
def test_a_full_disk_leaves_the_earlier_run_as_it_was(
    result: Callable[..., RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    write_run(result(), tmp_path)
    before = contents(tmp_path)

    def write(path: Path, content: bytes | str) -> None:
        if path.name == failing:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    monkeypatch.setattr(together, "write_atomically", write)
    with pytest.raises(MMRError, match="cannot be written: No space left") as caught:
        write_run(result(seed=1), tmp_path)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("quick_plots")
@pytest.mark.parametrize("failing", FILES)
def test_a_run_that_is_cut_off_while_moving_in_has_no_results_file(
    result: Callable[..., RunResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    write_run(result(), tmp_path)
    move = os.replace

    def stop(source: Any, target: Any) -> None:
        if Path(target) == tmp_path / failing:
            raise OSError(errno.EIO, "cut off")
        move(source, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(MMRError, match="cut off"):
        write_run(result(seed=1), tmp_path)
    assert set(contents(tmp_path)) <= set(FILES) - {RESULTS}
    with pytest.raises(DataError, match="no such file"):
        RunResult.from_disk(tmp_path)


@pytest.mark.usefixtures("quick_plots")
def test_a_file_in_place_of_the_folder_is_named(result: Callable[..., RunResult], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        write_run(result(), out)
    assert out.read_text() == "mine"
    with pytest.raises(MMRError, match="cannot be written"):
        write_run(result(), out / "below")
