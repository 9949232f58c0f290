"""The hooks a plugin may implement: one per kind, each returning an iterable of specs.

A plugin is a module (or object) named by an entry point in the group `mmr.plugins.v1`; it marks its hooks with
`@hookimpl`. Hooks only describe: a target is imported when somebody first asks for the component.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from mmr_core.specs import CommandSpec, ComponentSpec, DatasetSpec, ModelSpec

PROJECT = "mmr"
API_MAJOR = 1
ENTRY_POINT_PREFIX = "mmr.plugins.v"
ENTRY_POINT_GROUP = f"{ENTRY_POINT_PREFIX}{API_MAJOR}"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mmr_register_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Datasets and mixtures of datasets."""


@hookspec
def mmr_register_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Candidate models, with the prefixes under which published tables carry them."""


@hookspec
def mmr_register_encoders() -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
    """Classes that follow `contracts.Encoder`."""


@hookspec
def mmr_register_fusions() -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
    """Classes that follow `contracts.Fusion`."""


@hookspec
def mmr_register_routers() -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
    """Classes that follow `contracts.ScoringRouter` or `contracts.PolicyRouter`."""


@hookspec
def mmr_register_importers() -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
    """Classes that follow `contracts.Importer`."""


@hookspec
def mmr_register_studies() -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
    """Studies: grids of evaluations with the tables and figures made of them."""


@hookspec
def mmr_register_commands() -> Iterable[CommandSpec]:  # type: ignore[empty-body]
    """Commands to mount on `mmr`."""
