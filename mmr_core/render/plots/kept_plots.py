"""Keeps the files of a plot, so that a second run over the same numbers draws nothing.

A kept plot counts only if everything that it is made of is the same: what it shows, the code of the engine, versions of
libraries, matplotlib's settings, and the installed fonts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from mmr_core.render.plots.chart import demand_matplotlib
from mmr_core.runner.cell_cache import CellCache, packed
from mmr_core.runner.provenance import ENGINE, code_digest, library_versions

PLOTS_FOLDER = "plots"
"""The folder of kept plots within the cache folder."""


def drawn_once(shown: Any, draw: Callable[[], Mapping[str, bytes]], *, folder: Path | None) -> Mapping[str, bytes]:
    """The files of a plot, kept ones if there are some.

    :param shown: everything that the plot shows and is told, as `CellCache` keeps it.
    :param draw: makes the files, by name; a function of `shown` alone.
    :param folder: where plots are kept; None draws.
    :raises MissingExtraError: if matplotlib is not installed.
    """
    demand_matplotlib("plots")
    if folder is None:
        return draw()
    kept, content = CellCache(folder, suffix="plot"), packed(shown)
    setting = _setting()
    found = None if setting is None else kept.load(_fingerprint(setting, content))
    if found is not None:
        return {name: array.tobytes() for name, array in found.items()}
    files = draw()
    setting = setting or _setting()  # drawing lists the fonts
    if setting is not None:
        arrays = {name: np.frombuffer(drawn, dtype=np.uint8) for name, drawn in files.items()}
        kept.store(_fingerprint(setting, content), arrays)
    return files


def _fingerprint(setting: bytes, content: bytes) -> str:
    return blake2b(setting + b"\0" + content, digest_size=16).hexdigest()


def _setting() -> bytes | None:
    """What else decides how a plot looks; None if matplotlib has not listed the fonts of this machine yet."""
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
