"""Every code of running and auditing has an example among the attacks, and every attack is judged by a test."""

from __future__ import annotations

from pathlib import Path

from mmr_core.errors import MMRError
from mmr_leaderboard.findings import CODES
from mmr_leaderboard.schema import Leaderboard

HERE = Path(__file__).parent


def codes_of(board: Leaderboard) -> set[str]:
    """Every code that stands on a board."""
    rows = (*board.refused, *board.entries)
    found = {found.code for row in rows for found in row.findings}
    return found | {flag for entry in board.entries for flag in entry.audit.flags}


def test_every_code_of_running_has_an_example_among_the_attacks(arena, stages_shown):
    due = {code.name for code in CODES.values() if code.stage in stages_shown["attacks"]}
    elsewhere = {"isolation-impossible", "suspicious-revision"}  # here below, and in `behaving`
    elsewhere |= {"unjudged"}  # in `ranking`, where a test lets the runner raise
    assert due - elsewhere - codes_of(arena.board) == set()


def test_a_machine_that_cannot_isolate_runs_no_plugin(world, monkeypatch):
    def impossible(method):
        raise MMRError("this kernel isolates nothing")

    monkeypatch.setattr("mmr_leaderboard.ranking.board_run.way_of_isolation", impossible)
    board = world.run(None, world.folder / "honest", cache=world.folder / "other-cache").board

    assert [entry.slug for entry in board.entries] == ["honest-decisions"]
    assert {row.slug: [found.code for found in row.findings] for row in board.refused} == {
        slug: ["isolation-impossible"] for slug in ("honest-kmeans", "honest-linear", "honest-topics")
    }


def test_every_stage_is_shown_somewhere(stages_shown):
    shown = [stage for stages in stages_shown.values() for stage in stages]
    assert sorted(shown) == sorted({code.stage for code in CODES.values()})


def test_every_attacker_is_judged_by_a_test(routers):
    texts = "".join(path.read_text() for path in HERE.glob("test_*.py"))
    assert [name for name in routers if f'"{name}"' not in texts] == []


def test_there_are_more_than_forty_attacks(routers, hostile_slugs):
    assert len(routers) + len(hostile_slugs) > 160
