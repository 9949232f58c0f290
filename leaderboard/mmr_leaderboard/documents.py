"""What the documents of the leaderboard are made of: those that are published, and those that are kept between runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Point = tuple[FiniteFloat, FiniteFloat]
"""Cost and utility."""


class StrictModel(BaseModel):
    """A part of a document: frozen, without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)
