from __future__ import annotations

import csv as files
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmr_core.render.writers import csv_text
from mmr_leaderboard.board_tables import board_data, harmless
from mmr_leaderboard.schema import Leaderboard


@pytest.fixture(scope="module")
def rows(board: Leaderboard) -> dict[str, dict[str, str]]:
    return {
        row["slug"]: row for row in files.DictReader(io.StringIO(csv_text(board_data(board), quoted=True), newline=""))
    }


def test_there_is_one_row_per_entry_and_reference(rows: dict[str, dict[str, str]], board: Leaderboard) -> None:
    kinds = [row["row"] for row in rows.values()]
    assert kinds == ["entry"] * len(board.entries) + ["reference"] * len(board.references)


def test_figures_are_full_numbers(rows: dict[str, dict[str, str]], board: Leaderboard) -> None:
    for entry in board.entries:
        assert float(rows[entry.slug]["nauc"]) == entry.metrics["nauc"].value
        assert float(rows[entry.slug]["mathvision:peak_high"]) == entry.datasets["mathvision"]["peak"].high
        assert float(rows[entry.slug]["scenario/ocr:skill_low"]) == entry.scenarios["ocr"]["skill"].low


def test_infinity_is_a_number_and_what_is_not_there_is_empty(rows: dict[str, dict[str, str]]) -> None:
    assert math.isinf(float(rows["cmr"]["qnc"]))
    assert rows["cmr"]["qnc_low"] == "1.04"
    assert rows["unsafe-trial"]["nauc_log"] == ""
    assert rows["hand-made"]["chosen_utility"] == ""
    assert rows["hand-made"]["rank"] == ""


def test_every_row_says_that_the_table_is_synthetic(rows: dict[str, dict[str, str]]) -> None:
    assert {row["synthetic"] for row in rows.values()} == {"true"}


def test_no_text_of_a_submitter_begins_a_formula(rows: dict[str, dict[str, str]]) -> None:
    hostile = rows["zz-hostile"]
    assert hostile["authors"].startswith("'=cmd|")
    for row in rows.values():
        for cell in row.values():
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))


@given(st.text(max_size=30))
def test_no_text_at_all_begins_a_formula_or_holds_a_line_break(text: str) -> None:
    cell = harmless(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))
    assert len(cell.splitlines()) <= 1


@pytest.mark.parametrize("lead", ["=", "+", "-", "@", "\t=", " \r\n=", "＝"])
def test_each_way_to_begin_a_formula_is_marked_as_text(lead: str) -> None:
    assert harmless(f"{lead}1+1") == f"'{lead.strip()}1+1"


def test_each_of_several_authors_is_defused_because_some_programs_split_at_semicolons(
    board: Leaderboard,
) -> None:
    entry = board.entries[0].model_copy(update={"authors": ("Ada", "=1+1")})
    text = csv_text(board_data(board.model_copy(update={"entries": (entry,)})), quoted=True)
    assert "Ada; '=1+1" in text


def test_lines_end_as_the_standard_asks_and_all_text_is_quoted(board: Leaderboard) -> None:
    lines = csv_text(board_data(board), quoted=True).split("\r\n")
    assert lines[-1] == ""
    assert len(lines) == 2 + len(board.entries) + len(board.references)
    assert lines[1].startswith('"entry","mlp-mf","MLP matrix factorisation"')
