"""What the file of a trained router says about itself: the versioned schema of its `trained.json`.

Data only; `serialize` fills it and `restore` reads it back. Unknown fields are rejected, so that a file means what
this version says it means. It holds no time and no machine name: training twice alike gives the same bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, model_validator

from mmr_core.specs import ModelSpec, TokenPrice

SCHEMA_VERSION: Literal[1] = 1

TITLE = "trained.json"
"""The name of the manifest in the archive."""

ROUTER, FUSION = "router", "fusion"
"""The prefixes of the names of their arrays in the archive."""

Count = Annotated[int, Field(ge=0)]
Usd = Annotated[FiniteFloat, Field(ge=0)]
ModalityName = Literal["text", "image"]


class ManifestPart(BaseModel):
    """A part of the manifest: frozen, without unknown fields or type conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PriceEntry(ManifestPart):
    """USD per million tokens of each kind; null if unknown."""

    output: Usd | None
    input: Usd | None
    image: Usd | None
    cached: Usd | None


class ModelEntry(ManifestPart):
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
        """The entry for a model."""
        given = {name: getattr(model, name) for name in cls.model_fields if name != "price"}
        prices = {name: getattr(model.price, name) for name in PriceEntry.model_fields}
        lists = {"modalities": list(model.modalities), "csv_columns": list(model.csv_columns)}
        return cls(**{**given, **lists}, price=PriceEntry(**prices))

    def spec(self) -> ModelSpec:
        """The model that this entry describes.

        :raises SpecError: if the entry contradicts itself.
        """
        given = self.model_dump() | {"modalities": tuple(self.modalities), "csv_columns": tuple(self.csv_columns)}
        return ModelSpec(**{**given, "price": TokenPrice(**self.price.model_dump())})


class ComponentEntry(ManifestPart):
    """A router, fusion or encoder: its provider, its parameters, and the JSON part of its learned state.

    The rest of the state is the arrays whose names start with the component's prefix.
    """

    canonical_id: str = Field(description="distribution/name")
    version: str = Field(description="of the distribution")
    parameters: dict[str, JsonValue] = Field(description="all parameters; for a router, the seed too")
    state: dict[str, JsonValue]


class EncoderEntry(ComponentEntry):
    """An encoder; its fingerprint must be the same where the file is used."""

    modalities: Annotated[list[ModalityName], Field(min_length=1, max_length=2)]
    fingerprint: str


class FeaturesEntry(ManifestPart):
    """How queries become features."""

    encoders: Annotated[list[EncoderEntry], Field(min_length=1, max_length=2)]
    modality: Literal["text", "image", "multimodal"] = Field(description="what the router sees of a query")
    align: Literal["pad", "truncate"] | None
    width: Annotated[int, Field(ge=1)] = Field(description="of every embedding after alignment")

    @model_validator(mode="after")
    def _each_modality_once(self) -> Self:
        read = sorted(modality for encoder in self.encoders for modality in encoder.modalities)
        expected = sorted(("text", "image") if self.modality == "multimodal" else (self.modality,))
        if read != expected:
            raise ValueError(f"expected encoders for {' and '.join(expected)}, got {' and '.join(read)}")
        return self


class OperatingPoint(ManifestPart):
    """The trade-off weight with the highest utility on the validation rows, in a fit without them."""

    trade_off: Usd = Field(description="per unit of normalised cost")
    instances: Annotated[int, Field(ge=1)] = Field(description="validation rows with all outcomes")
    utility: FiniteFloat = Field(description="mean over these rows")
    cost: FiniteFloat = Field(description="mean over these rows, in USD")


class TrainingEntry(ManifestPart):
    """The data that the router was trained on."""

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
    rows_not_looked_at: Count = Field(description="size of the test split; 0 if all rows were used")
    price_sheet: str | None


class TrainedManifest(ManifestPart):
    """The whole of `trained.json`."""

    schema_version: Literal[1]
    router: ComponentEntry
    fusion: ComponentEntry | None
    features: FeaturesEntry
    pool: Annotated[list[ModelEntry], Field(min_length=1)]
    cost_scale: Annotated[FiniteFloat, Field(gt=0)] = Field(description="USD; what costs are divided by (Eq. S1)")
    operating_point: OperatingPoint | None = Field(description="null if there were no validation rows")
    training: TrainingEntry
    versions: dict[str, str] = Field(description="of Python and of the libraries used in training")


def encoder_prefix(index: int) -> str:
    """The prefix of the names of an encoder's arrays."""
    return f"encoder-{index}"
