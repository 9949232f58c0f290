"""The built-in plugin: the paper's datasets, models, encoders, fusions, routers and studies.

It comes in through the entry point of this very distribution, like any other plugin. This module only describes;
nothing it names is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

from mmr_core.hookspecs import hookimpl
from mmr_core.specs import ComponentSpec, DatasetSpec, ModelSpec
from mmr_plugins import components, datasets, models


@hookimpl
def mmr_register_datasets() -> Iterable[DatasetSpec]:
    return datasets.DATASETS


@hookimpl
def mmr_register_models() -> Iterable[ModelSpec]:
    return models.MODELS


@hookimpl
def mmr_register_encoders() -> Iterable[ComponentSpec]:
    return components.ENCODERS


@hookimpl
def mmr_register_fusions() -> Iterable[ComponentSpec]:
    return components.FUSIONS


@hookimpl
def mmr_register_routers() -> Iterable[ComponentSpec]:
    return components.ROUTERS


@hookimpl
def mmr_register_importers() -> Iterable[ComponentSpec]:
    return components.IMPORTERS


@hookimpl
def mmr_register_studies() -> Iterable[ComponentSpec]:
    return components.STUDIES
