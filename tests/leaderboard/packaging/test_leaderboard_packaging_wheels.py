"""A wheel is looked at, not installed: what is refused, under which code, and what a good one is taken for."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmr_leaderboard.packaging import archives
from mmr_leaderboard.packaging.archives import checked_entries
from mmr_leaderboard.packaging.requirements import EnvironmentRefused
from mmr_leaderboard.packaging.wheels import look_at
from mmr_leaderboard.submission.manifest import Requirement

TAKEN = frozenset({"json", "numpy", "mmr_core", "sitecustomize"})
CODE = b"value = 1\n"


def refusal(path: Path, requirement: Requirement) -> EnvironmentRefused:
    with pytest.raises(EnvironmentRefused) as caught:
        look_at(path, requirement, TAKEN)
    assert str(path.parent) not in str(caught.value.finding)
    return caught.value


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


def packed_with(name: str, method: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = method
    return info


def test_a_good_wheel_is_taken_for_what_it_is(wheel, pinned):
    path = wheel(
        {"demo/__init__.py": CODE, "single.py": CODE, "demo-1.0.data/purelib/third/__init__.py": CODE},
        metadata=("Requires-Dist: numpy>=1", "Requires-Dist: other; extra == 'more'", "Requires-Python: >=3.11"),
    )
    requirement = pinned(path, "Demo==1.0.0")
    seen = look_at(path, requirement, TAKEN)
    assert (seen.distribution, seen.version) == ("demo", "1.0.0")
    assert seen.modules == {"demo", "single", "third"}
    assert seen.needs == ("numpy>=1",)
    assert requirement.hashes == (f"sha256:{seen.sha256}",)
    assert seen.is_plugin


def test_scripts_and_data_are_no_fault_of_a_wheel(wheel, pinned):
    path = wheel({"demo/__init__.py": CODE, "demo-1.0.data/scripts/numpy": CODE, "demo-1.0.data/data/etc/x": CODE})
    assert look_at(path, pinned(path), TAKEN).modules == {"demo"}


HOSTILE = {
    "a path that escapes": ({"../evil.py": CODE}, "escapes"),
    "a path that escapes later": ({"demo/../../evil.py": CODE}, "escapes"),
    "an absolute name": ({"/tmp/evil.py": CODE}, "absolutely"),
    "a name of another system": ({"..\\evil.py": CODE}, "absolutely"),
    "a drive": ({"C:evil.py": CODE}, "absolutely"),
    "an empty part": ({"demo//evil.py": CODE}, "escapes"),
    "a name for the terminal": ({"demo/\x1b[2J.py": CODE}, "unprintable"),
    "a name without end": ({"demo/" + "x" * 300 + ".py": CODE}, "too long"),
    "a symbolic link": ({link("demo/link"): b"/etc/passwd"}, "symbolic link"),
    "another compression": ({packed_with("demo/a.py", zipfile.ZIP_BZIP2): CODE}, "compressed"),
    "a file that is a folder": ({"demo": CODE, "demo/a.py": CODE}, "a file and a folder"),
    "a path file": ({"evil.pth": b"import os"}, ".pth"),
    "a path file below": ({"demo-1.0.data/purelib/EVIL.PTH": b"import os"}, ".pth"),
    "a module of Python": ({"json.py": CODE}, "modules with names"),
    "a library of the runner": ({"numpy/__init__.py": CODE}, "modules with names"),
    "a library in other letters": ({"NumPy/__init__.py": CODE}, "modules with names"),
    "a compiled library": ({"numpy.cpython-311-x86_64-linux-gnu.so": CODE}, "modules with names"),
    "a library by the back door": ({"demo-1.0.data/platlib/numpy/__init__.py": CODE}, "modules with names"),
    "the engine": ({"mmr_core/sweep.py": CODE}, "modules with names"),
    "a module that starts by itself": ({"sitecustomize.py": CODE}, "modules with names"),
    "a second description": ({"mmr_bench-0.1.0.dist-info/METADATA": CODE}, "its content is not a wheel's"),
    "a description in old form": ({"mmr_bench.egg-info/PKG-INFO": CODE}, "second distribution"),
    "a hidden description": ({"demo-1.0.data/purelib/mmr_bench-0.1.0.dist-info/METADATA": CODE}, "second distribution"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_entry_is_refused(what, wheel, pinned):
    entries, said = HOSTILE[what]
    path = wheel(entries)
    error = refusal(path, pinned(path))
    assert error.code == "hostile-wheel"
    assert said in str(error)


def test_an_entry_that_is_there_twice_is_refused(wheel, pinned):
    path = wheel({"demo.py": CODE})
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("demo.py", b"value = 2\n")
    assert "twice" in str(refusal(path, pinned(path)))


def test_an_encrypted_entry_is_refused(wheel, pinned):
    path = wheel({"demo.py": CODE})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    assert "encrypted" in str(refusal(path, pinned(path)))


def test_a_bomb_is_refused_before_it_goes_off(wheel, pinned):
    path = wheel({"demo.py": bytes(archives.SMALL_BYTES + 1)})
    assert "times its size" in str(refusal(path, pinned(path)))


def test_too_much_is_refused(wheel, pinned, monkeypatch):
    path = wheel({f"demo/{i}.py": os.urandom(50) for i in range(20)})
    monkeypatch.setattr(archives, "ENTRIES", 20)
    assert "entries" in str(refusal(path, pinned(path)))
    monkeypatch.setattr(archives, "ENTRIES", 40)
    monkeypatch.setattr(archives, "UNPACKED_BYTES", 900)
    assert "unpacks to" in str(refusal(path, pinned(path)))


def test_a_file_that_is_too_large_is_not_read(wheel, pinned):
    path = wheel()
    requirement = pinned(path)
    with path.open("ab") as file:
        file.truncate(archives.FILE_BYTES + 1)
    error = refusal(path, requirement)
    assert (error.code, "bytes" in str(error)) == ("hostile-wheel", True)


def _claiming_a_large_table(content: bytes) -> bytes:
    return content[:-10] + (64 << 20).to_bytes(4, "little") + content[-6:]


BROKEN = {
    "is no archive": lambda content: b"MZ" + bytes(400),
    "is cut off": lambda content: content[: len(content) // 2],
    "has something behind its end": lambda content: content + b"#!/bin/sh",
    "has a comment": lambda content: content[:-2] + b"\x02\x00hi",
    "is a 64-bit archive": lambda content: content[:-22] + b"PK\x06\x07" + bytes(16) + content[-22:],
    "has a table of entries without end": _claiming_a_large_table,
    "is empty": lambda content: b"",
}


@pytest.mark.parametrize("how", BROKEN)
def test_an_archive_that_is_read_in_two_ways_is_refused(how, wheel, pinned):
    path = wheel()
    path.write_bytes(BROKEN[how](path.read_bytes()))
    assert refusal(path, pinned(path)).code == "hostile-wheel"


INSIDE = {
    "it has no METADATA": {"metadata": None},
    "another name": {"metadata": ("Name: other",)},
    "another version": {"metadata": ("Version: 2.0",)},
    "no version": {"metadata": ("Version: newest",)},
    "a wrong hash": {"record": {"demo/__init__.py": "demo/__init__.py,sha256=AAAA,10"}},
    "a file that RECORD does not know": {"record": {"demo/__init__.py": ""}},
    "a version of very many digits": {"metadata": (f"Version: 1.{'0' * 5000}",)},
    "a requirement that means nothing": {"metadata": ("Requires-Dist: ==??",)},
    "a marker that means nothing": {"metadata": ("Requires-Dist: a; os_name ~= 'b'",)},
    "a marker without end": {"metadata": (f"Requires-Dist: a; {'(' * 9000}os_name == 'b'{')' * 9000}",)},
    "entry points in no letters": {"entry_points": "[mmr.plugins.v1]\n\udcff"},
    "METADATA without end": {"metadata": ("Summary: " + "x" * (1 << 20),)},
    "a Python that means nothing": {"metadata": ("Requires-Python: new",)},
}


@pytest.mark.parametrize("what", INSIDE)
def test_a_wheel_that_contradicts_itself_is_refused(what, wheel, pinned):
    path = wheel(**INSIDE[what])
    assert refusal(path, pinned(path)).code == "hostile-wheel"


@pytest.mark.parametrize(
    "name",
    ["demo-1.0.tar.gz", "demo-1.0.zip", "demo.whl", "other-1.0-py3-none-any.whl", "demo-1.1-py3-none-any.whl",
     "demo-1.0-py2-none-any.whl", "demo-1.0-cp311-cp311-win_amd64.whl", "demo-1.0-cp27-cp27m-manylinux1_x86_64.whl"],
)  # fmt: skip
def test_what_is_no_wheel_for_this_requirement_and_platform_is_refused(name, wheel, pinned):
    path = wheel()
    path = path.rename(path.with_name(name))
    assert refusal(path, pinned(path)).code == "no-wheel"


def test_a_wheel_for_another_python_is_refused(wheel, pinned):
    path = wheel(metadata=("Requires-Python: <3.0",))
    assert refusal(path, pinned(path)).code == "no-wheel"


def test_a_file_that_is_not_the_pinned_one_is_refused(wheel, pinned):
    path = wheel()
    requirement = pinned(path)
    path = wheel({"demo/__init__.py": b"value = 2\n"})
    assert refusal(path, requirement).code == "hash-mismatch"


def test_a_name_with_a_second_ending_behind_a_zero_is_refused(wheel, pinned):
    path = wheel({"demo/a.py~.txt": CODE}, record={"demo/a.py~.txt": "demo/a.py,,"})
    path.write_bytes(path.read_bytes().replace(b"a.py~.txt", b"a.py\0.txt"))
    assert "unprintable" in str(refusal(path, pinned(path)))


letters = st.characters(codec="utf-8", exclude_characters="\0")


@given(
    st.lists(st.one_of(st.text(letters, max_size=5), st.sampled_from(["..", "/", ".", "\\"])), min_size=1, max_size=8)
)
def test_whatever_passes_stays_in_its_folder(parts):
    name = "/".join(parts) or "."
    handle = os.memfd_create("wheel")  # a file in memory: many examples, and no disk
    try:
        path = Path(f"/proc/self/fd/{handle}")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, CODE)
        try:
            entries = checked_entries(path, "wheel")
        except EnvironmentRefused:
            return
        for entry in entries:
            assert os.path.abspath(os.path.join("/folder", entry.filename)).startswith("/folder/")
    finally:
        os.close(handle)
