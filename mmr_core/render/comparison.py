"""Shows what `mmr compare` found as tables."""

from __future__ import annotations

from mmr_core.render.grids import METRIC_TITLES, Grid, Section, titled
from mmr_core.render.numbers import finer, interval, name, signed, with_interval
from mmr_core.results import Estimate
from mmr_core.results.paired import Comparison


def comparison_grids(comparison: Comparison) -> list[Grid]:
    """The routers, and their differences, as tables."""
    metric = METRIC_TITLES[comparison.metric]
    title = titled(f"{metric} on {name(comparison.dataset)}", synthetic=comparison.synthetic)
    figures = tuple((name(entry.label), with_interval(entry.estimate)) for entry in comparison.entries)
    rows = tuple(
        (
            f"{name(pair.first)} − {name(pair.second)}",
            signed(pair.value),
            interval(Estimate(value=pair.value, low=pair.low, high=pair.high), finer),
            "decided" if pair.decided else "undecided",
        )
        for pair in comparison.differences
    )
    return [
        Grid(title=title, header=("", metric), sections=(Section("", figures),)),
        Grid(
            title=titled(f"Differences in {metric}", synthetic=comparison.synthetic),
            header=("", "difference", "95 % interval", ""),
            sections=(Section("", rows),),
            notes=(
                f"Pairs on the same {comparison.draws:,} bootstrap draws.",
                "Decided: the interval excludes 0. Intervals hold for one pair each, not for all pairs at once.",
            ),
        ),
    ]
