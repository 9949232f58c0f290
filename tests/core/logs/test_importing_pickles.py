"""Pickles are read without running anything of theirs: data come back as they were, all else is refused by name."""

from __future__ import annotations

import collections
import contextlib
import datetime
import functools
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.errors import DataError
from mmr_core.logs.pickles import Block, load_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """A function that writes bytes, or the pickle of a value, to a file and reads it."""

    def call(value: Any, protocol: int = 4) -> Any:
        content = value if isinstance(value, bytes) else pickle.dumps(value, protocol=protocol)
        (tmp_path / "x.pkl").write_bytes(content)
        return load_pickle(tmp_path / "x.pkl")

    return call


ARRAYS = [
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.array([[True], [False]]),
    np.array(["ab", "cde"]),
    np.array([b"ab", b"c"]),
    np.array([1, 2], dtype=">i4"),
    np.array([1 + 2j]),
    np.zeros((0, 4)),
    np.array(3.5),
    np.array([1.0, np.nan]),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_come_back_as_they_were(load: Any, array: np.ndarray[Any, Any], protocol: int) -> None:
    found = load(array, protocol)
    assert type(found) is np.ndarray or array.shape == ()
    assert np.asarray(found).dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_of_objects_hold_what_they_held(load: Any, protocol: int) -> None:
    array = np.array(["a", 1, None, [2.5, "b"], np.float64(3)], dtype=object)
    found = load(array, protocol)
    assert found.dtype == object
    assert found.tolist() == array.tolist()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_containers_and_scalars_come_back(load: Any, protocol: int) -> None:
    content = {
        "easy": {3: {"model": ["a", "b"], "score": np.float64(0.5), "n": np.int64(7)}},
        "many": (1, 2.5, True, None, "é", b"\x00\xff", bytearray(b"x"), {1, 2}, frozenset({3}), 1 + 2j, 10**30),
        "ordered": collections.OrderedDict(a=1),
        "default": collections.defaultdict(list, {"k": [1]}),
    }
    found = load(content, protocol)
    assert found == content
    assert type(found["ordered"]) is type(found["default"]) is dict


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_frames_come_back(load: Any, protocol: int) -> None:
    frame = pd.DataFrame(
        {
            "id": pd.Series(["x.1", "x.2", ""], dtype=object),
            "a": [0.0, 1.0, np.nan],
            "b": [1, 2, 3],
            "c": [0.5, 0.25, 1.0],
            "d": [True, False, True],
        }
    )
    frame.columns = pd.Index(frame.columns.tolist(), dtype=object)
    found = load(frame, protocol)
    pd.testing.assert_frame_equal(found.astype({"id": object}), frame, check_column_type=False)
    pd.testing.assert_frame_equal(load(frame.set_index("b")[["a", "c"]], protocol), frame.set_index("b")[["a", "c"]],
                                  check_column_type=False)  # fmt: skip
    pd.testing.assert_series_equal(load(frame["a"], protocol), frame["a"])


def test_a_frame_as_older_versions_of_pandas_state_it_comes_back(load: Any) -> None:
    """Version 1 named `pandas.core.indexes.numeric.Int64Index` and stated the manager of a frame as a tuple."""
    array = pickle.dumps(np.array([[1.0, 2.0]]), protocol=2)[2:-1]
    labels = pickle.dumps(np.array(["a"], dtype=object), protocol=2)[2:-1]
    numbers = pickle.dumps(np.array([7, 9]), protocol=2)[2:-1]

    def index(kind: bytes, data: bytes) -> bytes:
        return b"cpandas.core.indexes.base\n_new_Index\n(" + kind + b"\n}(U\x04data" + data + b"U\x04nameNutR"

    axes = b"]" + index(b"cpandas.core.indexes.base\nIndex", labels) + b"a"
    axes += index(b"cpandas.core.indexes.numeric\nInt64Index", numbers) + b"a"
    blocks = b"](}(U\x06values" + array + b"U\x08mgr_locsc__builtin__\nslice\n(K\x00K\x01K\x01tRue"
    manager = b"cpandas.core.internals.managers\nBlockManager\n)\x81("
    manager += b"]]]}U\x060.14.1}(U\x04axes" + axes + b"U\x06blocks" + blocks + b"ustb"
    content = b"\x80\x02cpandas.core.frame\nDataFrame\n)\x81}(U\x05_data" + manager + b"U\x04_typU\tdataframeub."
    found = load(content)
    pd.testing.assert_frame_equal(found, pd.DataFrame({"a": [1.0, 2.0]}, index=[7, 9]), check_column_type=False)


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(value=JSON_LIKE, protocol=st.sampled_from(list(PROTOCOLS)))
def test_whatever_is_plain_comes_back(tmp_path_factory: pytest.TempPathFactory, value: Any, protocol: int) -> None:
    file = tmp_path_factory.mktemp("plain") / "x.pkl"
    file.write_bytes(pickle.dumps(value, protocol=protocol))
    assert load_pickle(file) == value


class Runs:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


HOSTILE = {
    "system": (Runs(os.system, "touch mark"), r"posix\.system|nt\.system"),
    "eval": (Runs(eval, "open('mark', 'w')"), r"builtin.*\.eval"),
    "open": (Runs(open, "mark", "w"), r"_?io\.open"),
    "getattr": (Runs(getattr, [], "append"), r"builtin.*\.getattr"),
    "partial": (Runs(functools.partial, print), r"functools\.partial"),
    "in a list": ([1, {"a": (Runs(os.mkdir, "mark"),)}], r"\.mkdir"),
    "in an array": (np.array([Runs(os.mkdir, "mark")], dtype=object), r"\.mkdir"),
    "a path": (Path("x"), r"pathlib"),
    "a date": (datetime.date(2025, 1, 1), r"datetime\.date"),
    "a function": (os.getcwd, r"getcwd"),
    "an array of dates": (np.array(["2025-01-01"], dtype="datetime64[D]"), "not read"),
    "an array of records": (np.array([(1, 2.0)], dtype="i4,f8"), "not read"),
    "a masked array": (np.ma.array([1], mask=[True]), r"numpy\.ma"),
    "a categorical": (pd.Series(["a"], dtype="category"), r"pandas"),
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_data_is_refused_by_name(
    load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, protocol: int
) -> None:
    value, words = HOSTILE[name]
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(value, protocol=protocol)
    with pytest.raises(DataError, match=words):
        load(content)
    assert [path.name for path in tmp_path.iterdir()] == ["x.pkl"]


def text(value: str) -> bytes:
    """A short text as protocol 4 writes it."""
    return b"\x8c" + struct.pack("B", len(value)) + value.encode()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "dict.__class__"),
        ("builtins", "getattr"),
        ("numpy", "ndarray.__class__.__base__"),
        ("numpy", "load"),
        ("numpy.core.multiarray", "os.system"),
        ("pandas", "read_pickle"),
        ("pandas", "DataFrame.to_csv"),
        ("numpy._core.", "dtype"),
        ("mmr_core.logs.pickles", "load_pickle"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(load: Any, module: str, name: str) -> None:
    with pytest.raises(DataError, match="asks for"):
        load(b"\x80\x04" + text(module) + text(name) + b"\x93.")


def test_a_class_that_is_left_as_data_is_refused(load: Any) -> None:
    for module, name in (("builtins", "dict"), ("numpy", "ndarray"), ("_codecs", "encode")):
        with pytest.raises(DataError, match="holds a"):
            load(b"\x80\x04]" + text(module) + text(name) + b"\x93a.")


def test_an_array_of_objects_cannot_be_made_of_bytes(load: Any) -> None:
    """numpy itself would take such bytes for addresses of objects."""
    content = pickle.dumps(np.array([7, 8]), protocol=4).replace(b"\x8c\x02i8", b"\x8c\x02O8")
    with pytest.raises(DataError, match="other contents"):
        load(content)


def test_a_shape_that_is_larger_than_its_bytes_is_refused(load: Any) -> None:
    content = pickle.dumps(np.array([7, 8]), protocol=2)
    assert content.count(b"K\x02\x85") == 1
    with pytest.raises(DataError, match="other contents"):
        load(content.replace(b"K\x02\x85", b"J\xff\xff\xff\x7f\x85"))


def test_what_reads_pickles_cannot_be_changed_by_one(load: Any) -> None:
    """The operation that fills an object may name a class instead, and so set attributes for the next file."""
    content = (
        b"\x80\x04"
        + text("pandas._libs.internals")
        + text("_unpickle_block")
        + b"\x93N}"
        + text("made")
        + b"K\x01s\x86b."
    )
    with pytest.raises(DataError, match="tries to change its reader"):
        load(content)
    assert not hasattr(Block, "made")


def test_bytes_that_are_not_in_the_file_are_refused(load: Any) -> None:
    with pytest.raises(DataError, match="bytes that it does not contain"):
        load(Runs(bytes, 10**9))


def test_something_that_contains_itself_is_refused(load: Any) -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(DataError, match="contains itself"):
        load(loop)


def test_many_references_to_one_thing_are_made_once(load: Any) -> None:
    laughs: list[Any] = ["ha"]
    for _ in range(200):
        laughs = [laughs, laughs]
    found = load(laughs)
    assert found[0] is found[1]


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x04", b"\x80\x09K\x01.", b"Pid\n."])
def test_what_is_no_pickle_is_an_error(load: Any, content: bytes) -> None:
    with pytest.raises(DataError):
        load(content)


@pytest.mark.parametrize("length", range(1, 120, 7))
def test_a_pickle_that_was_cut_short_is_an_error(load: Any, length: int) -> None:
    content = pickle.dumps({"a": np.arange(5.0), "b": ["x"] * 9}, protocol=4)
    with pytest.raises(DataError):
        load(content[:length])


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_pickle_is_data_or_an_error(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(pickle.dumps({"a": np.arange(3.0), "b": np.array(["x", 1], dtype=object)}, protocol=2))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.mktemp("damaged") / "x.pkl"
    file.write_bytes(bytes(content))
    with contextlib.suppress(DataError):
        assert type(load_pickle(file)) in (dict, list, tuple, set, str, int, float, bool, bytes, type(None), np.ndarray)
