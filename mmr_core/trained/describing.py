"""Writes down what was trained: the manifest, and the arrays of router, fusion and encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmr_core.errors import PluginError, UsageError
from mmr_core.features.encoded import fitted_encoder
from mmr_core.runner.provenance import library_versions
from mmr_core.splits import SPLIT_NAME
from mmr_core.trained.manifest import (
    SCHEMA_VERSION,
    ComponentEntry,
    EncoderEntry,
    FeaturesEntry,
    Manifest,
    ModalityName,
    ModelEntry,
    OperatingPoint,
    TrainingEntry,
)
from mmr_core.trained.saving import FUSION, ROUTER, encoder_prefix
from mmr_core.trained.states import as_json, demand_saveable, written_down

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Encoder
    from mmr_core.features import FeatureSource
    from mmr_core.outcomes import OutcomeTable
    from mmr_core.registry import ComponentShelf, Registry
    from mmr_core.runner.fit import Fitted
    from mmr_core.trained.taught import Assignment, Taught


def demand_saveable_encoders(source: FeatureSource, registry: Registry) -> None:
    """Asked before anything is encoded.

    :raises UsageError: if the source has no encoders, or one that learns cannot be saved.
    """
    facts = _facts(source)
    if not facts:
        raise UsageError("a feature file knows nothing of new queries", fix="name an encoder")
    for fact in facts.values():
        encoder = registry.encoders.load(fact["encoder"])
        if hasattr(encoder, "fit"):
            demand_saveable(encoder, f"encoder {fact['encoder']!r}")


def _facts(source: FeatureSource) -> dict[ModalityName, Any]:
    """What the source says of each modality's encoder."""
    described: dict[str, Any] = source.describe()
    names: tuple[ModalityName, ...] = ("text", "image")
    return {modality: described[modality] for modality in names if modality in described}


def described(
    table: OutcomeTable,
    taught: Taught,
    assignment: Assignment,
    names: tuple[str, str | None],
    fitted: Fitted,
    point: OperatingPoint | None,
    source: FeatureSource,
    registry: Registry,
) -> tuple[Manifest, dict[str, NDArray[Any]]]:
    """The manifest and the arrays of a fitted router.

    :param table: the whole table, for its facts.
    :param names: of the router and its fusion.
    :raises PluginError: if a component gives what is neither an array nor JSON.
    """
    router_name, fusion_name = names
    arrays: dict[str, NDArray[Any]] = {}
    encoders = _encoder_entries(taught, source, registry, arrays)
    fusion = None
    if fusion_name is not None:
        given = assignment.fusion_parameters.get(fusion_name, {})
        fusion = _entry(registry.fusions, fusion_name, given, fitted.fusion, FUSION, arrays)
    seeded = {**assignment.router.parameters, "seed": assignment.seed}
    embeddings = taught.features.embeddings
    width = next(rows.shape[1] for rows in (embeddings.text, embeddings.image) if rows is not None)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        router=_entry(registry.routers, router_name, seeded, fitted.router, ROUTER, arrays),
        fusion=fusion,
        features=FeaturesEntry(
            encoders=encoders,
            modality=assignment.modality,
            align=source.describe().get("align"),  # type: ignore[arg-type]
            width=width,
        ),
        pool=[ModelEntry.of(model) for model in taught.table.models],
        cost_scale=taught.cost_scale,
        operating_point=point,
        training=TrainingEntry(
            source=table.source,
            synthetic=table.synthetic,
            table_digest=table.digest(),
            split=SPLIT_NAME,
            split_digest=taught.split_digest,
            datasets=list(taught.table.dataset_names),
            scenarios=sorted(set(taught.features.light.scenario)),
            learned_from="all rows" if assignment.all_rows else "training split",
            rows=len(taught.table),
            validation_rows=int(taught.validation.sum()),
            rows_not_looked_at=taught.unseen,
            price_sheet=assignment.price_sheet,
        ),
        versions=library_versions(),
    )
    return manifest, arrays


def _entry(
    shelf: ComponentShelf,
    name: str,
    given: Mapping[str, Any],
    component: Any,
    prefix: str,
    arrays: dict[str, NDArray[Any]],
) -> ComponentEntry:
    item = shelf.find(name)
    label = f"{shelf.word} {name!r}"
    state, own = written_down(component, prefix, label)
    arrays.update(own)
    return ComponentEntry(
        canonical_id=item.canonical_id,
        version=item.provider.version,
        parameters=as_json(shelf.parameters(name, given), label, "its parameters"),
        state=state,
    )


def _encoder_entries(
    taught: Taught,
    source: FeatureSource,
    registry: Registry,
    arrays: dict[str, NDArray[Any]],
) -> list[EncoderEntry]:
    """The encoders as the source describes them, made and fitted once more, for their state.

    :raises PluginError: if an encoder learns something else the second time.
    """
    facts = _facts(source)
    asked = [{name: facts[m][name] for name in ("encoder", "version", "parameters")} for m in facts]
    groups: list[tuple[dict[str, Any], list[ModalityName]]] = []
    for modality, fact in zip(facts, asked, strict=True):
        same = next((modalities for known, modalities in groups if known == fact), None)
        if same is None:
            groups.append((fact, [modality]))
        else:
            same.append(modality)
    texts = [q for q in taught.features.questions if q]
    entries = []
    for index, (fact, modalities) in enumerate(groups):
        label = f"encoder {fact['encoder']!r}"
        encoder: Encoder = registry.encoders.create(fact["encoder"], **fact["parameters"])
        state: dict[str, Any] = {}
        if hasattr(encoder, "fit"):
            encoder = fitted_encoder(encoder, texts, taught.table.source)
            state, own = written_down(encoder, encoder_prefix(index), label)  # type: ignore[arg-type]
            arrays.update(own)
        used = {fingerprint for modality in modalities for fingerprint in facts[modality]["fingerprints"]}
        if not used <= {encoder.fingerprint}:
            raise PluginError("learns something else from the same questions the second time", where=label)
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
