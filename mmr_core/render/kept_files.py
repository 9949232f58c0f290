"""Keeps tables and plots that were made of results, so that a second run over the same numbers makes none again.

Kept files count only if everything that they are made of is the same: what they show, the code of the engine, versions
of libraries, matplotlib's settings, and the installed fonts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mmr_core.runner.cell_cache import CellCache, packed
from mmr_core.runner.provenance import ENGINE, code_digest, library_versions

MADE = "made"
"""The folder of kept files within the cache folder."""


def made_once(
    shown: Any, make: Callable[[], Mapping[str, bytes | str]], *, folder: Path | None
) -> Mapping[str, bytes | str]:
    """The content of some files by name, as it was kept if it was made before.

    :param shown: everything that is shown, with the options that it is shown by.
    :param make: makes the content, of `shown` alone; what it raises is raised, and then nothing is kept.
    :param folder: where files are kept; None makes them.
    """
    if folder is None:
        return make()
    kept, content = CellCache(folder, suffix="files"), packed(shown)
    setting = _setting()
    found = None if setting is None else kept.load(_fingerprint(setting, content))
    if found is not None:
        return {name: array.tobytes() for name, array in found.items()}
    files = make()
    setting = setting or _setting()  # drawing lists the fonts
    if setting is not None:
        octets = {name: made.encode() if isinstance(made, str) else made for name, made in files.items()}
        arrays = {name: np.frombuffer(made, dtype=np.uint8) for name, made in octets.items()}
        kept.store(_fingerprint(setting, content), arrays)
    return files


def _fingerprint(setting: bytes, content: bytes) -> str:
    return blake2b(setting + b"\0" + content, digest_size=16).hexdigest()


def _setting() -> bytes | None:
    """What else decides how files look; None without matplotlib, or before it has listed the fonts of this machine."""
    if find_spec("matplotlib") is None:
        return None
    import matplotlib as mpl

    lists = sorted(Path(mpl.get_cachedir()).glob("fontlist-*.json"))
    if not lists:
        return None
    # The backend, which no figure here uses, may stand as an object that looks different in each process.
    settings = {key: repr(mpl.rcParams[key]) for key in mpl.rcParams if not key.startswith("backend")}
    facts = [
        code_digest(ENGINE),
        library_versions(),
        mpl.__version__,
        settings,
        [_fonts(path, mpl.get_data_path()) for path in lists],
    ]
    return json.dumps(facts).encode()


def _fonts(path: Path, data: str) -> list[tuple[str, int, int]]:
    """The files of a list of fonts, with size and time of change; those that are gone have neither."""
    names = sorted(font["fname"] for kind in ("ttflist", "afmlist") for font in json.loads(path.read_bytes())[kind])
    found = []
    for name in names:
        try:
            state = os.stat(os.path.join(data, name))  # an absolute name stays as it is
            found.append((name, state.st_size, state.st_mtime_ns))
        except OSError:
            found.append((name, 0, 0))
    return found
