"""A run that was kept comes back as it was, and a damaged file says so."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from mmr_core.errors import DataError
from mmr_core.evaluate.policies import Decided, Scored
from mmr_leaderboard.findings import finding
from mmr_leaderboard.jobs.keeping import load_run, save_run
from mmr_leaderboard.jobs.terms import BehaviourCheck, EntryRun

SCORED = Scored(np.random.default_rng(0).random((5, 3)), np.random.default_rng(1).random((5, 3)))
DECIDED = Decided(np.array([0.0, 2.5]), (np.full((5, 3), 1 / 3), np.eye(3)[[0, 1, 2, 0, 1]]))


def a_run(**changed) -> EntryRun:
    good = {
        "policy": SCORED,
        "trade_off": 0.1 + 0.2,
        "placebo": DECIDED,
        "single_seconds": np.array([0.25, 1e-9]),
        "batch_seconds": 1.5,
        "checks": (BehaviourCheck(code="ids-matter", compared=7, changed=2),),
        "findings": (finding("ids-matter", "router", "they do", ["a", "b"]),),
        "method": "bubblewrap",
        "router": {"parameters": {"k": 5, "deep": None}, "fusion": "average"},
    }
    return EntryRun(**{**good, **changed})


def demand_same(one, other) -> None:
    assert type(one) is type(other)
    for name in () if one is None else (field.name for field in fields(one)):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("policy", [SCORED, DECIDED, None])
def test_a_run_comes_back_as_it_was(policy, tmp_path):
    run = a_run(policy=policy, placebo=None if policy is SCORED else SCORED, trade_off=None if policy is None else 0.5)
    save_run(run, tmp_path / "run.npz")
    back = load_run(tmp_path / "run.npz")
    demand_same(back.policy, run.policy)
    demand_same(back.placebo, run.placebo)
    np.testing.assert_array_equal(back.single_seconds, run.single_seconds)
    for name in ("trade_off", "batch_seconds", "checks", "findings", "method", "router"):
        assert getattr(back, name) == getattr(run, name)


def test_a_failed_run_is_kept_too(tmp_path):
    run = a_run(policy=None, placebo=None, trade_off=None, single_seconds=np.empty(0), batch_seconds=float("nan"))
    save_run(run, tmp_path / "run.npz")
    back = load_run(tmp_path / "run.npz")
    assert back.policy is None
    assert np.isnan(back.batch_seconds)
    assert back.findings == run.findings


def test_an_old_run_is_replaced_whole(tmp_path):
    save_run(a_run(), tmp_path / "run.npz")
    save_run(a_run(trade_off=9.0), tmp_path / "run.npz")
    assert load_run(tmp_path / "run.npz").trade_off == 9.0
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


@pytest.mark.parametrize("damage", ["absent", "empty", "cut", "changed", "pickle"])
def test_a_file_that_is_no_run_is_an_error_that_names_it(damage, tmp_path):
    file = tmp_path / "run.npz"
    save_run(a_run(), file)
    content = bytearray(file.read_bytes())
    if damage == "absent":
        file.unlink()
    elif damage == "pickle":
        np.savez(file, document=np.array([{}], dtype=object))
    else:
        content[100] ^= 0xFF
        file.write_bytes({"empty": b"", "cut": bytes(content[:50]), "changed": bytes(content)}[damage])
    with pytest.raises(DataError, match=r"run\.npz"):
        load_run(file)
