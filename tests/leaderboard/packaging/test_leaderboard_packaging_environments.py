"""Environments hold what wheels bring, run nothing of it, and are there whole or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mmr_leaderboard.packaging import environments
from mmr_leaderboard.packaging.environments import environment, finished_folder
from mmr_leaderboard.packaging.requirements import EnvironmentRefused
from mmr_leaderboard.packaging.wheels import Wheel, look_at


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def seen(wheel, pinned):
    """A function that makes a wheel and looks at it."""

    def make(*arguments, **options) -> Wheel:
        path = wheel(*arguments, **options)
        return look_at(path, pinned(path, "==".join(path.name.split("-")[:2])), ())

    return make


def test_a_wheel_can_be_imported_from_its_environment(seen, tmp_path):
    made = environment([seen({"demo/__init__.py": b"value = 41 + 1\n"})], tmp_path / "cache")
    code = f"import sys; sys.path.append({str(made.site)!r}); import demo; print(demo.value, sys.version_info[:2])"
    printed = subprocess.check_output([str(made.python), "-I", "-S", "-c", code], text=True, env={})
    assert printed.strip() == f"42 {sys.version_info[:2]}"


def test_nothing_is_compiled_and_nothing_but_importable_files_comes_to_lie_where_python_looks(seen, tmp_path):
    entries = {
        "demo/__init__.py": b"",
        "demo-1.0.data/scripts/python": b"#!python\n",
        "demo-1.0.data/data/pyvenv.cfg": b"home = /nowhere\n",
        "demo-1.0.data/data/lib/python3.11/site-packages/sneaked.py": b"",
        "demo-1.0.data/headers/demo.h": b"",
        "demo-1.0.data/platlib/third.py": b"",
    }
    made = environment([seen(entries)], tmp_path / "cache")
    assert names(made.site) == {"demo", "third.py", "demo-1.0.dist-info"}
    assert not list(made.folder.rglob("*.pyc"))
    assert "nowhere" not in (made.folder / "pyvenv.cfg").read_text()
    assert made.python.is_symlink()
    assert names(made.folder / "set-aside") == {"scripts", "data", "headers"}


def test_no_code_of_a_wheel_runs_while_it_is_installed(seen, tmp_path):
    trap = f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n".encode()
    entries = {"demo/__init__.py": trap, "setup.py": trap, "demo-1.0.data/scripts/demo": b"#!python\n" + trap}
    environment([seen(entries)], tmp_path / "cache")
    assert not (tmp_path / "ran").exists()


def test_an_environment_is_made_once(seen, tmp_path, monkeypatch):
    wheels = [seen(), seen(name="other", entries={"other.py": b""})]
    first = environment(wheels, tmp_path / "cache")
    monkeypatch.setattr(environments, "_make", lambda *_: pytest.fail("it was made twice"))
    assert environment(list(reversed(wheels)), tmp_path / "cache") == first


def test_other_wheels_have_another_environment(seen, tmp_path):
    first = environment([seen()], tmp_path / "cache")
    second = environment([seen({"demo/__init__.py": b"value = 2\n"})], tmp_path / "cache")
    assert first.folder != second.folder


def test_an_installation_that_is_killed_is_never_taken_for_whole(seen, tmp_path):
    one, other = seen(), seen(name="other", entries={"other.py": b""})
    code = f"""
        import os, pathlib, signal
        from mmr_leaderboard.packaging import environments
        from mmr_leaderboard.packaging.wheels import Wheel
        unpack = environments._unpack
        def killed(wheel, destination):
            unpack(wheel, destination)
            os.kill(os.getpid(), signal.SIGKILL)
        environments._unpack = killed
        rest = dict(distribution="", version="", modules=(), needs=(), is_plugin=True)
        wheels = [Wheel(path=pathlib.Path(path), sha256=sha256, **rest)
                  for path, sha256 in {[(str(one.path), one.sha256), (str(other.path), other.sha256)]!r}]
        environments.environment(wheels, pathlib.Path({str(tmp_path / "cache")!r}))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    [left] = (tmp_path / "cache").iterdir()
    assert list(left.rglob("demo"))
    made = environment([one, other], tmp_path / "cache")
    assert left != made.folder
    assert {"demo", "other.py"} <= names(made.site)
    assert names(tmp_path / "cache") == {made.folder.name}


def test_of_two_who_make_the_same_folder_the_first_that_is_done_wins(tmp_path):
    target = tmp_path / "cache" / "wanted"

    def slow(folder: Path) -> None:
        finished_folder(target, lambda quick: (quick / "quick").touch())
        (folder / "slow").touch()

    assert finished_folder(target, slow) == target
    assert names(target) == {"quick"}
    assert names(target.parent) == {"wanted"}


def test_making_that_fails_leaves_nothing_behind(tmp_path):
    def full(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        finished_folder(tmp_path / "cache" / "wanted", full)
    assert names(tmp_path / "cache") == set()


def test_a_full_disk_is_not_blamed_on_the_wheel(seen, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(environments, "install", full)
    with pytest.raises(OSError, match="No space left"):
        environment([seen()], tmp_path / "cache")


def test_wheels_whose_files_want_one_place_are_refused(seen, tmp_path):
    twice = seen({"demo/a.py": b"1\n", "demo-1.0.data/purelib/demo/a.py": b"2\n"})
    with pytest.raises(EnvironmentRefused, match="same place") as caught:
        environment([twice], tmp_path / "cache")
    assert caught.value.code == "hostile-wheel"


def test_a_file_for_a_place_that_wheels_do_not_have_is_refused(seen, tmp_path):
    path = seen({"demo/__init__.py": b"", "demo-1.0.data/nowhere/x": b""})
    with pytest.raises(EnvironmentRefused, match="cannot be unpacked"):
        environment([path], tmp_path / "cache")
    assert names(tmp_path / "cache") == set()
