"""The hooks a plugin may implement: one per kind, each returning an iterable of specs.

A plugin is a module (or object) named by an entry point in the group `mmr.plugins.v1`; it marks its hooks with
`@hookimpl`. Hooks only describe: a target is imported when somebody first asks for the component.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pluggy

from mmr_core.specs import CommandSpec, ComponentSpec, DatasetSpec, ModelSpec

PROJECT = "mmr"
API_MAJOR = 1
ENTRY_POINT_PREFIX = "mmr.plugins.v"
ENTRY_POINT_GROUP = f"{ENTRY_POINT_PREFIX}{API_MAJOR}"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True, kw_only=True)
class Hook:
    """What one hook returns: specs of one type, and where that is `ComponentSpec`, of one kind.

    :param word: the name of what is registered ("dataset", "router", ...).
    """

    word: str
    spec_type: type[DatasetSpec | ModelSpec | ComponentSpec | CommandSpec] = ComponentSpec

    @property
    def kind(self) -> str | None:
        """The kind of component; None where the hook registers no components."""
        return self.word if self.spec_type is ComponentSpec else None


HOOKS: dict[str, Hook] = {
    "mmr_register_datasets": Hook(word="dataset", spec_type=DatasetSpec),
    "mmr_register_models": Hook(word="model", spec_type=ModelSpec),
    "mmr_register_encoders": Hook(word="encoder"),
    "mmr_register_fusions": Hook(word="fusion"),
    "mmr_register_routers": Hook(word="router"),
    "mmr_register_importers": Hook(word="importer"),
    "mmr_register_studies": Hook(word="study"),
    "mmr_register_commands": Hook(word="command", spec_type=CommandSpec),
}


@hookspec
def mmr_register_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Datasets and mixtures of datasets, as facts; their outcomes come with a table.

    Each is a `specs.DatasetSpec`. Importers find a dataset by its name, its aliases and the prefix of its ids, so that
    rows of a table belong to it; a mixture names the datasets that it pools as `members`. The canonical name is part
    of the hash that splits instances, and never changes.
    """


@hookspec
def mmr_register_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Candidate models, with the prefixes under which published tables carry them.

    Each is a `specs.ModelSpec`: static facts, which routers may see, and prices per million tokens. A model in a table
    that no plugin registers takes part under the name it has there, with a warning.
    """


@hookspec
def mmr_register_encoders() -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
    """Classes that follow `contracts.Encoder`, which turn texts or images into raw embeddings.

    Each is a `specs.ComponentSpec` with `kind="encoder"`. Its target is imported when somebody asks for the encoder;
    name what it needs beyond the distribution's own dependencies as `extra`.
    """


@hookspec
def mmr_register_fusions() -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
    """Classes that follow `contracts.Fusion`, which make one feature vector of a query's embeddings.

    Each is a `specs.ComponentSpec` with `kind="fusion"`. A router names the fusion it wants as its `default_fusion`;
    `--fusion` gives it another.
    """


@hookspec
def mmr_register_routers() -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
    """Classes that follow `contracts.ScoringRouter` or `contracts.PolicyRouter`.

    Each is a `specs.ComponentSpec` with `kind="router"`. `--router all` takes every one of them, unless it calls itself
    `slow` and the command makes many fits.
    """


@hookspec
def mmr_register_importers() -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
    """Classes that follow `contracts.Importer`, which read an outcome table from files of one format.

    Each is a `specs.ComponentSpec` with `kind="importer"`. Importers of evaluation logs derive from
    `logs.LogImporter`, which does everything that is the same for every kit. One with `embedded = True` makes its table
    itself, and its name is then a value of `--data`.
    """


@hookspec
def mmr_register_studies() -> Iterable[ComponentSpec]:  # type: ignore[empty-body]
    """Classes that follow `studies.Study`: grids of evaluations, with the tables and figures made of them.

    Each is a `specs.ComponentSpec` with `kind="study"`; `mmr reproduce NAME` makes it, and `mmr reproduce all` makes
    it among the others. Cells that several studies ask for are measured once.
    """


@hookspec
def mmr_register_commands() -> Iterable[CommandSpec]:  # type: ignore[empty-body]
    """Commands to mount on `mmr`.

    Each is a `specs.CommandSpec`, whose target is a Typer application or a function with Typer annotations. It is
    imported when the command is called; `mmr --help` shows `CommandSpec.help` without it. The engine's own commands
    keep their names.
    """
