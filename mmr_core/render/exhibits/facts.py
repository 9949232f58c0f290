"""What a reader must know of a run of studies to believe it and to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mmr_core.results import DataFacts, LineupEntry


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """How the exhibits of a report came about. What failed in single cells stands in the results.

    :param data: the table; where it is synthetic, every title says so.
    :param split_digest: of which instances are in which part.
    :param versions: of Python and of the libraries, by name.
    :param seeds: of routers.
    :param draws, draw_seed: of the bootstrap.
    :param features: what the features were made of, one description per pair of encoders in use.
    :param lineup: the routers, in the order that gives them their colours.
    :param command: the words as typed, the program's name first.
    :param measured: cells that were run now; :param cached: cells whose results were there already.
    :param seconds: that the run took; :param started: its beginning, with a time zone.
    :param unavailable: studies that this table or this machine cannot give, with the reason.
    :param failed: studies that broke, with the reason.
    :param skipped_routers: routers that were left out, with the reason.
    :param warnings: what else was said while it ran.
    """

    data: DataFacts
    split_digest: str
    versions: Mapping[str, str]
    seeds: tuple[int, ...]
    draws: int
    draw_seed: int
    features: tuple[Mapping[str, Any], ...]
    lineup: tuple[LineupEntry, ...]
    command: tuple[str, ...]
    measured: int
    cached: int
    seconds: float
    started: datetime
    unavailable: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    skipped_routers: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
