"""Whatever a process wrote becomes checked answers or one finding; nothing that it can write raises."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmr_core.runner.policies import GRID
from mmr_leaderboard.child.driver import archive
from mmr_leaderboard.findings import Finding
from mmr_leaderboard.jobs.answers import Answers, ExpectedReply, read_answers

DUE = (ExpectedReply(queries=3, each=True), ExpectedReply(queries=2))
MODELS = 2
LARGEST = 1 << 20


def arrays(**changed) -> dict[str, np.ndarray]:
    """A good answer to `DUE`, some members changed or (None) left out."""
    good = {
        "0-utility": np.arange(6.0).reshape(3, 2),
        "0-cost": np.ones((3, 2)),
        "0-seconds": np.array([0.1, 0.2, 0.3]),
        "1-utility": np.ones((2, 2)),
        "1-cost": np.ones((2, 2)),
        "1-seconds": np.array([0.5]),
        "stated": said({"parameters": {"k": 5}, "fusion": "average"}),
    }
    merged = {**good, **{name.replace("_", "-"): value for name, value in changed.items()}}
    return {name: value for name, value in merged.items() if value is not None}


def said(content: object) -> np.ndarray:
    return np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)


def decided(word: str, first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    good = arrays()
    return {
        f"0-{word}": first,
        "0-seconds": good["0-seconds"],
        f"1-{word}": second,
        "1-seconds": good["1-seconds"],
        "stated": good["stated"],
    }


def read(content: bytes, folder: Path) -> Answers | Finding:
    file = folder / "answer.npz"
    file.write_bytes(content)
    return read_answers(file, DUE, models=MODELS, cost_scale=0.5, largest=LARGEST, where="router")


def code_of(content: bytes, folder: Path) -> str:
    given = read(content, folder)
    assert isinstance(given, Finding)
    assert given.message.isprintable()
    return given.code


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_a_good_answer_is_read_in_normalised_cost(tmp_path):
    given = read(archive(arrays()), tmp_path)
    assert isinstance(given, Answers)
    first, second = given.replies
    np.testing.assert_array_equal(first.policy.pred_utility, np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(first.policy.pred_cost, np.full((3, 2), 2.0))
    np.testing.assert_array_equal(first.seconds, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(second.seconds, [0.5])
    assert given.stated["parameters"] == {"k": 5}
    assert given.stated["fusion"] == "average"


def test_what_numpy_writes_is_what_the_child_writes(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays())
    assert members(buffer.getvalue()) == members(archive(arrays()))


def test_choices_and_probabilities_are_read_at_every_weight(tmp_path):
    weights = len(GRID)
    choice = decided("choice", np.ones((weights, 3), dtype=np.int64), np.zeros((weights, 2), dtype=np.int64))
    given = read(archive(choice), tmp_path)
    np.testing.assert_array_equal(given.replies[0].policy.probabilities[0], [[0, 1]] * 3)
    chances = decided("probabilities", np.full((weights, 3, 2), 0.5), np.full((weights, 2, 2), 0.5))
    given = read(archive(chances), tmp_path)
    np.testing.assert_array_equal(given.replies[1].policy.probabilities[0], [[0.5, 0.5]] * 2)


WRONG = {
    "a row too many": ({"1_utility": np.ones((3, 2))}, "wrong-shape"),
    "whole numbers": ({"1_cost": np.ones((2, 2), dtype=np.int64)}, "wrong-shape"),
    "a number that is not one": ({"0_cost": np.array([[1, 1], [1, np.nan], [1, 1]])}, "not-finite"),
    "infinity": ({"0_utility": np.full((3, 2), np.inf)}, "not-finite"),
    "nearly infinity": ({"0_utility": np.full((3, 2), -1e300)}, "not-finite"),
    "objects": ({"1_cost": np.zeros((2, 2), dtype="S8")}, "not-an-array-file"),
    "records": ({"1_cost": np.zeros((2, 2), dtype=[("a", "f8")])}, "not-an-array-file"),
    "a member too few": ({"1_cost": None}, "not-an-array-file"),
    "a member too many": ({"more": np.ones(3)}, "not-an-array-file"),
    "times that are none": ({"0_seconds": np.array([1, -1, 1.0])}, "not-an-array-file"),
    "too few times": ({"0_seconds": np.ones(1)}, "not-an-array-file"),
    "no table of words": ({"stated": said([1])}, "not-an-array-file"),
    "no words": ({"stated": np.arange(9, dtype=np.uint8)}, "not-an-array-file"),
    "words without end": ({"stated": said({"parameters": "x" * (1 << 17)})}, "not-an-array-file"),
    "words too deep": ({"stated": np.frombuffer(b"[" * 60000, dtype=np.uint8)}, "not-an-array-file"),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_answer_with_something_wrong_is_a_finding(what, tmp_path):
    changed, code = WRONG[what]
    assert code_of(archive(arrays(**changed)), tmp_path) == code


def test_decisions_must_keep_the_contract(tmp_path):
    weights = len(GRID)
    good = np.zeros((weights, 2), dtype=np.int64)
    for bad in (np.full((weights, 3), 2), np.full((weights, 3), -1), np.zeros((weights, 4), dtype=np.int64)):
        assert code_of(archive(decided("choice", bad.astype(np.int64), good)), tmp_path) == "bad-decision"
    fair = np.full((weights, 2, 2), 0.5)
    for bad in (np.full((weights, 3, 2), 0.4), np.full((weights, 3, 2), np.nan), np.tile([2.0, -1.0], (weights, 3, 1))):
        assert code_of(archive(decided("probabilities", bad, fair)), tmp_path) == "bad-decision"


def test_other_files_are_not_array_files(tmp_path):
    good = archive(arrays())
    parts = members(good)
    fortran = io.BytesIO()
    np.save(fortran, np.asfortranarray(np.ones((2, 2))))
    pickled = io.BytesIO()
    np.save(pickled, np.array([[{}, 1], [2, 3]], dtype=object), allow_pickle=True)
    short = {**parts, "1-cost.npy": parts["1-cost.npy"][:-8]}
    long = {**parts, "1-cost.npy": parts["1-cost.npy"] + b"more"}
    vast = parts["1-cost.npy"].replace(b"(2, 2)", b"(9**9,)")
    hostile = {
        "nothing like it": b"junk",
        "a pickle": pickle.dumps([1, 2]),
        "deflated": zipped(parts, zipfile.ZIP_DEFLATED),
        "Fortran order": zipped({**parts, "1-cost.npy": fortran.getvalue()}),
        "a pickled array": zipped({**parts, "1-cost.npy": pickled.getvalue()}),
        "short": zipped(short),
        "long": zipped(long),
        "reckoned shape": zipped({**parts, "1-cost.npy": vast}),
        "later format": zipped({**parts, "1-cost.npy": parts["1-cost.npy"].replace(b"\x01\x00", b"\x02\x00", 1)}),
        "an escape": zipped({**parts, "../1-cost.npy": b""}),
        "other order": zipped(dict(reversed(parts.items()))),
        "cut": good[:-1],
        "something before": b"x" + good,
        "something behind": good + b"x",
        "a comment": good[:-2] + b"\x05\x00hello",
    }
    for what, content in hostile.items():
        assert code_of(content, tmp_path) == "not-an-array-file", what


def test_an_end_that_claims_millions_of_members_is_not_believed(tmp_path):
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *[0] * 16)
    directory = entry * 20000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 20000, 20000, len(directory), 0, 0)
    given = read(directory + end, tmp_path)
    assert given.code == "not-an-array-file"
    assert "more members" in given.message


def test_size_and_kind_of_the_file_are_looked_at_first(tmp_path):
    assert code_of(b"", tmp_path) == "no-answer"
    assert code_of(b"x" * (LARGEST + 1), tmp_path) == "output-too-large"
    for name, make in (
        ("link", lambda path: path.symlink_to("/dev/zero")),
        ("pipe", os.mkfifo),
        ("folder", Path.mkdir),
        ("absent", lambda path: None),
    ):
        make(tmp_path / name)
        given = read_answers(tmp_path / name, DUE, models=2, cost_scale=1.0, largest=LARGEST, where="router")
        assert isinstance(given, Finding)
        assert given.code == "not-an-array-file", name


def test_words_about_the_router_are_made_harmless(tmp_path):
    odd = {
        "parameters": {"k\x1b[2J": "a\x07b", "deep": {"x": [1]}, "big": 2**70, "nan": float("nan"), "on": True},
        "fusion": ["no", "word"],
        "surprise": 1,
    }
    given = read(archive(arrays(stated=said(odd))), tmp_path)
    assert set(given.stated) == {"canonical_id", "version", "default_fusion", "fusion"} | {
        "parameters",
        "fusion_parameters",
    }
    parameters = given.stated["parameters"]
    assert parameters["on"] is True
    assert all(isinstance(value, str) and value.isprintable() for name, value in parameters.items() if name != "on")
    assert all(name.isprintable() for name in parameters)
    json.dumps(given.stated, allow_nan=False)


GOOD = archive(arrays())


@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=8),
    st.integers(0, len(GOOD)),
    st.binary(max_size=20),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damaged_answer_raises(tmp_path, changes, cut, more):
    for start in (GOOD, GOOD[:cut]):
        damaged = bytearray(start)
        for at, value in changes:
            if at < len(damaged):
                damaged[at] = value
        for content in (bytes(damaged), bytes(damaged) + more):
            given = read(content, tmp_path)
            assert isinstance(given, Finding | Answers)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_header_of_an_array_raises(tmp_path, header):
    parts = members(GOOD)
    npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(32)
    given = read(zipped({**parts, "1-cost.npy": npy}), tmp_path)
    assert isinstance(given, Finding)
    assert given.code in ("not-an-array-file", "wrong-shape")
