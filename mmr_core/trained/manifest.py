"""What a file of a trained router says about itself: the versioned schema of its `trained.json`.

Data only; `saving` fills it and reads it back. Unknown fields are refused, so that a file means what this version
says it means. There is no time in it and no name of a machine: what is learned twice alike is written alike.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, model_validator

from mmr_core.specs import ModelSpec, TokenPrice

SCHEMA_VERSION: Literal[1] = 1

Count = Annotated[int, Field(ge=0)]
Usd = Annotated[FiniteFloat, Field(ge=0)]
ModalityName = Literal["text", "image"]


class Part(BaseModel):
    """A part of the manifest: frozen, without unknown fields, and without conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PriceEntry(Part):
    """USD per million tokens of each sort; null where it is not known."""

    output: Usd | None
    input: Usd | None
    image: Usd | None
    cached: Usd | None


class ModelEntry(Part):
    """One candidate model, with the static metadata that the router may see."""

    name: str
    title: str
    family: str
    open_weight: bool | None
    parameters_b: FiniteFloat | None
    modalities: Annotated[list[ModalityName], Field(min_length=1)]
    context_length: int | None
    price: PriceEntry
    csv_columns: list[str]

    @classmethod
    def of(cls, model: ModelSpec) -> Self:
        """The entry of a model."""
        given = {name: getattr(model, name) for name in cls.model_fields if name != "price"}
        prices = {name: getattr(model.price, name) for name in PriceEntry.model_fields}
        lists = {"modalities": list(model.modalities), "csv_columns": list(model.csv_columns)}
        return cls(**{**given, **lists}, price=PriceEntry(**prices))

    def spec(self) -> ModelSpec:
        """The model.

        :raises SpecError: if it cannot be.
        """
        given = self.model_dump() | {"modalities": tuple(self.modalities), "csv_columns": tuple(self.csv_columns)}
        return ModelSpec(**{**given, "price": TokenPrice(**self.price.model_dump())})


class ComponentEntry(Part):
    """A router, fusion or encoder: where it comes from, and what it is made with.

    `state` is the JSON half of what it learned; the other half is the arrays whose names begin with the component's.
    """

    canonical_id: str = Field(description="distribution/name")
    version: str = Field(description="of the distribution")
    parameters: dict[str, JsonValue] = Field(description="every parameter it is made with; for a router, seed too")
    state: dict[str, JsonValue]


class EncoderEntry(ComponentEntry):
    """An encoder; what it gives is known by its fingerprint, which must be the same where the file is used."""

    modalities: Annotated[list[ModalityName], Field(min_length=1, max_length=2)]
    fingerprint: str


class FeaturesEntry(Part):
    """How queries become features."""

    encoders: Annotated[list[EncoderEntry], Field(min_length=1, max_length=2)]
    modality: Literal["text", "image", "multimodal"] = Field(description="what the router sees of a query")
    align: Literal["pad", "truncate"] | None
    width: Annotated[int, Field(ge=1)] = Field(description="of every embedding, once aligned")

    @model_validator(mode="after")
    def _each_modality_once(self) -> Self:
        read = sorted(modality for encoder in self.encoders for modality in encoder.modalities)
        due = sorted(("text", "image") if self.modality == "multimodal" else (self.modality,))
        if read != due:
            raise ValueError(f"its encoders read {' and '.join(read)} where {' and '.join(due)} are due")
        return self


class OperatingPoint(Part):
    """The trade-off weight of greatest utility on the validation rows, in a fit without them."""

    trade_off: Usd = Field(description="per unit of normalised cost")
    instances: Annotated[int, Field(ge=1)] = Field(description="validation rows with all outcomes")
    utility: FiniteFloat = Field(description="mean on them")
    cost: FiniteFloat = Field(description="mean on them, in USD")


class TrainingEntry(Part):
    """What was learned from."""

    source: str
    synthetic: bool
    table_digest: str
    split: str
    split_digest: str
    datasets: list[str]
    scenarios: list[str]
    learned_from: Literal["training split", "all rows"]
    rows: Annotated[int, Field(ge=1)]
    validation_rows: Count
    rows_not_looked_at: Count = Field(description="the test split; 0 where all rows were learned from")
    price_sheet: str | None


class Manifest(Part):
    """The whole of `trained.json`."""

    schema_version: Literal[1]
    router: ComponentEntry
    fusion: ComponentEntry | None
    features: FeaturesEntry
    pool: Annotated[list[ModelEntry], Field(min_length=1)]
    cost_scale: Annotated[FiniteFloat, Field(gt=0)] = Field(description="USD; what costs are divided by (Eq. S1)")
    operating_point: OperatingPoint | None = Field(description="null: there was no validation row to choose on")
    training: TrainingEntry
    versions: dict[str, str] = Field(description="of Python and of the libraries that it was learned with")
