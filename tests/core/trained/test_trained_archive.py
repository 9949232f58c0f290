"""The file of a trained router: what goes in comes back bit for bit, and what is hostile or damaged is one line."""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from mmr_core.errors import DataError
from mmr_core.trained import archive
from mmr_core.trained.archive import packed, read_archive, write_archive

TITLE = "trained.json"
GOOD = {"router/centres": np.arange(6.0).reshape(2, 3), "fusion/known": np.array([True, False])}
DTYPES = [np.bool_, np.int8, np.uint16, np.int64, np.float32, np.float64]


@pytest.fixture
def read(tmp_path):
    """A function that reads bytes as a file of a trained router."""

    def reader(content: bytes):
        path = tmp_path / "router.mmr"
        path.write_bytes(content)
        return read_archive(path, TITLE)

    return reader


def zipped(members, compression=zipfile.ZIP_STORED) -> bytes:
    content = BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(content, "w", compression) as file:
        warnings.simplefilter("ignore")  # of two members with the same name
        for name, data in members:
            file.writestr(name, data)
    return content.getvalue()


def npy(array, **options) -> bytes:
    content = BytesIO()
    np.lib.format.write_array(content, array, **{"version": (1, 0), **options})
    return content.getvalue()


def claiming(shape, dtype="<f8", body=b"") -> bytes:
    """An .npy member whose header says what its body does not hold."""
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


class Trap:
    """What a pickle would run."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


HOSTILE = {
    "compressed": (zipped([(TITLE, "{}"), ("a.npy", npy(np.zeros(10**6)))], zipfile.ZIP_DEFLATED), "is compressed"),
    "climbing": (
        zipped([(TITLE, "{}"), ("../../evil.npy", npy(np.zeros(2)))]),
        "'../../evil.npy', which is not an array",
    ),
    "absolute": (zipped([(TITLE, "{}"), ("/etc/evil.npy", npy(np.zeros(2)))]), "which is not an array"),
    "backslash": (zipped([(TITLE, "{}"), ("..\\evil.npy", npy(np.zeros(2)))]), "which is not an array"),
    "script": (zipped([(TITLE, "{}"), ("run.py", "print(1)")]), "'run.py', which is not an array"),
    "folder": (zipped([(TITLE, "{}"), ("router/", "")]), "which is not an array"),
    "long name": (zipped([(TITLE, "{}"), ("a" * 300 + ".npy", npy(np.zeros(2)))]), "which is not an array"),
    "pickled": (
        zipped([(TITLE, "{}"), ("a.npy", npy(np.array([Trap()], dtype=object), allow_pickle=True))]),
        "holds pickled objects, which are not read",
    ),
    "twice": (
        zipped([(TITLE, "{}"), ("a.npy", npy(np.zeros(2))), ("a.npy", npy(np.ones(2)))]),
        "two members with the same",
    ),
    "no document": (zipped([("a.npy", npy(np.zeros(2)))]), "it has no 'trained.json'"),
    "no JSON": (zipped([(TITLE, "{")]), "is not JSON"),
    "no text": (zipped([(TITLE, b"\xff\xfe")]), "is not JSON"),
    "NaN": (zipped([(TITLE, '{"a": NaN}')]), "NaN is not a JSON number"),
    "deep": (zipped([(TITLE, "[" * 200_000)]), "is not JSON"),
    "no array": (zipped([(TITLE, "{}"), ("a.npy", b"nonsense")]), "is not an array"),
    "no expression": (
        zipped([(TITLE, "{}"), ("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", 12) + b"__import__()")]),
        "is not an array",
    ),
    "huge": (zipped([(TITLE, "{}"), ("a.npy", claiming((10**9, 10**9)))]), "expected 8000000000000000000 bytes"),
    "hugest": (zipped([(TITLE, "{}"), ("a.npy", claiming((0, 10**30)))]), "has an impossible shape"),
    "negative": (zipped([(TITLE, "{}"), ("a.npy", claiming((-1, -1), body=bytes(8)))]), "bytes for shape"),
    "short": (zipped([(TITLE, "{}"), ("a.npy", claiming((3,), body=bytes(16)))]), ", got 16"),
    "long": (zipped([(TITLE, "{}"), ("a.npy", claiming((1,), body=bytes(16)))]), ", got 16"),
    "foreign order": (zipped([(TITLE, "{}"), ("a.npy", claiming((1,), ">f8", bytes(8)))]), "expected plain numbers"),
    "text array": (zipped([(TITLE, "{}"), ("a.npy", npy(np.array(["a"])))]), "expected plain numbers"),
    "complex": (zipped([(TITLE, "{}"), ("a.npy", npy(np.array([1j])))]), "expected plain numbers"),
    "structured": (zipped([(TITLE, "{}"), ("a.npy", npy(np.zeros(1, dtype="f8,i4")))]), "expected plain numbers"),
    "strange booleans": (zipped([(TITLE, "{}"), ("a.npy", claiming((1,), "|b1", b"\7"))]), "neither true nor false"),
    "newer array": (zipped([(TITLE, "{}"), ("a.npy", npy(np.zeros(2), version=(2, 0)))]), "another version"),
    "empty": (b"", "damaged or not an archive"),
    "foreign": (b"\x80\x04pickle?", "damaged or not an archive"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_or_foreign_file_is_refused_in_one_line(name, read):
    content, reason = HOSTILE[name]
    with pytest.raises(DataError) as caught:
        read(content)
    line = str(caught.value)
    assert reason in line
    assert "router.mmr: is not a trained router" in line
    assert "\n" not in line
    assert len(line) < 500


def test_members_that_share_their_bytes_are_refused(read):
    plain = zipped([(TITLE, "{}"), ("a.npy", npy(np.zeros(500)))])
    start = plain.index(b"PK\x01\x02")
    end = plain.index(b"PK\x05\x06")
    entry = plain[plain.index(b"PK\x01\x02", start + 1) : end]
    copies = b"".join(entry.replace(b"a.npy", f"{letter}.npy".encode()) for letter in "bcdef")
    tail = bytearray(plain[end:])
    struct.pack_into("<HHI", tail, 8, 7, 7, end - start + len(copies))
    with pytest.raises(DataError, match=r"overlap|damaged"):
        read(plain[:end] + copies + bytes(tail))


def test_a_file_cut_anywhere_is_refused(read):
    whole = packed(TITLE, {"a": 1}, GOOD)
    for length in range(0, len(whole), 7):
        with pytest.raises(DataError, match="is not a trained router"):
            read(whole[:length])


def test_a_changed_byte_of_an_array_is_found(read):
    whole = bytearray(packed(TITLE, {"a": 1}, GOOD))
    place = bytes(whole).index(np.arange(6.0).tobytes()) + 9
    whole[place] ^= 1
    with pytest.raises(DataError, match="damaged"):
        read(bytes(whole))


def test_too_large_a_file_document_or_number_of_members_is_refused(read, tmp_path, monkeypatch):
    whole = packed(TITLE, {"a": "b" * 100}, GOOD)
    for limit, reason in (("LARGEST_FILE", "larger than"), ("LARGEST_DOCUMENT", "larger than"), ("MOST_MEMBERS", "2")):
        with monkeypatch.context() as patch:
            patch.setattr(archive, limit, 2)
            with pytest.raises(DataError, match=reason):
                read(whole)
    monkeypatch.setattr(archive, "LARGEST_FILE", 2)
    with pytest.raises(DataError, match="more than 2"):
        write_archive(tmp_path / "other", TITLE, {}, GOOD)
    assert not (tmp_path / "other").exists()


def test_an_absent_file_and_a_folder_are_named(tmp_path):
    for path, reason in ((tmp_path / "absent.mmr", "there is no such file"), (tmp_path, "is a folder")):
        with pytest.raises(DataError, match=f"{path.name}: {reason}"):
            read_archive(path, TITLE)


@given(
    document=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.none()),
    arrays=st.dictionaries(
        st.from_regex(archive.ARRAY_NAME, fullmatch=True).filter(lambda name: len(name) < 100 and name.isascii()),
        st.sampled_from(DTYPES).flatmap(lambda d: arrays_of.arrays(d, arrays_of.array_shapes(min_dims=0, min_side=0))),
        max_size=3,
    ),
    fortran=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_document_and_arrays_come_back_bit_for_bit(document, arrays, fortran):
    given_arrays = {
        name: np.asfortranarray(array) if fortran and array.ndim else array for name, array in arrays.items()
    }
    content = packed(TITLE, document, given_arrays)
    assert content == packed(TITLE, document, {name: array.copy(order="K") for name, array in given_arrays.items()})
    back, again = archive.unpacked(content, TITLE)
    assert back == document
    assert list(again) == list(given_arrays)
    for name, array in given_arrays.items():
        assert (again[name].dtype, again[name].shape) == (array.dtype, array.shape)
        assert again[name].tobytes() == array.tobytes()
        assert again[name].base is None
        assert again[name].flags.aligned
        assert again[name].flags.f_contiguous == array.flags.f_contiguous


def test_any_zip_program_can_look_into_it(tmp_path):
    write_archive(tmp_path / "router.mmr", TITLE, {"a": [1, 2]}, GOOD)
    with zipfile.ZipFile(tmp_path / "router.mmr") as file:
        assert file.namelist() == [TITLE, "router/centres.npy", "fusion/known.npy"]
        assert json.loads(file.read(TITLE)) == {"a": [1, 2]}
        np.testing.assert_array_equal(np.load(BytesIO(file.read("router/centres.npy"))), GOOD["router/centres"])
        assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
