"""What is kept between runs is found by everything that went into it, and never trusted when it is damaged."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmr_core.errors import MMRError
from mmr_leaderboard.ranking import verdicts as cache_module
from mmr_leaderboard.ranking.scoring import Figures
from mmr_leaderboard.ranking.verdicts import RouterRun, Verdict, VerdictCache, key, sources_digest

AT = key({"submission": "one"})
VERDICT = Verdict(figures=None, statistics={"residual_z": 0.5, "gap": None}, flags=("excess-residual",))

values = st.one_of(st.text(max_size=3), st.integers(), st.lists(st.integers(), max_size=3))
parts = st.dictionaries(st.text(max_size=4), values, max_size=4)


@given(parts, st.randoms())
def test_a_key_is_the_same_whatever_the_order_of_its_parts(given_parts, random):
    shuffled = list(given_parts.items())
    random.shuffle(shuffled)
    assert key(dict(shuffled)) == key(given_parts)


@given(parts, parts)
def test_other_parts_have_another_key(one, other):
    assert (key(one) == key(other)) == (one == other)


def test_what_was_kept_is_given_back(tmp_path):
    kept = VerdictCache(tmp_path / "verdicts")
    assert kept.get(Verdict, AT) is None
    kept.put(VERDICT, AT)
    assert kept.get(Verdict, AT) == VERDICT
    assert VerdictCache(tmp_path / "verdicts").get(Verdict, AT) == VERDICT
    assert kept.get(Verdict, key({"submission": "two"})) is None


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"[]", b'{"figures": null, "more": 1}', b"[" * 100_000])
def test_a_damaged_or_foreign_file_is_as_if_it_were_absent(tmp_path, damage):
    kept = VerdictCache(tmp_path)
    kept.put(VERDICT, AT)
    [file] = tmp_path.rglob("*.json")
    file.write_bytes(damage)
    assert kept.get(Verdict, AT) is None
    kept.put(VERDICT, AT)
    assert kept.get(Verdict, AT) == VERDICT


def test_a_verdict_is_no_figures_and_a_folder_is_no_verdict(tmp_path):
    kept = VerdictCache(tmp_path)
    kept.put(VERDICT, AT)
    assert kept.get(Figures, AT) is None
    [file] = tmp_path.rglob("*.json")
    file.unlink()
    file.mkdir()
    assert kept.get(Verdict, AT) is None


def test_a_write_that_fails_leaves_what_was_kept(tmp_path, monkeypatch):
    kept = VerdictCache(tmp_path)
    kept.put(VERDICT, AT)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises((OSError, MMRError), match="No space"):
        kept.put(VERDICT.model_copy(update={"flags": ()}), AT)
    assert kept.get(Verdict, AT) == VERDICT
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_the_digest_of_sources_changes_with_any_source_and_with_nothing_else(tmp_path, monkeypatch):
    package = tmp_path / "package"
    (package / "room").mkdir(parents=True)
    (package / "room" / "code.py").write_text("value = 1\n")
    monkeypatch.setattr(cache_module, "SOURCES", ("package",))
    monkeypatch.setattr(cache_module, "files", lambda name: tmp_path / name)
    digests = []

    def look():
        sources_digest.cache_clear()
        digests.append(sources_digest())
        return digests[-1]

    try:
        first = look()
        (package / "room" / "notes.txt").write_text("no source")
        assert look() == first
        (package / "room" / "code.py").write_text("value = 2\n")
        second = look()
        (package / "room" / "code.py").rename(package / "room" / "core.py")
        third = look()
        (package / "prices.csv").write_text("1\n")
        assert len({first, second, third, look()}) == 4
    finally:
        sources_digest.cache_clear()


def test_what_a_router_states_is_kept_as_far_as_it_is_a_statement():
    assert RouterRun.stated({"parameters": {"k": [1, None, "x"]}, "fusion": "concat"}).parameters == {
        "k": [1, None, "x"]
    }
    assert RouterRun.stated({}) == RouterRun()
    deep: object = 0
    for _ in range(500):
        deep = [deep]
    for words in (
        {"parameters": "all"},
        {"parameters": {"a": object()}},
        {"parameters": {"a": "\ud800"}},
        {"parameters": {"a": float("nan")}},
        {"parameters": {"a": [1, {"b": float("inf")}]}},
        {"parameters": {"a": deep}},
        {"parameters": {"a": "x" * 20_000}},
        {"fusion": 3},
        {"fusion": "\ud800"},
    ):
        assert RouterRun.stated(words) is None, words
