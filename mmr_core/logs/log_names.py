"""From a kit's names of datasets and models to specs: registered ones by name and alias, or specs of their own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from mmr_core.errors import DataError
from mmr_core.specs import MODALITIES, DatasetSpec, ModelSpec

if TYPE_CHECKING:
    from mmr_core.contracts import ImportContext

_UNSAFE = re.compile(r"[^a-z0-9._-]+")
_UNSAFE_PREFIX = re.compile(r"[^A-Za-z0-9.-]+")
_SCENARIO = "other"
_Spec = TypeVar("_Spec", DatasetSpec, ModelSpec)


@dataclass(frozen=True, kw_only=True)
class LogNames:
    """What the datasets and models of a log are called here.

    :param datasets: spec by the kit's name; an ad-hoc spec has the modality text alone until images are seen.
    :param models: spec by the kit's name.
    :param ad_hoc: the kit's names of datasets that no plugin knows.
    :param notices: lines for the user to read.
    """

    datasets: Mapping[str, DatasetSpec]
    models: Mapping[str, ModelSpec]
    ad_hoc: frozenset[str]
    notices: tuple[str, ...]


def names_of(datasets: Iterable[str], models: Iterable[str], context: ImportContext) -> LogNames:
    """Specs for the names of a log.

    Two names of one log never become the same: where they would, each keeps the name that the kit gives it.

    :raises DataError: if no valid name can be made of one.
    """
    notices: list[str] = []
    known = _without_clashes({name: _dataset(name, context) for name in dict.fromkeys(datasets)}, notices, "datasets")
    known_models = _without_clashes({name: _model(name, context) for name in dict.fromkeys(models)}, notices, "models")
    respelt = [f"{n!r} as {s.name!r}" for n, s in (*known.items(), *known_models.items()) if s and s.name != n]
    if respelt:
        notices.append(f"taken for registered ones: {', '.join(respelt)}")
    strangers = [name for name, spec in known.items() if spec is None]
    if strangers:
        notices.append(f"no plugin knows these datasets; taken with scenario {_SCENARIO!r}: {', '.join(strangers)}")
    strange_models = [name for name, spec in known_models.items() if spec is None]
    if strange_models:
        notices.append(f"no plugin knows these models, so only their names are known: {', '.join(strange_models)}")
    specs = {name: spec or _ad_hoc(name) for name, spec in known.items()}
    twice = [name for name, count in Counter(spec.name for spec in specs.values()).items() if count > 1]
    if twice:
        both = " and ".join(repr(name) for name, spec in specs.items() if spec.name == twice[0])
        raise DataError(f"the datasets {both} would both be called {twice[0]!r}", fix="import them one at a time")
    return LogNames(
        datasets=specs,
        models={name: spec or ModelSpec(name=_free_name(name), title=name) for name, spec in known_models.items()},
        ad_hoc=frozenset(strangers),
        notices=tuple(notices),
    )


def with_images(spec: DatasetSpec) -> DatasetSpec:
    """An ad-hoc spec of a dataset that turned out to have images."""
    return replace(spec, modalities=MODALITIES)


def _dataset(name: str, context: ImportContext) -> DatasetSpec | None:
    wanted = name.casefold()
    plain = [spec for spec in context.datasets if not spec.members]
    fitting = [s for s in plain if wanted in {w.casefold() for w in (s.name, s.id_prefix, s.title, *s.aliases)}]
    return fitting[0] if len(fitting) == 1 else None


def _model(name: str, context: ImportContext) -> ModelSpec | None:
    """By the full name or, where that is unknown, by what follows the organisation ("org/model", "org__model")."""
    for wanted in (name.casefold(), re.split(r"/|__", name)[-1].casefold()):
        fitting = [
            spec
            for spec in context.models
            if wanted in {word.casefold() for word in (spec.name, spec.title, *spec.csv_columns)}
        ]
        if len(fitting) == 1:
            return fitting[0]
    return None


def _without_clashes(specs: dict[str, _Spec | None], notices: list[str], word: str) -> dict[str, _Spec | None]:
    counts = Counter(spec.name for spec in specs.values() if spec is not None)
    parted = {
        name
        for name, spec in specs.items()
        if spec is not None and counts[spec.name] > 1 and name.casefold() != spec.name.casefold()
    }
    if parted:
        notices.append(
            f"several {word} of the log fit one that is registered, and these keep the names they have: "
            f"{', '.join(sorted(parted))}"
        )
    return {name: None if name in parted else spec for name, spec in specs.items()}


def _ad_hoc(name: str) -> DatasetSpec:
    safe = _UNSAFE.sub("-", name.lower()).strip("._-")
    prefix = _UNSAFE_PREFIX.sub("_", name).strip("_")
    if not safe or not prefix:
        raise DataError(f"no dataset name can be made of {name!r}", fix="rename it")
    return DatasetSpec(name=safe, title=name, scenario=_SCENARIO, modalities=("text",), id_prefix=prefix)


def _free_name(name: str) -> str:
    """A model's name as a spec can have it: one line, without commas or blanks before it."""
    return re.sub(r"[,\n]+", " ", name).strip() or "unnamed"
