"""What is checked: an installed component by name, or a class that is not registered."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mmr_core.contracts import Encoder
from mmr_core.errors import UsageError
from mmr_core.features.encoded import fitted_encoder
from mmr_core.runner.fit import Fitted, learn
from mmr_core.runner.policies import Policy, ask
from mmr_core.testing.practice_data import Practice, practice

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmr_core.contracts import Queries
    from mmr_core.plugins import Contribution, Provider
    from mmr_core.registry import ComponentShelf, Registry
    from mmr_core.specs import Kind

SEED = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """One component, and how to create it.

    :param word: its kind: "router", "encoder", ...
    :param label: its name in messages and reports.
    :param factory: its class.
    :param create: creates one from keyword parameters, on top of the spec's defaults.
    :param parameters: the parameters that it is checked with.
    :param provider: the plugin that provides it; None for an unregistered class.
    :param workspace: an existing folder for this check alone.
    :param example: a file or folder in an importer's format.
    """

    word: str
    label: str
    factory: Callable[..., Any]
    create: Callable[..., Any]
    parameters: Mapping[str, Any]
    provider: Provider | None
    registry: Registry
    workspace: Path
    example: Path | None = None

    def make(self, **more: Any) -> Any:
        """A new one, with the parameters of the check and the given ones."""
        return self.create(**{**self.parameters, **more})

    def made_from_json(self, **more: Any) -> Any:
        """A new one, with parameters passed through JSON, as in the file of a trained router."""
        return self.create(**json.loads(json.dumps({**self.parameters, **more})))


@dataclass(frozen=True, kw_only=True, eq=False)
class RouterSubject(Subject):
    """A router; the one fitted on the standard practice data is kept between checks."""

    @cached_property
    def data(self) -> Practice:
        """The standard practice data."""
        return practice(self.workspace)

    @cached_property
    def fitted(self) -> Fitted:
        """The router, fitted on them."""
        return self.fit(self.data)

    def fit(self, data: Practice, *, seed: int = SEED) -> Fitted:
        """A new router and a new fusion, fitted on practice data as an evaluation fits them."""
        router = self.make(seed=seed)
        wanted = getattr(router, "default_fusion", None)
        fusion = None if wanted is None else self.registry.fusions.create(wanted)
        return learn(router, fusion, data.lesson)

    def ask(
        self,
        fitted: Fitted,
        data: Practice,
        rows: NDArray[np.intp] | None = None,
        names: tuple[str, ...] | None = None,
    ) -> Policy:
        """Its answer for some of the queries (default: all), under their own ids or the given names."""
        chosen = np.arange(len(data.asked)) if rows is None else rows
        ids = tuple(data.asked_ids[i] for i in chosen) if names is None else names
        queries = fitted.queries(data.asked.take(chosen), ids)
        return self.answer(fitted.router, queries, data)

    def answer(self, router: Any, queries: Queries, data: Practice) -> Policy:
        """A fitted router's answer for queries of the practice data.

        :raises PluginError: if it breaks its contract.
        """
        return ask(router, queries, data.lesson.cost_scale, self.label)


@dataclass(frozen=True, kw_only=True, eq=False)
class EncoderSubject(Subject):
    """An encoder."""

    def ready(self, texts: list[str]) -> Encoder:
        """A new encoder, fitted on these texts if it has `fit`."""
        return fitted_encoder(self.make(), texts, "practice data")


@dataclass(frozen=True, kw_only=True, eq=False)
class FactSubject:
    """A dataset or a model: a spec, and the plugin that provides it."""

    word: str
    label: str
    contribution: Contribution[Any]
    registry: Registry
    workspace: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def provider(self) -> Provider:
        """The plugin that provides it."""
        return self.contribution.provider


KINDS_OF_SUBJECT: dict[str, type[Subject]] = {"router": RouterSubject, "encoder": EncoderSubject}


def named(
    word: str,
    name: str,
    registry: Registry,
    workspace: Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    example: Path | None = None,
) -> Subject:
    """The subject for an installed component.

    :raises UnknownNameError: if no plugin provides it.
    :raises MMRError: if its class cannot be imported.
    """
    shelf: ComponentShelf = registry.components(cast("Kind", word))
    item = shelf.find(name)
    return KINDS_OF_SUBJECT.get(word, Subject)(
        word=word,
        label=item.canonical_id,
        factory=shelf.load(item.canonical_id),
        create=lambda **given: shelf.create(item.canonical_id, **given),
        parameters=dict(parameters or {}),
        provider=item.provider,
        registry=registry,
        workspace=workspace,
        example=example,
    )


def of_class(
    word: str,
    factory: Callable[..., Any],
    registry: Registry,
    workspace: Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    example: Path | None = None,
) -> Subject:
    """The subject for a class, registered or not.

    :raises UsageError: if it cannot be called.
    """
    if not callable(factory):
        raise UsageError(
            f"{factory!r} is not a class", where=f"conformance of a {word}", fix=f"give the {word}'s class"
        )
    return KINDS_OF_SUBJECT.get(word, Subject)(
        word=word,
        label=getattr(factory, "__name__", repr(factory)),
        factory=factory,
        create=factory,
        parameters=dict(parameters or {}),
        provider=None,
        registry=registry,
        workspace=workspace,
        example=example,
    )
