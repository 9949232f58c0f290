"""Names for finished cells that are made of everything that went into them.

Two cells have one fingerprint if, and only if, the same code with the same libraries was given the same parameters,
the same features and training outcomes, and the same test outcomes and draws to be measured on. Features are digested
themselves rather than by what made them, so encoders that are fitted and images that change need no further care.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.features import Features
from mmr_core.registry import ComponentShelf, Registry
from mmr_core.runner.cell_cache import CellCache
from mmr_core.runner.lineup import traits_of
from mmr_core.runner.measure import Yardsticks
from mmr_core.runner.measurement import Measurement
from mmr_core.runner.prepare import Parted, Prepared
from mmr_core.runner.provenance import APART, ENGINE, code_digest, library_versions


@dataclass(frozen=True, kw_only=True)
class Digests:
    """What the fingerprints of all measurements on a column have in common.

    :param rows: of what is learned from and what is asked about.
    :param features: of all that routers see of these rows; references see nothing.
    :param yardsticks: of the test outcomes and of what is measured with.
    """

    rows: str
    features: str
    yardsticks: str


class Fingerprints:
    """Fingerprints of the cells of one run; what they share is digested once.

    :param fusion_parameters: by fusion name, what it is made with.
    :param cache: where what is known of classes is kept (`lineup.traits_of`).
    """

    def __init__(
        self,
        registry: Registry,
        fusion_parameters: Mapping[str, Mapping[str, Any]],
        cache: CellCache | None = None,
    ) -> None:
        self._registry = registry
        self._fusion_parameters = fusion_parameters
        self._cache = cache
        self._libraries = library_versions()
        self._images: dict[Path, str] = {}

    def of(self, measurement: Measurement, digests: Digests) -> str:
        """The fingerprint of what is measured on a column, 40 hexadecimal digits.

        :raises MMRError: if the router or its fusion cannot be loaded.
        """
        reading = measurement.reading
        room = ".".join(type(reading).__module__.split(".")[:2])
        parts: dict[str, Any] = {
            "reading": [type(reading).__qualname__, reading.key, code_digest(room)],
            "router": measurement.router,
            "seeds": measurement.seeds,
            "rows": digests.rows,
            "yardsticks": digests.yardsticks,
            "libraries": self._libraries,
            "engine": code_digest(ENGINE, APART),
        }
        if measurement.router is not None:
            routers, fusions = self._registry.routers, self._registry.fusions
            traits = [traits_of(routers, measurement.router, given, self._cache) for given in measurement.parameters]
            parts["features"] = digests.features
            parts["component"] = [_component(routers, measurement.router, one.parameters) for one in traits]
            default = traits[0].default_fusion
            if default is not None:
                fusion = measurement.fusion or default
                given = self._fusion_parameters.get(fusion, {})
                parts["fusion"] = _component(fusions, fusion, fusions.parameters(fusion, given))
        text = json.dumps(parts, sort_keys=True, default=repr)
        return blake2b(text.encode(), digest_size=20).hexdigest()

    def digests(self, column: Parted, yardsticks: Yardsticks) -> Digests:
        """Those of a column."""
        features = blake2b(digest_size=16)
        if isinstance(column, Prepared):
            for seen, rows in ((column.features_train, column.train), (column.features_test, column.test)):
                for line in self._features(seen.take(rows)):
                    features.update(line)
        return Digests(
            rows=rows_digest(column), features=features.hexdigest(), yardsticks=yardsticks_digest(yardsticks)
        )

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


def rows_digest(column: Parted) -> str:
    """A digest of the rows of a column that are learned from, with their outcomes, and of those asked about."""
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
    return state.hexdigest()


def yardsticks_digest(yardsticks: Yardsticks) -> str:
    """A digest of the test outcomes, of what skill is measured between, of the slices, and of the draws."""
    tested = yardsticks.whole.tested
    state = blake2b(digest_size=16)
    words: list[Any] = [tested.datasets, [model.name for model in tested.models], repr(tested.cost_scale)]
    words += [[each.tested.name, each.tested.kind, each.draws, each.draw_seed] for each in yardsticks]
    state.update(json.dumps(words).encode())
    parts = (rows for rows, _ in yardsticks.parts)
    for array in (tested.utility, tested.cost, *tested.training_means, *parts):
        _add_array(state, array)
    return state.hexdigest()


def _component(shelf: ComponentShelf, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Which component it is, by whom, with every parameter and the code of its package."""
    item = shelf.find(name)
    return {
        "id": item.canonical_id,
        "version": item.provider.version,
        "target": item.spec.target,
        "parameters": parameters,
        "code": code_digest(item.spec.target.partition(":")[0].partition(".")[0]),
    }


def _add_array(state: Any, array: NDArray[Any]) -> None:
    state.update(_array(array))


def _array(array: NDArray[Any]) -> bytes:
    """An array with its type and shape; one NaN stands for all."""
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.array(np.nan, dtype=array.dtype), array)
    return f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes()
