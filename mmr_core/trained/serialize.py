"""From a fitted router to its file: the manifest, and the arrays that router, fusion and encoders learned.

Components belong to plugins, so whatever their `state()` returns is checked before it is written. `restore` is the
way back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmr_core.errors import PluginError, UsageError
from mmr_core.features.encoded import fitted_encoder
from mmr_core.runner.provenance import library_versions
from mmr_core.splits import SPLIT_NAME
from mmr_core.trained.archive import ARRAY_NAME, KINDS, write_archive
from mmr_core.trained.trained_manifest import (
    FUSION,
    ROUTER,
    SCHEMA_VERSION,
    TITLE,
    ComponentEntry,
    EncoderEntry,
    FeaturesEntry,
    ModalityName,
    ModelEntry,
    OperatingPoint,
    TrainedManifest,
    TrainingEntry,
    encoder_prefix,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Encoder, Saveable
    from mmr_core.features import FeatureSource
    from mmr_core.outcomes import OutcomeTable
    from mmr_core.registry import ComponentShelf, Registry
    from mmr_core.runner.fit import Fitted
    from mmr_core.trained.inference import TrainedRouter
    from mmr_core.trained.training import Assignment, TrainingRows

CONTRACT = "mmr_core.contracts.Saveable"


def save(trained: TrainedRouter, path: Path) -> None:
    """Writes the file whole or not at all; the same router gives the same bytes.

    :raises MMRError: if it cannot be written.
    """
    write_archive(path, TITLE, trained.manifest.model_dump(mode="json"), trained.arrays)


def require_saveable(component: object, label: str) -> None:
    """Checks a component, or its class, before anything is fitted.

    :raises UsageError: if it cannot be saved.
    """
    absent = [name for name in ("state", "restore") if not callable(getattr(component, name, None))]
    if absent:
        raise UsageError(
            f"{label} cannot be saved: it has no {' and no '.join(absent)}",
            fix=f"choose another, or give it state() and restore(state), with arrays and JSON only ({CONTRACT})",
        )


def component_state(component: Saveable, prefix: str, label: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What a component learned: JSON values by name, and arrays by `prefix/name`.

    :raises PluginError: if its state holds anything else.
    """
    state = component.state()
    if not isinstance(state, Mapping):
        raise contract_broken(label, f"expected a mapping from state(), got {type(state).__name__}")
    values: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    for name, value in state.items():
        if not isinstance(name, str) or "/" in name or not ARRAY_NAME.fullmatch(name):
            raise contract_broken(
                label, f"state has the name {name!r:.80}; names consist of letters, digits, '.', '_' and '-'"
            )
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in KINDS or not value.dtype.isnative or value.dtype.names:
                raise contract_broken(label, f"state {name!r}: expected an array of plain numbers, got {value.dtype}")
            arrays[f"{prefix}/{name}"] = value.copy(order="K")  # its memory order affects rounding in sums
        else:
            values[name] = as_json(value, label, f"state {name!r}")
    return values, arrays


def as_json(value: Any, label: str, what: str) -> Any:
    """A value as it comes back from JSON: tuples as lists.

    :raises PluginError: if it is not JSON.
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise contract_broken(label, f"{what} is {value!r:.60}, neither an array nor JSON ({error})") from error


def contract_broken(label: str, what: str) -> PluginError:
    """The error for a component that does not keep `Saveable`."""
    return PluginError(what, where=label, fix=f"the contract is {CONTRACT}")


def require_saveable_encoders(source: FeatureSource, registry: Registry) -> None:
    """Checks the encoders before anything is encoded.

    :raises UsageError: if the source has no encoders, or has one that is fitted and cannot be saved.
    """
    facts = _encoder_facts(source)
    if not facts:
        raise UsageError("a feature file cannot encode new queries", fix="name an encoder")
    for fact in facts.values():
        encoder = registry.encoders.load(fact["encoder"])
        if hasattr(encoder, "fit"):
            require_saveable(encoder, f"encoder {fact['encoder']!r}")


def _encoder_facts(source: FeatureSource) -> dict[ModalityName, Any]:
    """The source's description of each modality's encoder."""
    described: dict[str, Any] = source.describe()
    names: tuple[ModalityName, ...] = ("text", "image")
    return {modality: described[modality] for modality in names if modality in described}


def manifest_and_arrays(
    table: OutcomeTable,
    rows: TrainingRows,
    assignment: Assignment,
    names: tuple[str, str | None],
    fitted: Fitted,
    point: OperatingPoint | None,
    source: FeatureSource,
    registry: Registry,
) -> tuple[TrainedManifest, dict[str, NDArray[Any]]]:
    """The manifest and the arrays of a fitted router.

    :param table: the whole table, for its facts.
    :param names: of the router and its fusion.
    :raises PluginError: if a component's state is neither arrays nor JSON, or an encoder does not fit reproducibly.
    """
    router_name, fusion_name = names
    arrays: dict[str, NDArray[Any]] = {}
    encoders = _encoder_entries(rows, source, registry, arrays)
    fusion = None
    if fusion_name is not None:
        given = assignment.fusion_parameters.get(fusion_name, {})
        fusion = _component_entry(registry.fusions, fusion_name, given, fitted.fusion, FUSION, arrays)
    seeded = {**assignment.router.parameters, "seed": assignment.seed}
    embeddings = rows.features.embeddings
    width = next(part.shape[1] for part in (embeddings.text, embeddings.image) if part is not None)
    manifest = TrainedManifest(
        schema_version=SCHEMA_VERSION,
        router=_component_entry(registry.routers, router_name, seeded, fitted.router, ROUTER, arrays),
        fusion=fusion,
        features=FeaturesEntry(
            encoders=encoders,
            modality=assignment.modality,
            align=source.describe().get("align"),  # type: ignore[arg-type]
            width=width,
        ),
        pool=[ModelEntry.of(model) for model in rows.table.models],
        cost_scale=rows.cost_scale,
        operating_point=point,
        training=TrainingEntry(
            source=table.source,
            synthetic=table.synthetic,
            table_digest=table.digest(),
            split=SPLIT_NAME,
            split_digest=rows.split_digest,
            datasets=list(rows.table.dataset_names),
            scenarios=sorted(set(rows.features.light.scenario)),
            learned_from="all rows" if assignment.all_rows else "training split",
            rows=len(rows.table),
            validation_rows=int(rows.validation.sum()),
            rows_not_looked_at=rows.unseen,
            price_sheet=assignment.price_sheet,
        ),
        versions=library_versions(),
    )
    return manifest, arrays


def _component_entry(
    shelf: ComponentShelf,
    name: str,
    given: Mapping[str, Any],
    component: Any,
    prefix: str,
    arrays: dict[str, NDArray[Any]],
) -> ComponentEntry:
    item = shelf.find(name)
    label = f"{shelf.word} {name!r}"
    state, own = component_state(component, prefix, label)
    arrays.update(own)
    return ComponentEntry(
        canonical_id=item.canonical_id,
        version=item.provider.version,
        parameters=as_json(shelf.parameters(name, given), label, "its parameters"),
        state=state,
    )


def _encoder_entries(
    rows: TrainingRows,
    source: FeatureSource,
    registry: Registry,
    arrays: dict[str, NDArray[Any]],
) -> list[EncoderEntry]:
    """The encoders that the source describes, fitted again to get their state."""
    facts = _encoder_facts(source)
    chosen = [{name: facts[m][name] for name in ("encoder", "version", "parameters")} for m in facts]
    groups: list[tuple[dict[str, Any], list[ModalityName]]] = []
    for modality, fact in zip(facts, chosen, strict=True):
        same = next((modalities for known, modalities in groups if known == fact), None)
        if same is None:
            groups.append((fact, [modality]))
        else:
            same.append(modality)
    texts = [q for q in rows.features.questions if q]
    entries = []
    for index, (fact, modalities) in enumerate(groups):
        label = f"encoder {fact['encoder']!r}"
        encoder: Encoder = registry.encoders.create(fact["encoder"], **fact["parameters"])
        state: dict[str, Any] = {}
        if hasattr(encoder, "fit"):
            encoder = fitted_encoder(encoder, texts, rows.table.source)
            state, own = component_state(encoder, encoder_prefix(index), label)  # type: ignore[arg-type]
            arrays.update(own)
        used = {fingerprint for modality in modalities for fingerprint in facts[modality]["fingerprints"]}
        if not used <= {encoder.fingerprint}:
            raise PluginError("fitting it twice on the same questions gives different fingerprints", where=label)
        entries.append(
            EncoderEntry(
                canonical_id=fact["encoder"],
                version=fact["version"],
                parameters=as_json(fact["parameters"], label, "its parameters"),
                state=state,
                modalities=modalities,
                fingerprint=encoder.fingerprint,
            )
        )
    return entries
