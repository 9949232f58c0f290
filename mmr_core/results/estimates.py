"""A figure with its 95 % interval, and the types that every class of results is built from.

Classes of results are pydantic dataclasses: checked once, when they are made, and written by their own serialiser.
JSON knows neither infinity nor NaN, and the files hold none: an infinite end is null and named in the list `infinite`
beside it. Arrays stay out of JSON; `sidecar` keeps them in Parquet files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    GetPydanticSchema,
    InstanceOf,
    JsonValue,
    ModelWrapValidatorHandler,
    PlainSerializer,
    model_validator,
)
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from mmr_core.numerics.bootstrap import interval
from mmr_core.numerics.metrics import METRICS
from mmr_core.numerics.sweep import OperatingCurve

METRIC_NAMES = tuple(METRICS)
"""The metrics of a row, in the order in which tables show them."""

NO_DRAW = "no draw gave a figure"
CONFIG = ConfigDict(extra="forbid", serialize_by_alias=True)

Count = Annotated[int, Field(ge=0)]
RowKind = Literal["router", "reference"]
End = Literal["value", "low", "high", "-value", "-low", "-high"]


def _finite(number: float | None) -> float | None:
    return None if number is None or math.isinf(number) else number


Figure = Annotated[float | None, PlainSerializer(_finite, return_type=float | None, when_used="json")]
"""A number that is null in JSON where it is infinite."""


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Estimate:
    """A figure with its 95 % interval.

    The percentile interval need not contain the figure: the peak of a resampled table, for one, is biased upwards.
    """

    value: Figure = Field(description="the figure, averaged over seeds; null: infinite, or see `reason`")
    low: Figure = Field(default=None, description="lower end of the interval; null: infinite, or no draw gave one")
    high: Figure = Field(default=None, description="upper end of the interval; null: infinite, or no draw gave one")
    infinite: tuple[End, ...] = Field(
        init=False,
        default=(),
        repr=False,
        description="which of value, low and high are +infinity, each of them null; with a minus sign: -infinity",
    )
    reason: str = Field(default="", description="why there is no value, or no interval")

    def __post_init__(self) -> None:
        if self.value is None and (not self.reason or self.low is not None or self.high is not None):
            raise ValueError("an estimate without a value needs a reason, and has no interval")
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval has two ends or none")
        if any(number is not None and math.isnan(number) for number in (self.value, self.low, self.high)):
            raise ValueError("NaN is not a figure; give None with a reason")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"the interval ends before it begins: [{self.low}, {self.high}]")
        infinite = [
            end if number > 0 else f"-{end}"
            for end in ("value", "low", "high")
            if (number := getattr(self, end)) is not None and math.isinf(number)
        ]
        object.__setattr__(self, "infinite", tuple(infinite))

    @model_validator(mode="before")
    @classmethod
    def _infinite_in_a_file(cls, stored: Any) -> Any:
        """Puts infinity where a file names it."""
        if not isinstance(stored, dict) or not isinstance(stored.get("infinite"), list | tuple):
            return stored
        numbers = {name: number for name, number in stored.items() if name != "infinite"}
        for named in stored["infinite"]:
            end = str(named).removeprefix("-")
            if end not in ("value", "low", "high"):
                raise ValueError(f"{named!r} is called infinite, which only value, low and high can be")
            if numbers.get(end) is not None:
                raise ValueError(f"{end} is called infinite and has a number")
            numbers[end] = -math.inf if end != named else math.inf
        return numbers


def estimate(value: float | None, draws: NDArray[np.float64], reason: str = "") -> Estimate:
    """A figure with the percentile interval of its draws.

    :param draws: [B], NaN where a draw has no figure.
    :param reason: why there is no value, where there is none.
    """
    if value is None:
        return Estimate(value=None, reason=reason)
    ends = interval(draws)
    if ends is None:
        return Estimate(value=value, reason=NO_DRAW)
    return Estimate(value=value, low=ends[0], high=ends[1])


@dataclass(frozen=True, kw_only=True, eq=False, config=CONFIG)
class Stored:
    """A class of results, some of whose fields follow from others (`init=False`).

    Such fields are written to files for their readers. Where a file is read, they must agree with what they follow
    from.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _demand_agreement(cls, stored: Any, make: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(stored, dict):  # made by name in Python
            return make(stored)
        known: dict[str, FieldInfo] = cls.__pydantic_fields__  # type: ignore[attr-defined]
        following = {name: info.alias or name for name, info in known.items() if info.init is False}
        missing = [key for key in following.values() if key not in stored]
        if missing:
            raise ValueError(f"{missing[0]} is missing")
        made = make({key: value for key, value in stored.items() if key not in following.values()})
        for name, key in following.items():
            if stored[key] != getattr(made, name):
                raise ValueError(f"{key} and the rest disagree: got {stored[key]!r}, expected {getattr(made, name)!r}")
        return made


class ByName:
    """Marks a mapping whose keys are exactly these names; it is kept in their order.

    :param meanings: what each key means, by key, for the JSON schema.
    """

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self.meanings = meanings

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._ordered, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        value = handler(schema)["additionalProperties"]
        return {
            "type": "object",
            "properties": {name: {**value, "description": meaning} for name, meaning in self.meanings.items()},
            "required": list(self.meanings),
            "additionalProperties": False,
        }

    def _ordered(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if values.keys() != self.meanings.keys():
            raise ValueError(f"expected {', '.join(self.meanings)}, got {', '.join(values) or 'nothing'}")
        return {name: values[name] for name in self.meanings}


MEANINGS = {name: metric.meaning for name, metric in METRICS.items()}
Metrics = Annotated[Mapping[str, Estimate], ByName(MEANINGS)]
"""An estimate for each of `METRIC_NAMES`."""


def _floats(array: NDArray[Any]) -> NDArray[np.float64]:
    if array.dtype != np.float64 or array.ndim != 1:
        raise ValueError(f"expected an array of float64 [n], got {array.dtype} {list(array.shape)}")
    return array


def _equal_lengths(draws: Mapping[str, NDArray[np.float64]]) -> Mapping[str, NDArray[np.float64]]:
    if draws and draws.keys() != set(METRIC_NAMES):
        raise ValueError(f"expected draws of {', '.join(METRIC_NAMES)}, got {', '.join(draws)}")
    if len(lengths := {len(drawn) for drawn in draws.values()}) > 1:
        raise ValueError(f"expected as many draws of every metric, got {sorted(lengths)}")
    return draws


def sound_curve(curve: OperatingCurve) -> OperatingCurve:
    """The curve, if its arrays are finite numbers of one length.

    :raises ValueError: if they are not; the trade-off weight alone may be infinite.
    """
    lengths = {len(_floats(array)) for array in (curve.trade_off, curve.cost, curve.utility)}
    if len(lengths) > 1:
        raise ValueError(f"expected arrays of one length in a curve, got {sorted(lengths)}")
    if not (np.isfinite(curve.cost).all() and np.isfinite(curve.utility).all()) or np.isnan(curve.trade_off).any():
        raise ValueError("a curve holds numbers that are not finite")
    return curve


def _ascending(curve: OperatingCurve) -> OperatingCurve:
    if len(curve.cost) == 0 or (np.diff(curve.cost) < 0).any():
        raise ValueError("a Pareto front needs a point, and its costs must ascend")
    return curve


FloatArray = Annotated[
    NDArray[np.float64],
    GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_after_validator_function(
            _floats, core_schema.is_instance_schema(np.ndarray)
        )
    ),
]
"""float64 [n]; the array given, not a copy."""

Draws = Annotated[Mapping[str, FloatArray], AfterValidator(_equal_lengths)]
"""By metric, [B] each; empty where they have not been read."""

Curve = Annotated[InstanceOf[OperatingCurve], AfterValidator(sound_curve)]
Front = Annotated[Curve, AfterValidator(_ascending)]
"""The operating points on the Pareto front."""


def json_value(value: Any) -> JsonValue:
    """A plugin's value as JSON; whatever JSON has no type for becomes text."""
    if hasattr(value, "tolist"):
        value = value.tolist()  # numpy scalars and arrays
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, set | frozenset):
        return [*sorted(str(item) for item in value)]
    return str(value)


Facts = Annotated[Mapping[Any, Any], PlainSerializer(json_value, return_type=dict[str, JsonValue], when_used="json")]
"""What a plugin states about itself: any Python values in memory, JSON values in files."""
