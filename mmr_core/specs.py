"""Facts about datasets, models and components, as plugins state them.

Frozen, keyword-only dataclasses that are valid once they exist. They hold no behaviour and import only the
standard library, so that listing what is installed costs nothing. Behaviour is in `contracts`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmr_core.errors import SpecError

Kind = Literal["encoder", "fusion", "router", "importer", "study"]
Modality = Literal["text", "image"]
Protocol = Literal["paper", "authors"]

KINDS: tuple[Kind, ...] = ("encoder", "fusion", "router", "importer", "study")
MODALITIES: tuple[Modality, ...] = ("text", "image")

UNIFORM = "random"
"""The router that gives every model the same chance: an ordinary router, which tables show among the references."""

ORACLE = "oracle"
"""The reference that knows every outcome."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_FREE_NAME = re.compile(r"[^\s,][^,\n]*")
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _demand(holds: bool, owner: str, what: str, fix: str) -> None:
    if not holds:
        raise SpecError(what, where=owner, fix=fix)


def _demand_name(name: object, owner: str) -> None:
    _demand(
        isinstance(name, str) and _NAME.fullmatch(name) is not None,
        owner,
        f"{name!r} is not a valid name",
        "use lower-case letters, digits, '.', '_' and '-', starting with a letter or digit",
    )


def _demand_modalities(modalities: object, owner: str) -> None:
    _demand(
        isinstance(modalities, tuple) and bool(modalities) and set(modalities) <= set(MODALITIES),
        owner,
        f"modalities {modalities!r} are not known",
        "give a tuple of 'text' and 'image'",
    )


@dataclass(frozen=True, kw_only=True)
class TokenPrice:
    """What a model charges, in USD per million tokens of each sort; None where it is not known.

    :param output: generated tokens.
    :param input: prompt tokens of text.
    :param image: prompt tokens that stand for an image.
    :param cached: prompt tokens read from the provider's cache.
    """

    output: float | None = None
    input: float | None = None
    image: float | None = None
    cached: float | None = None

    def __post_init__(self) -> None:
        for sort in ("output", "input", "image", "cached"):
            price = getattr(self, sort)
            _demand(
                price is None or (price >= 0 and price != float("inf")),
                "token price",
                f"{sort} price {price!r} is negative or not finite",
                "give USD per million tokens, or None where it is unknown",
            )


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """One dataset of instances, or a mixture of several.

    :param name: canonical name; the one that split hashes use, so it never changes.
    :param scenario: the task tag a router may see: ocr, general-vqa, math, text, or a new one.
    :param modalities: what an instance of it has, a subset of ("text", "image").
    :param metric: the name of the utility, for display.
    :param expected_instances: how many instances the published dataset has; None where that is unknown.
    :param id_prefix: `dataset_idx` is `<id_prefix>_<id>` in a published table.
    :param image_folder: where the images lie beside a published table; None means `id_prefix`.
    :param aliases: other spellings that people and files use.
    :param members: canonical names of the datasets that a mixture pools; empty for a plain dataset.
    """

    name: str
    title: str
    scenario: str
    modalities: tuple[Modality, ...]
    metric: str = "accuracy"
    expected_instances: int | None = None
    id_prefix: str = ""
    image_folder: str | None = None
    licence: str = "unknown"
    homepage: str = ""
    aliases: tuple[str, ...] = ()
    members: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        owner = f"dataset {self.name!r}"
        _demand_name(self.name, owner)
        _demand_name(self.scenario, owner)
        _demand_modalities(self.modalities, owner)
        _demand(
            bool(self.members) or bool(self.id_prefix),
            owner,
            "has neither an id prefix nor members",
            "give id_prefix for a plain dataset, or members for a mixture",
        )

    @property
    def folder(self) -> str:
        """The name of the image folder beside a published table."""
        return self.id_prefix if self.image_folder is None else self.image_folder


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One candidate model, with the static metadata that a router may see.

    :param name: canonical name; a model met only in a file keeps the name it has there.
    :param parameters_b: size in billions of parameters; None where it is not published.
    :param context_length: in tokens; None where it is not known.
    :param price: USD per million tokens.
    :param csv_columns: prefixes under which published tables carry this model's columns.
    """

    name: str
    title: str
    family: str = "unknown"
    open_weight: bool | None = None
    parameters_b: float | None = None
    modalities: tuple[Modality, ...] = MODALITIES
    context_length: int | None = None
    price: TokenPrice = TokenPrice()
    csv_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        owner = f"model {self.name!r}"
        _demand(
            isinstance(self.name, str) and _FREE_NAME.fullmatch(self.name) is not None,
            owner,
            "is not a valid name for a model",
            "use one line without commas",
        )
        _demand_modalities(self.modalities, owner)


@dataclass(frozen=True, kw_only=True)
class PublishedTable:
    """A table of outcomes that its makers publish as a dataset on the Hugging Face hub.

    :param name: what a person types.
    :param repository: "owner/name" of the dataset on the hub.
    :param revision: a commit, or a branch or tag, which is followed to its commit once and then kept.
    """

    name: str
    title: str
    repository: str
    revision: str = "main"
    licence: str = "unknown"
    homepage: str = ""

    def __post_init__(self) -> None:
        owner = f"published table {self.name!r}"
        _demand_name(self.name, owner)
        _demand(
            isinstance(self.repository, str) and _REPOSITORY.fullmatch(self.repository) is not None,
            owner,
            f"repository {self.repository!r} is not a name on the hub",
            "write it as 'owner/name'",
        )
        _demand(
            isinstance(self.revision, str) and bool(self.revision),
            owner,
            "has no revision",
            "give a commit, a branch or a tag",
        )


@dataclass(frozen=True, kw_only=True)
class ComponentSpec:
    """An encoder, fusion, router, importer or study, described without importing it.

    :param target: `package.module:Class`, imported on first use.
    :param extra: the extra of the providing distribution that installs what the class needs, such as "torch".
    :param needs: what that extra brings, in words for a message, such as "PyTorch".
    :param defaults: keyword parameters the class is made with unless the caller says otherwise.
    :param protocol: the evaluation protocol it belongs to; names are unique within one protocol.
    :param is_default: commands use this component when none is named (honoured for built-ins).
    :param slow: a fit takes minutes rather than seconds on a processor; grids of many fits take such a router only
        where it is named.
    :param published: of an importer, the tables that are published in its format.
    """

    kind: Kind
    name: str
    target: str
    summary: str
    extra: str | None = None
    needs: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    protocol: Protocol = "paper"
    is_default: bool = False
    slow: bool = False
    published: tuple[PublishedTable, ...] = ()

    def __post_init__(self) -> None:
        owner = f"{self.kind} {self.name!r}"
        _demand(self.kind in KINDS, owner, f"kind {self.kind!r} is not known", f"use one of {', '.join(KINDS)}")
        _demand_name(self.name, owner)
        _demand(
            isinstance(self.target, str) and _TARGET.fullmatch(self.target) is not None,
            owner,
            f"target {self.target!r} is not an import path",
            "write it as 'package.module:Class'",
        )
        _demand(
            self.protocol in ("paper", "authors"),
            owner,
            f"protocol {self.protocol!r} is not known",
            "use 'paper' or 'authors'",
        )
        _demand(
            isinstance(self.published, tuple) and all(isinstance(table, PublishedTable) for table in self.published),
            owner,
            f"published {self.published!r} is not a tuple of tables",
            "give a tuple of PublishedTable",
        )
        object.__setattr__(self, "defaults", dict(self.defaults))


@dataclass(frozen=True, kw_only=True)
class CommandSpec:
    """A command that a plugin mounts on `mmr`, imported when it is called.

    :param name: the word behind `mmr`.
    :param target: `package.module:app`, a Typer application or a function with Typer annotations.
    :param help: one line for `mmr --help`.
    """

    name: str
    target: str
    help: str

    def __post_init__(self) -> None:
        owner = f"command {self.name!r}"
        _demand_name(self.name, owner)
        _demand(
            _TARGET.fullmatch(self.target) is not None,
            owner,
            f"target {self.target!r} is not an import path",
            "write it as 'package.module:app'",
        )
