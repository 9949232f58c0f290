from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from mmr_leaderboard.findings import CODES
from mmr_leaderboard.publish.markdown import markdown
from mmr_leaderboard.schema import Leaderboard, Refused


@pytest.fixture(scope="module")
def page(board: Leaderboard) -> str:
    return markdown(board)


def tables(page: str) -> list[list[str]]:
    """The lines of each pipe table."""
    found: list[list[str]] = []
    previous = ""
    for line in page.splitlines():
        if line.startswith("|"):
            if not previous.startswith("|"):
                found.append([])
            found[-1].append(line)
        previous = line
    return found


def bare_pipes(line: str) -> int:
    return line.replace("\\|", "").count("|")


def test_every_table_has_the_same_cells_in_every_line_whatever_submitters_wrote(page: str) -> None:
    found = tables(page)
    assert len(found) == 5
    for table in found:
        assert len({bare_pipes(line) for line in table}) == 1


def test_ranked_entries_stand_in_the_first_table_in_order_with_range_tie_and_interval(
    page: str, board: Leaderboard
) -> None:
    rows = tables(page)[0][2:]
    assert len(rows) == 9
    assert rows[0].startswith("| 1= (1–3) | **MLP matrix factorisation** (mlp-mf)<br>Ada Lovelace, Charles Babbage |")
    nauc = board.entries[0].metrics["nauc"]
    assert f"| {nauc.value:.3f}<br>[{nauc.low:.3f}, {nauc.high:.3f}] |" in rows[0]
    assert rows[2].startswith("| 3 (2–5) |")


def test_an_infinite_cost_and_an_absent_figure_are_marks_not_numbers(page: str) -> None:
    assert "| ∞ |" in next(line for line in tables(page)[0] if "(cmr)" in line)
    assert "| – |" in next(line for line in tables(page)[1] if "(unsafe-trial)" in line)


def test_unranked_entries_say_why(page: str) -> None:
    assert "decisions are self-reported" in tables(page)[1][3]
    assert "run with --unsafe" in tables(page)[1][4]


def test_flags_are_shown_and_say_which_of_them_are_signed_off(page: str) -> None:
    line = next(line for line in tables(page)[0] if "(zz-hostile)" in line)
    assert line.endswith("| excess-residual, placebo-skill (signed off) |")


def test_refused_submissions_stand_with_their_codes_and_meanings(page: str) -> None:
    rows = tables(page)[4][2:]
    assert len(rows) == 3
    assert "**stale-pins**" in rows[0]
    assert CODES["stale-pins"].meaning in rows[0]
    assert "mmstar\\_17 at 0, mmstar\\_18 at 0" in rows[1]


def test_nothing_that_a_submitter_wrote_is_markup(page: str) -> None:
    assert "<script" not in page
    assert "<img" not in page
    assert "<b>" not in page
    assert "[x](" not in page
    assert re.search(r"(?<!\\)\]\(", page) is None
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_parser_of_markdown_finds_no_link_and_no_foreign_html(page: str) -> None:
    markdown_it = pytest.importorskip("markdown_it", reason="needs markdown-it-py")
    html = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(page)
    assert "<a " not in html
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("<table>") == 5


def test_addresses_and_names_do_not_become_links_or_mentions(
    make_entry: Callable[..., Any], make_board: Callable[..., Leaderboard]
) -> None:
    entry = make_entry("idea", "https://evil.example www.evil.example @everyone", 0.01, 1)
    page = markdown(make_board(entries=(entry,), comparisons=(), refused=()))
    assert "https://evil" not in page
    assert "www.evil" not in page
    assert "@everyone" not in page


def test_a_word_that_no_cell_can_hold_is_cut(page: str) -> None:
    assert "W" * 40 + "…" in page
    assert "W" * 41 not in page


def test_synthetic_outcomes_and_trials_are_announced_first(make_board: Callable[..., Leaderboard]) -> None:
    board = make_board()
    assert markdown(board).splitlines()[2].startswith("> **Synthetic outcomes:")
    observed = make_board(
        table=board.table.model_copy(update={"synthetic": False}),
        settings=board.settings.model_copy(update={"pinned": False}),
    )
    page = markdown(observed)
    assert "ynthetic" not in page
    assert page.splitlines()[2].startswith("> **A trial:")


def test_digests_and_all_references_are_on_the_page(page: str, board: Leaderboard) -> None:
    for digest in (board.table.digest, board.table.split_digest, board.table.pool_digest):
        assert digest in page
    assert len(tables(page)[2]) == 2 + len(board.references)


def test_an_empty_board_says_so(make_board: Callable[..., Leaderboard]) -> None:
    page = markdown(make_board(entries=(), refused=(), comparisons=()))
    assert "No entry is ranked yet." in page
    assert "## Refused" not in page


def test_a_refused_submission_with_a_code_of_the_future_is_shown(make_board: Callable[..., Leaderboard]) -> None:
    board = make_board()
    found = board.refused[0].findings[0].model_copy(update={"code": "a-new-code"})
    page = markdown(make_board(refused=(Refused(slug="later", display_name="Later", findings=(found,)),)))
    assert "**a-new-code**" in page
