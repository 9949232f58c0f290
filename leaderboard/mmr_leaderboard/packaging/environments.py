"""A virtual environment for the wheels of one submission: nothing is built or compiled, and no code of a wheel runs.

Only importable files are put where Python looks for them. Scripts, headers and data files of a wheel go into a folder
beside it that nobody reads. Environments, like other cached folders, are there whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shutil
import sys
import sysconfig
import venv
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

from mmr_leaderboard.packaging.requirements import EnvironmentRefused
from mmr_leaderboard.packaging.wheels import Wheel

LAYOUT = 1
"""Part of every key; to be raised when environments are made differently."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A complete environment.

    :param folder: the root of the virtual environment.
    :param python: its interpreter.
    :param site: its site-packages.
    """

    folder: Path
    python: Path
    site: Path


def environment(wheels: Sequence[Wheel], cache: Path) -> Environment:
    """The environment of these wheels, made if it does not exist yet.

    :param cache: a folder for environments; it is made.
    :raises EnvironmentRefused: as hostile-wheel, if a wheel cannot be unpacked.
    """
    folder = finished_folder(cache.resolve() / _key(wheels), lambda made: _make(made, wheels))
    return Environment(folder=folder, python=folder / "bin" / "python", site=_site(folder))


def _key(wheels: Sequence[Wheel]) -> str:
    parts = [str(LAYOUT), platform.python_version(), sys.implementation.name, str(Path(sys.base_prefix).resolve())]
    parts += sorted(wheel.sha256 for wheel in wheels)
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()


def _make(folder: Path, wheels: Sequence[Wheel]) -> None:
    _BareBuilder(with_pip=False, symlinks=True).create(folder)
    site = _site(folder)
    aside = folder / "set-aside"
    schemes = {"purelib": str(site), "platlib": str(site)}
    schemes |= {scheme: str(aside / scheme) for scheme in ("scripts", "headers", "data")}
    destination = SchemeDictionaryDestination(schemes, interpreter="python", script_kind="posix")
    for wheel in wheels:
        _unpack(wheel, destination)


def _unpack(wheel: Wheel, destination: SchemeDictionaryDestination) -> None:
    try:
        with WheelFile.open(wheel.path) as source, warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            install(source, destination, additional_metadata={"INSTALLER": b"mmr-leaderboard\n"})
    except OSError as error:
        if not isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
            raise
        raise _refused(wheel, "two of its files go to the same place") from error
    except Exception as error:
        # The installer raises many kinds of errors for a bad wheel, including assertions.
        raise _refused(wheel, f"it cannot be unpacked: {type(error).__name__}") from error


def _refused(wheel: Wheel, what: str) -> EnvironmentRefused:
    return EnvironmentRefused(what, where=wheel.path.name, code="hostile-wheel")


def _site(folder: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))


class _BareBuilder(venv.EnvBuilder):
    """Makes environments that nobody activates, so that they may be renamed."""

    def setup_scripts(self, context: SimpleNamespace) -> None:
        """Leaves out the activation scripts, which would name the folder that the environment was made in."""


_UNFINISHED = ".unfinished"


def finished_folder(target: Path, fill: Callable[[Path], None]) -> Path:
    """The folder at `target`; if it does not exist, `fill` is called with an empty one that becomes it.

    Processes may ask for the same folder at once: each makes its own, and the first to finish wins. What a killed
    process left behind is never taken for the folder; the next process that makes one removes it.

    :raises Exception: what `fill` raises; nothing is left behind then.
    """
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_behind(target.parent)
    folder = target.parent / f"{_UNFINISHED}-{os.getpid()}-{secrets.token_hex(8)}"
    folder.mkdir()
    try:
        fill(folder)
        folder.rename(target)
    except OSError:
        # Another process may have been quicker: a folder cannot be renamed onto one that is not empty.
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return target


def _remove_left_behind(parent: Path) -> None:
    for left in parent.glob(f"{_UNFINISHED}-*"):
        maker = left.name.split("-")[1]
        if not (maker.isdecimal() and is_alive(int(maker))):
            shutil.rmtree(left, ignore_errors=True)


def is_alive(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return process > 0
