"""Names for finished cells that are made of everything that went into them.

Two cells have one fingerprint if, and only if, the same code with the same libraries was given the same parameters,
the same features and training outcomes, and the same test outcomes and draws to be measured on. Features are digested
themselves rather than by what made them, so encoders that are fitted and images that change need no further care.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import PluginError
from mmr_core.features import Features
from mmr_core.registry import ComponentShelf, Registry
from mmr_core.results import Cell, cell_key
from mmr_core.runner.fit import fusion_name
from mmr_core.runner.measure import Yardstick
from mmr_core.runner.options import Options
from mmr_core.runner.prepare import Parted, Prepared
from mmr_core.runner.run import library_versions

ENGINE = __name__.partition(".")[0]
APART = ("authors", "cli", "logs", "render", "savings", "studies", "testing", "trained")
"""Rooms of the engine that measuring a cell never enters, so that cells stay finished when these change."""


class Fingerprints:
    """Fingerprints of the cells of one run; what they share is digested once.

    :param options: of which `fusion_parameters` count.
    """

    def __init__(self, registry: Registry, options: Options) -> None:
        self._registry = registry
        self._options = options
        self._libraries = library_versions()
        self._images: dict[Path, str] = {}

    def cell(self, cell: Cell, column: str, yardstick: str) -> str:
        """The fingerprint of a cell, 40 hexadecimal digits.

        :param column: of the rows that it learns from and is asked about (`column`).
        :param yardstick: of what it is measured with (`yardstick_digest`).
        :raises MMRError: if its router or fusion cannot be loaded.
        """
        parts: dict[str, Any] = {
            "cell": cell_key(cell),
            "column": column,
            "yardstick": yardstick,
            "libraries": self._libraries,
            "engine": code_digest(ENGINE, APART),
        }
        if cell.router is not None:
            parts["router"] = _component(self._registry.routers, cell.router, cell.parameters)
            fusion = fusion_name(self._registry.routers.load(cell.router), Options(fusion=cell.fusion))
            if fusion is not None:
                given = self._options.fusion_parameters.get(fusion, {})
                parts["fusion"] = _component(self._registry.fusions, fusion, given)
        text = json.dumps(parts, sort_keys=True, default=repr)
        return blake2b(text.encode(), digest_size=20).hexdigest()

    def column(self, column: Parted) -> str:
        """A digest of all that routers see of a column in training and in testing."""
        state = blake2b(digest_size=16)
        train, test, table = column.train, column.test, column.table
        words = [
            column.spec.name,
            column.split_digest,
            repr(column.cost_scale),
            *map(repr, table.models),
            *(column.ids[i] for part in (train, test) for i in np.flatnonzero(part)),
        ]
        state.update(json.dumps(words).encode())
        for array in (table.utility[train], table.cost[train], column.validation[train]):
            _add_array(state, array)
        if isinstance(column, Prepared):
            for features, rows in ((column.features_train, train), (column.features_test, test)):
                for line in self._features(features.take(rows)):
                    state.update(line)
        return state.hexdigest()

    def _features(self, features: Features) -> Iterator[bytes]:
        embeddings, light = features.embeddings, features.light
        arrays = (embeddings.text, embeddings.image, embeddings.norms, embeddings.mask)
        for array in (*arrays, light.text_length, light.image_size):
            yield b"none" if array is None else _array(array)
        images = [None if path is None else self._image(path) for path in features.images]
        yield json.dumps([light.scenario, features.questions, images]).encode()

    def _image(self, path: Path) -> str:
        """A digest of an image's bytes, since a router may open it; its features may have been made long ago."""
        if path not in self._images:
            content = path.read_bytes() if path.is_file() else b""
            self._images[path] = blake2b(content, digest_size=16).hexdigest()
        return self._images[path]


def yardstick_digest(yardstick: Yardstick) -> str:
    """A digest of the test outcomes, of what skill is measured between, and of the draws."""
    tested = yardstick.tested
    state = blake2b(digest_size=16)
    words = [tested.datasets, [model.name for model in tested.models], yardstick.draws, yardstick.draw_seed]
    state.update(json.dumps([*words, repr(tested.cost_scale)]).encode())
    for array in (tested.utility, tested.cost, *tested.training_means):
        _add_array(state, array)
    return state.hexdigest()


@cache
def code_digest(package: str, apart: tuple[str, ...] = ()) -> str:
    """A digest of every file of a package or module, compiled ones left out.

    :param apart: modules and packages directly within it that do not count.
    :raises PluginError: if there is no such package.
    """
    state = blake2b(digest_size=16)
    for name, file in _files(package):
        if name.partition("/")[0].removesuffix(".py") in apart:
            continue
        state.update(f"{name}\0".encode())
        state.update(blake2b(file.read_bytes(), digest_size=16).digest())
    return state.hexdigest()


def _files(package: str) -> Sequence[tuple[str, Path]]:
    """The files of a package with their names within it, sorted."""
    spec = find_spec(package)
    if spec is None:
        raise PluginError(f"package {package!r} is not there", fix="install it again")
    if spec.submodule_search_locations is None:
        return [(package, Path(spec.origin))] if spec.origin and Path(spec.origin).is_file() else []
    return sorted(
        (path.relative_to(folder).as_posix(), path)
        for folder in map(Path, spec.submodule_search_locations)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )


def _component(shelf: ComponentShelf, name: str, given: Any) -> dict[str, Any]:
    """Which component it is, by whom, with every parameter and the code of its package."""
    item = shelf.find(name)
    return {
        "id": item.canonical_id,
        "version": item.provider.version,
        "target": item.spec.target,
        "parameters": shelf.parameters(name, given),
        "code": code_digest(item.spec.target.partition(":")[0].partition(".")[0]),
    }


def _add_array(state: Any, array: NDArray[Any]) -> None:
    state.update(_array(array))


def _array(array: NDArray[Any]) -> bytes:
    """An array with its type and shape; one NaN stands for all."""
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.array(np.nan, dtype=array.dtype), array)
    return f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes()
