"""What studies of a quantity share: figures over a number as a line with its band, and who takes part.

The studies beyond the paper vary one thing in many steps, so they run with the first seed of the run, and where steps
are many with the light routers alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from mmr_core.results import Estimate
from mmr_core.studies import Cell, CellRecord, Results, Series, Setting, Unavailable
from mmr_plugins.studies.lineup import MAIN_RULE, learners, main_router
from mmr_plugins.studies.measured import Measured

LIGHT_RULE = "the routers of the run that need no extra library, or all of them where each needs one"
MAIN_LIGHT_RULE = f"{MAIN_RULE}; where it is not measured here, the first that is"


def demand_learners(setting: Setting) -> tuple[str, ...]:
    """The routers of the run that learn.

    :raises Unavailable: if there is none.
    """
    found = learners(setting)
    if not found:
        raise Unavailable("no router of the run learns from queries", fix="add one with --router")
    return found


def light_learners(setting: Setting) -> tuple[str, ...]:
    """The routers by `LIGHT_RULE`.

    :raises Unavailable: if the run has no router that learns.
    """
    found = demand_learners(setting)
    return tuple(name for name in found if setting.registry.routers.find(name).spec.extra is None) or found


def main_of(setting: Setting, routers: tuple[str, ...]) -> str:
    """The one of these routers that a claim is tested on: `MAIN_LIGHT_RULE`."""
    chosen = main_router(setting)
    return chosen if chosen in routers else routers[0]


def first_fit(measured: Measured, cell: Cell) -> list[CellRecord]:
    """The record of a cell as a list of one; empty if it was not measured."""
    return measured.records([cell])


def curve(name: str, estimates: Mapping[float, Estimate], *, reference: bool = False) -> Series:
    """A line through the figures that there are, with their intervals as a band."""
    known = [
        (float(x), e.value, e.value if e.low is None else e.low, e.value if e.high is None else e.high)
        for x, e in estimates.items()
        if e.value is not None
    ]
    x, y, low, high = zip(*known, strict=True) if known else ((), (), (), ())
    return Series(name=name, x=x, y=y, low=low, high=high, reference=reference)


def level(name: str, height: float, x: tuple[float, ...]) -> Series:
    """A yardstick: the same height from the first place to the last."""
    ends = (min(x), max(x)) if x else ()
    return Series(name=name, x=ends, y=(height,) * len(ends), reference=True)


def one_seed_note(setting: Setting, results: Results) -> str:
    """How the figures of such a study were made."""
    return (
        f"Figures are of seed {setting.seeds[0]}; in brackets, 95 % intervals from {results.draws:,} bootstrap draws "
        "of test instances."
    )
