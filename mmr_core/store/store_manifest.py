"""The manifest of a store: `manifest.json`, which names every other file.

A file that the manifest does not name is not part of the store, so an import that dies before the manifest is
written has changed nothing.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from mmr_core.errors import DataError, SpecError
from mmr_core.specs import DatasetSpec, ModelSpec

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

FILE_NAME = "manifest.json"
SCHEMA_VERSION = 2
DIGEST_SIZE = 16
"""Bytes of the BLAKE2b digest of a file."""
_WITHOUT_ORIGINS = 1
"""The schema version of stores without origins, so that older versions of mmr-bench can read them."""
_LONGEST_STEM = 150


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Batch(_Record):
    """One import: where its outcomes came from, and whether they were generated rather than observed."""

    source: str
    synthetic: bool


class StoredFile(_Record):
    """A Parquet file by its path within the store, and a digest of its bytes."""

    path: str
    digest: str

    @field_validator("path")
    @classmethod
    def _within_the_store(cls, path: str) -> str:
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts:
            raise ValueError(f"{path!r} is not within the store")
        return path


class StoredOutcomes(_Record):
    """One model's outcomes on one dataset.

    :param column: the name that the model had in the source.
    :param batch: index of the import that brought them.
    :param responses: whether the source had the model's answers.
    :param origins: where each outcome came from, if the import knew; from schema version 2.
    """

    model: str
    column: str
    batch: int
    responses: bool
    file: StoredFile
    origins: StoredFile | None = None

    @model_serializer(mode="wrap")
    def _without_absent_origins(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        if self.origins is None:
            del content["origins"]
        return content


class StoredDataset(_Record):
    """One dataset's instances, and the outcomes of the models that ran on it."""

    spec: DatasetSpec
    instances: int
    batch: int
    file: StoredFile
    outcomes: list[StoredOutcomes] = Field(default_factory=list)

    def outcomes_of(self, model: str) -> StoredOutcomes | None:
        """The outcomes of one model, or None where it did not run on the dataset."""
        return next((stored for stored in self.outcomes if stored.model == model), None)


class StoredModel(_Record):
    """A candidate model and the name it had in the source that first brought it."""

    spec: ModelSpec
    column: str


class StoreManifest(_Record):
    """Everything that a store holds, in order of import.

    It is written with the lowest schema version that suffices.
    """

    schema_version: int = _WITHOUT_ORIGINS
    batches: list[Batch] = Field(default_factory=list)
    models: list[StoredModel] = Field(default_factory=list)
    datasets: list[StoredDataset] = Field(default_factory=list)

    @model_validator(mode="after")
    def _batches_exist(self) -> Self:
        named = [d.batch for d in self.datasets] + [o.batch for d in self.datasets for o in d.outcomes]
        if not all(0 <= batch < len(self.batches) for batch in named):
            raise ValueError(f"names a batch beyond the {len(self.batches)} that exist")
        return self

    def dataset(self, name: str) -> StoredDataset | None:
        """The stored dataset of this name, if there is one."""
        return next((stored for stored in self.datasets if stored.spec.name == name), None)

    def model(self, name: str) -> StoredModel | None:
        """The stored model of this name, if there is one."""
        return next((stored for stored in self.models if stored.spec.name == name), None)

    def pairs(self) -> list[tuple[str, str]]:
        """Every (dataset, model) that there are outcomes of."""
        return [(dataset.spec.name, stored.model) for dataset in self.datasets for stored in dataset.outcomes]

    def to_json(self) -> str:
        """The manifest as it is written."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def of(cls, batches: list[Batch], models: list[StoredModel], datasets: list[StoredDataset]) -> Self:
        """The manifest of these parts, in the schema version that they need."""
        traced = any(outcomes.origins for dataset in datasets for outcomes in dataset.outcomes)
        version = SCHEMA_VERSION if traced else _WITHOUT_ORIGINS
        return cls(schema_version=version, batches=batches, models=models, datasets=datasets)


def read_manifest(folder: Path) -> StoreManifest:
    """The manifest of a store.

    :raises DataError: if there is none, it is damaged, or a newer version of MMR-Bench wrote it.
    """
    path = folder / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(
            "is not an outcome store: it has no manifest.json", where=str(folder), fix="make one with 'mmr data import'"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error
    version = _version_of(text)
    if version is None:
        raise DataError(
            "is not the manifest of an outcome store",
            where=str(path),
            fix="give another folder, or import the data again",
        )
    if version not in range(_WITHOUT_ORIGINS, SCHEMA_VERSION + 1):
        raise DataError(
            f"has schema version {version}, and this version of mmr-bench reads up to {SCHEMA_VERSION}",
            where=str(path),
            fix="upgrade mmr-bench, or import the data again",
        )
    try:
        return StoreManifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "batches"
        raise DataError(
            f"is damaged at {place!r}: {first['msg']}", where=str(path), fix="import the data again"
        ) from None
    except SpecError as error:
        raise DataError(f"is damaged: {error}", where=str(path), fix="import the data again") from None


def digest_of(content: bytes | memoryview) -> str:
    """The digest by which the manifest knows a file."""
    return blake2b(content, digest_size=DIGEST_SIZE).hexdigest()


def file_stem(name: str, taken: Collection[str]) -> str:
    """A file name for a model or dataset, safe on every system and different from those taken.

    Case alone does not make names different: some file systems would put one over the other.
    """
    stem = quote(name, safe=" +()[]").strip()
    crowd = {other.casefold() for other in taken}
    if stem.casefold() in crowd or len(stem) > _LONGEST_STEM:
        stem = f"{stem[:_LONGEST_STEM]}~{digest_of(name.encode())[:8]}"
    return stem


def _version_of(text: str) -> object:
    import json

    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content.get("schema_version") if isinstance(content, dict) else None
