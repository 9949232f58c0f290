"""Plugins that look for what is not theirs, reach out, or change what they can: nothing comes of it.

Each of them predicts the training means, unless it got anything at all: then it predicts something else. To be scored
exactly as the constant row is to have had no effect. They share one submission per band, which has to be scored so too.
"""

from __future__ import annotations

import importlib
import re
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

THIEVES = (
    "reads-the-table",
    "reads-the-folder-of-the-table",
    "climbs-to-the-table",
    "links-to-the-table",
    "reads-proc-of-the-parent",
    "reads-memory-of-the-parent",
    "reads-proc-of-everybody",
    "traces-the-parent",
    "reads-the-environment",
    "reads-the-feature-cache",
    "reads-the-verdicts",
    "reads-environments-of-others",
    "makes-the-sample-anew",
    "reads-the-published-figures",
    "imports-the-runner",
    "walks-the-heap",
    "follows-arrays-to-their-bases",
    "reads-jobs-of-others",
    "reads-homes",
    "reads-submissions-and-board",
    "reads-names",
    "reads-behind-the-answer",
    "leaves-secrets-for-later",
)
CALLERS = (
    "connects-by-tcp",
    "sends-by-udp",
    "connects-to-a-local-socket",
    "connects-to-an-abstract-socket",
    "turns-a-pair-of-sockets-round",
    "asks-a-name-server",
    "opens-sockets-by-bare-calls",
    "listens-for-callers",
    "signals-the-parent",
    "types-into-the-terminal",
    "starts-a-shell",
)
SIGNALLERS = (
    "signals-by-the-page-cache",
    "signals-by-hints-on-files",
    "signals-by-locks",
    "signals-by-waking",
    "signals-by-what-all-share",
)
VANDALS = (
    "writes-what-is-published",
    "writes-submissions",
    "writes-the-cache",
    "writes-homes",
    "writes-its-environment",
    "writes-the-engine",
    "writes-its-job",
    "writes-images",
    "changes-modes",
    "turns-the-answer-into-a-link",
)
WITHOUT_WALLS = {
    **dict.fromkeys(SIGNALLERS, "something"),
    "reads-the-table": "outcomes",
    "reads-the-folder-of-the-table": "outcomes",
    "climbs-to-the-table": "outcomes",
    "links-to-the-table": "outcomes",
    "reads-proc-of-the-parent": "outcomes",
    "reads-the-feature-cache": "outcomes",
    "reads-the-verdicts": "something",
    "makes-the-sample-anew": "something",
    "reads-the-published-figures": "something",
    "imports-the-runner": "something",
    "reads-homes": "something",
    "reads-submissions-and-board": "something",
    "reads-jobs-of-others": "something",
    "connects-by-tcp": "something",
    "sends-by-udp": "something",
    "connects-to-a-local-socket": "something",
    "connects-to-an-abstract-socket": "something",
    "listens-for-callers": "something",
    "opens-sockets-by-bare-calls": "something",
    "signals-the-parent": "something",
    "starts-a-shell": "something",
}
"""What attackers get where nothing is isolated, of those that do no harm there."""


EMBEDDINGS = re.compile(r"cache/features/v1-[a-z0-9]+\.sqlite")
"""Where the runner itself adds the embeddings of variants, which it draws anew for each run."""


@pytest.mark.parametrize("slug", THIEVES)
def test_a_thief_knows_no_more_than_the_training_means(arena, slug):
    assert arena.is_constant(slug)


@pytest.mark.parametrize("slug", CALLERS)
def test_nobody_is_reached(arena, slug):
    assert arena.is_constant(slug)


@pytest.mark.parametrize("slug", SIGNALLERS)
def test_no_job_sees_what_another_did_to_what_they_share(arena, slug):
    assert arena.is_constant(slug)


@pytest.mark.parametrize("slug", VANDALS)
def test_nothing_is_written_outside(arena, slug):
    assert arena.is_constant(slug)


def test_every_member_of_a_band_is_judged_here(bands):
    assert {band: sorted(members) for band, members in bands.items()} == {
        "thieves-together": sorted(THIEVES),
        "callers-together": sorted(CALLERS),
        "vandals-together": sorted(VANDALS),
    }


def test_whatever_one_member_of_a_band_gets_shows_in_the_answer_of_the_band(world, bands, monkeypatch, tmp_path):
    (wheel,) = world.wheelhouse.glob("mmr_router_attackers-*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    together, means = importlib.import_module("attackers.together"), importlib.import_module("attackers.means")
    training = SimpleNamespace(utility=np.array([[0.2, 0.8], [0.4, 0.6]]), cost=np.array([[1.0, 2.0], [3.0, 4.0]]))

    class Queries(SimpleNamespace):
        questions = ("one", "two", "three")

        def __len__(self):
            return 3

    def answer(fitted, finder=None, **got):
        for number, one in enumerate(fitted.band):
            vars(one).update(got if number == finder else {})
        return fitted.predict(Queries())

    monkeypatch.setattr(together, "router_at", lambda target: means.Means)
    for name in bands:
        members = len(bands[name])
        made = getattr(together, name.removesuffix("-together").capitalize())
        nothing = answer(made().fit(training))
        assert nothing.utility.tolist() == [training.utility.mean(axis=0).tolist()] * 3
        for finder in range(members):
            found = answer(made().fit(training), finder, found=True)
            assert found.utility.tolist() == (-nothing.utility).tolist()
            known = answer(made().fit(training), finder, known={"two": ([0.0, 1.0], [5.0, 6.0])})
            assert known.utility[1].tolist() == [0.0, 1.0]
            assert known.cost[1].tolist() == [5.0, 6.0]


def test_nothing_arrived_at_any_socket(arena):
    assert arena.reached == []


def test_no_process_is_left(arena):
    assert arena.left == []


def test_every_file_that_was_there_is_as_it_was(arena):
    now = {path: facts for path, facts in arena.after.items() if path in arena.before}
    changed = [path for path, facts in arena.before.items() if now.get(path) != facts]
    assert [path for path in changed if not EMBEDDINGS.fullmatch(path)] == []


def test_new_files_are_the_runners_own(arena):
    new = set(arena.after) - set(arena.before)
    kept = ("cache/leaderboard/verdicts/", "cache/leaderboard/environments/")
    assert [path for path in sorted(new) if not path.startswith(kept)] == []


def comparable(entry):
    """All of a row but what was timed, what was drawn for this run, and what other rows have a part in."""
    facts = entry.model_dump(exclude={"latency", "rank", "rank_low", "rank_high", "ties", "checks"})
    statistics = facts["audit"]["statistics"]
    facts["audit"]["statistics"] = {name: each for name, each in statistics.items() if not name.startswith("limits_")}
    return facts


def test_honest_entries_are_scored_as_if_they_were_alone(arena, honest_slugs):
    alone = {entry.slug: entry for entry in arena.alone.entries}
    assert tuple(sorted(alone)) == honest_slugs
    for slug in honest_slugs:
        among = arena.entry(slug)
        assert comparable(among) == comparable(alone[slug])
        assert all(check.passed for check in among.checks)
    assert arena.board.references == arena.alone.references


def test_honest_entries_stand_before_every_attacker(arena, honest_slugs):
    ranked = {entry.slug for entry in arena.board.entries if entry.rank == 1}
    assert ranked & set(honest_slugs)
    assert {entry.isolation for entry in arena.board.entries if entry.kind == "plugin"} == {arena.method}


def test_no_secret_is_on_the_board(arena):
    assert "mmr-witness" not in arena.board.model_dump_json()


def test_the_attacks_work_where_nothing_is_isolated(world, submit_to, tmp_path):
    submissions = submit_to(tmp_path / "submissions", *WITHOUT_WALLS)
    world.reached()
    board = world.run(None, submissions, unsafe=True, cache=world.folder / "unsafe-cache").board
    reached = world.reached()

    assert board.refused == ()
    (constant,) = [each.metrics for each in board.references if each.name == "constant"]
    skill = {entry.slug: entry.metrics["skill"].value for entry in board.entries}
    got = {
        entry.slug: "outcomes" if skill[entry.slug] > 0.5 else "something"
        for entry in board.entries
        if entry.metrics["nauc"].value != pytest.approx(constant["nauc"].value, abs=1e-9)
    }
    assert got == WITHOUT_WALLS
    assert len(set(reached)) >= 3
    assert {(entry.tier, entry.rank) for entry in board.entries} == {("unverified", None)}
