from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmr_core.errors import DataError, MMRError, UsageError
from mmr_core.store.atomic import exclusively
from mmr_leaderboard.publish import publication
from mmr_leaderboard.publish.publication import publish, read_board, render
from mmr_leaderboard.schema import Leaderboard


@pytest.fixture(scope="module")
def contents(board: Leaderboard) -> dict[str, bytes]:
    return render(board)


def test_everything_is_rendered_and_the_document_stands_last(contents: dict[str, bytes], board: Leaderboard) -> None:
    assert set(contents) == {
        "leaderboard.json",
        "LEADERBOARD.md",
        "leaderboard.csv",
        "site/index.html",
        *(f"site/entries/{entry.slug}.html" for entry in board.entries),
    }
    assert list(contents)[-1] == "leaderboard.json"


def test_the_same_document_gives_the_same_bytes(contents: dict[str, bytes], board: Leaderboard) -> None:
    again = Leaderboard.model_validate_json(board.model_dump_json())
    assert render(again) == contents


def test_what_is_published_is_read_back_as_it_was(board: Leaderboard, tmp_path: Path) -> None:
    paths = publish(board, tmp_path / "published")
    assert paths[-1] == tmp_path / "published" / "leaderboard.json"
    assert all(path.is_file() for path in paths)
    assert read_board(tmp_path / "published") == board
    assert read_board(tmp_path / "published" / "leaderboard.json") == board
    assert os.listdir(tmp_path) == ["published"]


def test_pages_of_entries_that_are_gone_go_and_other_files_stay(board: Leaderboard, tmp_path: Path) -> None:
    publish(board, tmp_path, also={"choices.json": b"{}"})
    (tmp_path / "audit.jsonl").write_text("a line\n")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "kept.txt").write_text("kept")
    fewer = board.model_copy(update={"entries": board.entries[:2], "comparisons": ()})
    publish(fewer, tmp_path)
    assert sorted(path.name for path in (tmp_path / "site" / "entries").iterdir()) == ["mlp-mf.html", "myidea.html"]
    assert (tmp_path / "audit.jsonl").read_text() == "a line\n"
    assert (tmp_path / "notes" / "kept.txt").read_text() == "kept"
    assert (tmp_path / "choices.json").read_bytes() == b"{}"


def test_nobody_publishes_where_another_process_is_writing(board: Leaderboard, tmp_path: Path) -> None:
    with exclusively(tmp_path), pytest.raises(DataError, match="another process"):
        publish(board, tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_file_in_the_place_of_the_folder_is_wrong_use(board: Leaderboard, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        publish(board, tmp_path / "out")


def test_a_failure_to_write_is_one_line(board: Leaderboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "leaderboard.csv")

    monkeypatch.setattr(publication.replacement, "replace", full)
    with pytest.raises(MMRError, match=r"leaderboard\.csv: the leaderboard cannot be written: No space left on device"):
        publish(board, tmp_path)


def test_a_slug_that_would_leave_the_folder_is_refused(
    make_entry: Callable[..., Any], make_board: Callable[..., Leaderboard]
) -> None:
    with pytest.raises(DataError, match="is not a slug"):
        render(make_board(entries=(make_entry("../../evil", "Evil", 0.0, 1),), comparisons=()))


def written(folder: Path, content: object) -> Path:
    file = folder / "leaderboard.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"leaderboard\.json: there is no such file") as caught:
        read_board(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"schema_version": 1, "entries": NaN}', "JSON has no NaN"),
        ("[]", "is not a leaderboard"),
        ({"protocol": "paper", "schema_version": 1}, "is not a leaderboard"),
        ({"schema_version": 2, "entries": []}, "schema version '2'"),
        ({"schema_version": 1, "entries": []}, "breaks schema version 1 at title: Field required"),
    ],
)
def test_broken_foreign_and_newer_files_are_refused_in_one_line(content: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_board(written(tmp_path, content))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_and_huge_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaderboard.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not JSON"):
        read_board(tmp_path)
    monkeypatch.setattr(publication, "LARGEST", 2)
    with pytest.raises(DataError, match="is larger than"):
        read_board(tmp_path)


def test_an_unknown_field_is_refused_with_its_place(board: Leaderboard, tmp_path: Path) -> None:
    content = json.loads(board.model_dump_json())
    content["entries"][0]["bribe"] = 1
    with pytest.raises(DataError, match=r"entries\.0\.bribe"):
        read_board(written(tmp_path, content))


def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "leaderboard.json")
    with pytest.raises(DataError, match="there is no such file"):
        read_board(tmp_path)
