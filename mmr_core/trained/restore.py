"""From a file to a trained router: the components that it names are created and given their state.

Nothing in the file is executed. It names components, which the installed plugins provide; an encoder's output is
identified by its fingerprint, and a file whose fingerprint differs is rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mmr_core.errors import DataError, MMRError
from mmr_core.trained.archive import read_archive
from mmr_core.trained.inference import TrainedRouter, check_parts_fit
from mmr_core.trained.serialize import contract_broken
from mmr_core.trained.trained_manifest import (
    FUSION,
    ROUTER,
    SCHEMA_VERSION,
    TITLE,
    ComponentEntry,
    EncoderEntry,
    TrainedManifest,
    encoder_prefix,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Encoder, Saveable
    from mmr_core.registry import ComponentShelf, Registry
    from mmr_core.specs import Modality, ModelSpec

    Arrays = Mapping[str, NDArray[Any]]


def load(path: Path, registry: Registry, *, warn: Callable[[str], None] = lambda line: None) -> TrainedRouter:
    """Loads the router in a file.

    :param warn: called with one line for each component whose version differs from that in training.
    :raises DataError: if the file is absent, damaged or of another format, or its encoders encode differently here.
    :raises UnknownNameError: if no installed plugin provides a component that it names.
    """
    document, arrays = read_archive(path, TITLE)
    manifest = _manifest(document, path)
    for shelf, entry in _named_components(manifest, registry):
        here = shelf.find(entry.canonical_id).provider.version
        if here != entry.version:
            warn(
                f"{path}: {shelf.word} {entry.canonical_id!r} has version {here} here and had {entry.version} "
                "in training: its decisions may differ"
            )
    try:
        trained = restored(manifest, arrays, registry)
        check_parts_fit(trained)
    except DataError as error:
        where = ", ".join(filter(None, (str(path), error.where)))
        raise DataError(error.what, where=where, fix=error.fix) from error
    return trained


def restored(manifest: TrainedManifest, arrays: Arrays, registry: Registry) -> TrainedRouter:
    """Creates the components and gives them their state.

    :raises DataError: if a state does not fit its component, or an encoder has another fingerprint here.
    """
    left = dict(arrays)
    encoders: dict[Modality, Encoder] = {}
    for index, entry in enumerate(manifest.features.encoders):
        encoder = _encoder(entry, index, left, registry)
        encoders.update(dict.fromkeys(entry.modalities, encoder))
    fusion = None if manifest.fusion is None else _component(registry.fusions, manifest.fusion, left, FUSION)
    router = _component(registry.routers, manifest.router, left, ROUTER)
    if left:
        raise DataError(f"it has an array {min(left)!r} that no component uses", fix="write it with 'mmr train'")
    return TrainedRouter(
        manifest=manifest,
        arrays=arrays,
        router=router,
        fusion=fusion,
        encoders=encoders,
        pool=tuple(_spec(entry) for entry in manifest.pool),
    )


def _manifest(document: Any, path: Path) -> TrainedManifest:
    version = document.get("schema_version") if isinstance(document, dict) else None
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise DataError(
            f"has format {version}, and this program reads format {SCHEMA_VERSION}",
            where=str(path),
            fix="train it again, or install the release of mmr-bench that wrote it",
        )
    try:
        return TrainedManifest.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise DataError(
            f"is not a trained router: {TITLE}{f', {place}' if place else ''}: {first['msg']}",
            where=str(path),
            fix="write it with 'mmr train'",
        ) from error


def _named_components(manifest: TrainedManifest, registry: Registry) -> list[tuple[ComponentShelf, ComponentEntry]]:
    fusion = [] if manifest.fusion is None else [(registry.fusions, manifest.fusion)]
    encoders = [(registry.encoders, entry) for entry in manifest.features.encoders]
    return [(registry.routers, manifest.router), *fusion, *encoders]


def _component(shelf: ComponentShelf, entry: ComponentEntry, arrays: dict[str, NDArray[Any]], prefix: str) -> Any:
    component = shelf.create(entry.canonical_id, **entry.parameters)
    return restored_component(component, entry.state, arrays, prefix)


def _encoder(entry: EncoderEntry, index: int, arrays: dict[str, NDArray[Any]], registry: Registry) -> Encoder:
    encoder: Encoder = registry.encoders.create(entry.canonical_id, **entry.parameters)
    if hasattr(encoder, "fit"):
        encoder = restored_component(encoder, entry.state, arrays, encoder_prefix(index))  # type: ignore[arg-type]
    unable = [modality for modality in entry.modalities if modality not in encoder.modalities]
    if unable:
        raise DataError(f"encoder {entry.canonical_id!r} does not encode {unable[0]}")
    if encoder.fingerprint != entry.fingerprint:
        raise DataError(
            f"encoder {entry.canonical_id!r} has fingerprint {encoder.fingerprint!r} here and had "
            f"{entry.fingerprint!r} in training, so its embeddings would differ",
            fix="install the versions that it was trained with, or train it again",
        )
    return encoder


def _spec(entry: Any) -> ModelSpec:
    try:
        spec: ModelSpec = entry.spec()
    except MMRError as error:
        raise DataError(f"its pool is invalid: {error}") from error
    return spec


def restored_component(
    component: Saveable, values: Mapping[str, Any], arrays: dict[str, NDArray[Any]], prefix: str
) -> Any:
    """Restores a component from its JSON values and the arrays with its prefix, which are removed from `arrays`.

    :raises DataError: if it cannot be restored from them.
    :raises PluginError: if `restore` returns nothing.
    """
    own = {name: arrays.pop(name) for name in list(arrays) if name.startswith(f"{prefix}/")}
    state = {**values, **{name.removeprefix(f"{prefix}/"): array for name, array in own.items()}}
    # In a damaged file a plugin's restore may meet anything.
    try:
        restored = component.restore(state)
    except MMRError:
        raise
    except Exception as error:
        raise DataError(f"the {prefix} cannot be restored ({type(error).__name__}: {error})") from error
    if restored is None:
        raise contract_broken(f"the {prefix}", "restore returned None, expected self")
    return restored
