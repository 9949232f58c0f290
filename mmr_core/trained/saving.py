"""A trained router in memory and in a file: the components that the file names, made again and given their state.

Nothing in the file is run. It names components, and the installed plugins provide them; what an encoder gives is
known by its fingerprint, and where that is another, the file is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mmr_core.errors import DataError, MMRError
from mmr_core.trained.archive import read_archive, write_archive
from mmr_core.trained.asking import demand_answers
from mmr_core.trained.manifest import SCHEMA_VERSION, ComponentEntry, EncoderEntry, Manifest
from mmr_core.trained.states import read_back

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Encoder, Fusion
    from mmr_core.registry import ComponentShelf, Registry
    from mmr_core.specs import Modality, ModelSpec

    Arrays = Mapping[str, NDArray[Any]]

TITLE = "trained.json"
ROUTER, FUSION = "router", "fusion"


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedRouter:
    """A router that can be asked, with everything that its answers depend on.

    :param manifest: what its file says about it.
    :param arrays: the rest of what router, fusion and encoders learned, by name.
    :param encoders: by modality; one that the router does not look at is absent.
    """

    manifest: Manifest
    arrays: Arrays
    router: Any
    fusion: Fusion | None
    encoders: Mapping[Modality, Encoder]
    pool: tuple[ModelSpec, ...]


def encoder_prefix(index: int) -> str:
    """What the names of an encoder's arrays begin with."""
    return f"encoder-{index}"


def save(trained: TrainedRouter, path: Path) -> None:
    """Writes the file whole or not at all; the same router gives the same bytes.

    :raises MMRError: if it cannot be written.
    """
    write_archive(path, TITLE, trained.manifest.model_dump(mode="json"), trained.arrays)


def load(path: Path, registry: Registry, *, warn: Callable[[str], None] = lambda line: None) -> TrainedRouter:
    """The router in a file.

    :param warn: called with one line where a component is of another version than the one that learned.
    :raises DataError: if the file is absent, damaged or of another format, or its encoders encode otherwise here.
    :raises UnknownNameError: if no installed plugin provides a component that it names.
    """
    document, arrays = read_archive(path, TITLE)
    manifest = _manifest(document, path)
    for shelf, entry in _components(manifest, registry):
        here = shelf.find(entry.canonical_id).provider.version
        if here != entry.version:
            warn(
                f"{path}: {shelf.word} {entry.canonical_id!r} is of version {here} here and learned with "
                f"{entry.version}: it may answer otherwise"
            )
    try:
        trained = made_again(manifest, arrays, registry)
        demand_answers(trained)
    except DataError as error:
        where = ", ".join(filter(None, (str(path), error.where)))
        raise DataError(error.what, where=where, fix=error.fix) from error
    return trained


def made_again(manifest: Manifest, arrays: Arrays, registry: Registry) -> TrainedRouter:
    """Makes the components and gives them their state.

    :raises DataError: if the state is not theirs, or an encoder has another fingerprint here.
    """
    left = dict(arrays)
    encoders: dict[Modality, Encoder] = {}
    for index, entry in enumerate(manifest.features.encoders):
        encoder = _encoder(entry, index, left, registry)
        encoders.update(dict.fromkeys(entry.modalities, encoder))
    fusion = None if manifest.fusion is None else _restored(registry.fusions, manifest.fusion, left, FUSION)
    router = _restored(registry.routers, manifest.router, left, ROUTER)
    if left:
        raise DataError(f"it has an array {min(left)!r} that nothing asks for", fix="write it with 'mmr train'")
    return TrainedRouter(
        manifest=manifest,
        arrays=arrays,
        router=router,
        fusion=fusion,
        encoders=encoders,
        pool=tuple(_spec(entry) for entry in manifest.pool),
    )


def _manifest(document: Any, path: Path) -> Manifest:
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise DataError(
            f"is of format {version}, and this program reads format {SCHEMA_VERSION}",
            where=str(path),
            fix="train it again, or install the release of mmr-bench that wrote it",
        )
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise DataError(
            f"is no file of a trained router: {TITLE}{f', {place}' if place else ''}: {first['msg']}",
            where=str(path),
            fix="write it with 'mmr train'",
        ) from error


def _components(manifest: Manifest, registry: Registry) -> list[tuple[ComponentShelf, ComponentEntry]]:
    fusion = [] if manifest.fusion is None else [(registry.fusions, manifest.fusion)]
    encoders = [(registry.encoders, entry) for entry in manifest.features.encoders]
    return [(registry.routers, manifest.router), *fusion, *encoders]


def _restored(shelf: ComponentShelf, entry: ComponentEntry, arrays: dict[str, NDArray[Any]], prefix: str) -> Any:
    component = shelf.create(entry.canonical_id, **entry.parameters)
    return read_back(component, entry.state, arrays, prefix)


def _encoder(entry: EncoderEntry, index: int, arrays: dict[str, NDArray[Any]], registry: Registry) -> Encoder:
    encoder: Encoder = registry.encoders.create(entry.canonical_id, **entry.parameters)
    if hasattr(encoder, "fit"):
        encoder = read_back(encoder, entry.state, arrays, encoder_prefix(index))  # type: ignore[arg-type]
    unable = [modality for modality in entry.modalities if modality not in encoder.modalities]
    if unable:
        raise DataError(f"encoder {entry.canonical_id!r} does not encode {unable[0]}")
    if encoder.fingerprint != entry.fingerprint:
        raise DataError(
            f"encoder {entry.canonical_id!r} is {encoder.fingerprint!r} here and was {entry.fingerprint!r} in training,"
            " so it would show the router something else",
            fix="install the versions that it was trained with, or train it again",
        )
    return encoder


def _spec(entry: Any) -> ModelSpec:
    try:
        spec: ModelSpec = entry.spec()
    except MMRError as error:
        raise DataError(f"its pool cannot be: {error}") from error
    return spec
