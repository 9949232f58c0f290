"""A run of the authors' protocol: their routers and their two reference rows, on each dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from mmr_core.authors.protocol import AuthorsResult, authors_split, evaluate_authors, unit_rows
from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import UnknownNameError, UsageError
from mmr_core.features import FeatureSource, PrecomputedFeatures
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import ComponentShelf
from mmr_core.specs import ORACLE, UNIFORM, DatasetSpec

Rows = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class AuthorsEntry:
    """A router preset in the run; "random" and "oracle" belong to the protocol and have none."""

    name: str
    canonical_id: str
    version: str
    parameters: Mapping[str, Any] = Field(description="all besides the seed; those of its fusion are fixed")


@dataclass(frozen=True, kw_only=True)
class AuthorsRun:
    """The metrics of each dataset or mixture, by name, and what they were computed from: `results.json`."""

    schema_version: Literal[1] = 1
    protocol: Literal["authors"] = "authors"
    source: str
    synthetic: bool
    digest: str = Field(serialization_alias="table_digest")
    seed: int
    features: Mapping[str, Any]
    versions: Mapping[str, str] = Field(description="of Python and of the libraries that figures depend on")
    lineup: tuple[AuthorsEntry, ...]
    columns: Mapping[str, AuthorsResult] = Field(serialization_alias="datasets")

    def to_dict(self) -> dict[str, Any]:
        """What `results.json` holds, as plain data."""
        plain: dict[str, Any] = _RUN.dump_python(self, mode="json", by_alias=True)
        return plain

    def to_json(self) -> str:
        """The text of `results.json`."""
        return _RUN.dump_json(self, indent=2, by_alias=True).decode() + "\n"


_RUN = TypeAdapter(AuthorsRun)


def run_authors(
    table: OutcomeTable,
    datasets: Sequence[DatasetSpec],
    names: Sequence[str] | None,
    *,
    source: FeatureSource,
    routers: ComponentShelf,
    fusions: ComponentShelf,
    seed: int,
    versions: Mapping[str, str],
    progress: Progress = no_progress,
) -> AuthorsRun:
    """Runs the authors' program on each dataset, its rows in file order.

    :param names: routers; None means "random", "oracle" and all presets.
    :param routers, fusions: the components of the protocol "authors".
    :param versions: of Python and of the libraries that figures depend on, for the record.
    :raises UsageError: if a router has no preset.
    :raises MMRError: as `evaluate_authors` does.
    """
    chosen = [UNIFORM, ORACLE, *routers.names()] if names is None else list(names)
    lineup = [(name, partial(routers.create, _with_preset(name, routers))) for name in chosen]
    makers = {name: partial(fusions.create, name) for name in fusions.names()}
    columns: dict[str, AuthorsResult] = {}
    for spec in datasets:
        rows = np.flatnonzero(np.isin(table.dataset.astype(str), spec.members or (spec.name,)))
        if len(rows) == 0:
            raise UnknownNameError(f"no instance of dataset {spec.name!r}", where=table.source)
        own = table.take(rows)
        text, image = _arrays(source, own, seed)
        columns[spec.name] = evaluate_authors(
            own, text=text, image=image, routers=lineup, fusions=makers, seed=seed, progress=progress
        )
    return AuthorsRun(
        columns=columns,
        lineup=tuple(_entry(name, routers) for name in chosen if name not in (UNIFORM, ORACLE)),
        features=dict(source.describe()),
        seed=seed,
        versions=versions,
        source=table.source,
        synthetic=table.synthetic,
        digest=table.digest(),
    )


def _entry(name: str, routers: ComponentShelf) -> AuthorsEntry:
    item = routers.find(name)
    parameters = {key: value for key, value in routers.parameters(name, {}).items() if key != "seed"}
    return AuthorsEntry(name=name, canonical_id=item.canonical_id, version=item.provider.version, parameters=parameters)


def _with_preset(name: str, routers: ComponentShelf) -> str:
    if name in (UNIFORM, ORACLE):
        return name
    try:
        return routers.label(routers.find(name))
    except UnknownNameError as error:
        raise UsageError(
            f"router {name!r} has no preset in --protocol authors (networks are unseeded in the authors' program)",
            fix=f"choose from {', '.join((UNIFORM, ORACLE, *routers.names()))}",
        ) from error


def _arrays(source: FeatureSource, table: OutcomeTable, seed: int) -> tuple[Rows | None, Rows | None]:
    """Text and image features: from a file bit for bit, from encoders normalised once."""
    if isinstance(source, PrecomputedFeatures):
        return source.raw(table)
    train = np.zeros(len(table), dtype=np.bool_)
    train[authors_split(len(table), seed)[0]] = True
    embeddings = source.features(table, train).embeddings
    text, image = (
        None if array is None or not embeddings.mask[:, side].any() else unit_rows(array)
        for side, array in enumerate((embeddings.text, embeddings.image))
    )
    return text, image
