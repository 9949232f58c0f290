"""A candidate model added after training, known only from a few calibration instances (beyond the paper).

Pools change faster than training splits are run again. The study hides a model's training outcomes but for those of n
instances, for growing n, and asks what routing gains from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

import numpy as np

from mmr_core.numerics.means import training_means
from mmr_core.results import Estimate, difference
from mmr_core.specs import DatasetSpec
from mmr_core.splits import train_mask
from mmr_core.studies import (
    Axis,
    Cell,
    CellRecord,
    Chart,
    Entry,
    Exhibit,
    Finding,
    Line,
    Panel,
    Results,
    Setting,
    Sheet,
    StudyReport,
    Unavailable,
)
from mmr_plugins.studies.curves import (
    LIGHT_RULE,
    MAIN_LIGHT_RULE,
    curve,
    first_fit,
    level,
    light_learners,
    main_of,
    one_seed_note,
)
from mmr_plugins.studies.frontiers import titles_of
from mmr_plugins.studies.measured import Measured, figure, gain, in_words
from mmr_plugins.studies.overall import SKILL

CALIBRATIONS = (0, 10, 30, 100, 300)
ENOUGH = 30
"""The calibration instances at which the finding looks."""
WITHOUT = "the pool without it"
METRICS = (("nauc", "nAUC"), ("peak", "peak score"))
HEADER = (
    "router",
    "calibration instances",
    "nAUC",
    "skill",
    "peak score",
    f"nAUC minus {WITHOUT}",
    "nAUC minus fully known",
    "most queries sent to it",
)
NEWCOMER_RULE = "the model of greatest mean utility on the training split, and the cheapest one there"
RULE = (
    f"It holds where, with {ENOUGH} calibration instances of the model of greatest mean training utility, the paired "
    "95 % interval of nAUC minus that with no outcome of it lies above 0."
)
ZERO_NOTE = (
    f"With 0 calibration instances a router knows no outcome of the newcomer, which stands for {WITHOUT}: the built-in "
    "routers then expect nothing of it and the greatest cost. The last column, the largest share of test queries sent "
    "to it at any trade-off weight, tells whether they leave it alone."
)
RANGE_NOTE = (
    "All figures are normalised by the cost range of the full pool, and anybody may use its cheapest model always, "
    "newcomer or not."
)

Known = Mapping[int | None, list[CellRecord]]
"""By calibration instances, None for fully known: the record as a list of one, or an empty list."""


class HeldOutModel:
    """What routing gains from a model with few known outcomes."""

    title: ClassVar[str] = "Beyond the paper: a model added after training"

    def cells(self, setting: Setting) -> Iterable[Cell]:
        """Every light router with every newcomer and number of calibration instances, and fully known.

        :raises Unavailable: if no router of the run learns, or no newcomer has enough training outcomes.
        """
        return [
            cell
            for newcomer, most in newcomers(setting).items()
            for router in light_learners(setting)
            for cell in _row(setting, router, newcomer, most).values()
        ]

    def report(self, setting: Setting, results: Results) -> StudyReport:
        """Gains over the pool without the newcomer, a sheet, and whether few instances are enough.

        :raises Unavailable: if nothing was measured.
        """
        column = setting.widest
        measured = Measured(setting, results)
        cells = list(self.cells(setting))
        measured.demand_some(cells)
        fits = {
            newcomer: {
                router: {n: first_fit(measured, cell) for n, cell in _row(setting, router, newcomer, most).items()}
                for router in light_learners(setting)
            }
            for newcomer, most in newcomers(setting).items()
        }
        exhibit = Exhibit(
            name="held-out-model",
            title=f"A model known from few instances on {column.title}",
            caption=(
                f"The training outcomes of one model are hidden but for those of n calibration instances. Newcomers: "
                f"{NEWCOMER_RULE}. Routers: {LIGHT_RULE}. Lines are gains over {WITHOUT}, paired draw by draw, with "
                "95 % intervals; the last point of a line is the newcomer fully known."
            ),
            sheet=_sheet(fits, setting, one_seed_note(setting, results)),
            drawing=_chart(fits, setting),
        )
        return StudyReport(exhibits=(exhibit,), findings=(_finding(fits, setting, column),), gaps=measured.gaps(cells))


def newcomers(setting: Setting) -> dict[str, int]:
    """The newcomers by name, with the number of their known training outcomes: `NEWCOMER_RULE`.

    Of equals, the more useful is the cheaper and the cheaper is the more useful. One name where both are one model.

    :raises Unavailable: if neither has an outcome to calibrate on and another to hide.
    """
    table, column = setting.table, setting.widest
    rows = np.isin(table.dataset.astype(str), column.members or (column.name,))
    rows &= train_mask(table.dataset, table.instance_id)
    utility, cost = table.utility[rows], table.cost[rows]
    mean_utility, mean_cost = training_means(utility, cost)
    best = int(np.lexsort((mean_cost, -mean_utility))[0])
    cheapest = int(np.lexsort((-mean_utility, mean_cost))[0])
    known = (~(np.isnan(utility) | np.isnan(cost))).sum(axis=0)
    found = {table.models[j].name: int(known[j]) for j in (best, cheapest) if known[j] > CALIBRATIONS[1]}
    if not found:
        raise Unavailable(
            f"no newcomer has more than {CALIBRATIONS[1]} training outcomes on {column.title}",
            fix="the split is frozen by instance id: import more instances",
        )
    return found


def _row(setting: Setting, router: str, newcomer: str, most: int) -> dict[int | None, Cell]:
    """The cells of a router by calibration instances; None is the newcomer fully known, a cell other tables have."""
    column, seed = setting.widest.name, setting.seeds[0]
    whole = Cell(test=column, router=router, seed=seed)
    partly: dict[int | None, Cell] = {
        n: Cell(test=column, router=router, seed=seed, newcomer=newcomer, calibration=n)
        for n in CALIBRATIONS
        if n < most
    }
    return {**partly, None: whole}


def most_sent(records: list[CellRecord], newcomer: str) -> float | None:
    """The largest share of test queries sent to the newcomer at any trade-off weight of the grid."""
    if not records or records[0].along is None:
        return None
    return float(records[0].along.share[:, records[0].models.index(newcomer)].max())


def _chart(fits: Mapping[str, Mapping[str, Known]], setting: Setting) -> Chart:
    most = newcomers(setting)
    titles = titles_of(setting.table)
    panels = []
    for newcomer, routers in fits.items():
        for metric, title in METRICS:
            series = [curve(router, _gains(known, metric, most[newcomer])) for router, known in routers.items()]
            x = tuple(sorted({place for one in series for place in one.x}))
            series.append(level(WITHOUT, 0.0, x))
            panels.append(
                Panel(
                    title=f"{titles[newcomer]}: {title}",
                    x=Axis(label="calibration instances", scale="log"),
                    y=Axis(label=f"gain in {title}"),
                    series=tuple(one for one in series if one.x),
                )
            )
    return Chart(panels=tuple(panels), columns=len(METRICS), legend_title="router")


def _gains(known: Known, metric: str, most: int) -> dict[float, Estimate]:
    """Paired differences to no calibration, by instances; fully known stands at all training outcomes."""
    return {
        float(most if n is None else n): difference(records, known[0], metric)
        for n, records in known.items()
        if n != 0 and records and known[0]
    }


def _sheet(fits: Mapping[str, Mapping[str, Known]], setting: Setting, note: str) -> Sheet:
    most = newcomers(setting)
    titles = titles_of(setting.table)
    lines = [
        Line(
            label=router,
            entries=_entries(known, n, newcomer, most[newcomer]),
            group=f"newcomer {titles[newcomer]}",
        )
        for newcomer, routers in fits.items()
        for router, known in routers.items()
        for n in known
    ]
    return Sheet(header=HEADER, lines=tuple(lines), notes=(note, ZERO_NOTE, RANGE_NOTE, SKILL))


def _entries(known: Known, n: int | None, newcomer: str, most: int) -> tuple[Entry, ...]:
    records = known[n]
    return (
        Entry(text=f"all ({most:,})" if n is None else str(n)),
        figure(records, "nauc"),
        figure(records, "skill"),
        figure(records, "peak"),
        Entry() if n == 0 else gain(records, known[0], "nauc"),
        Entry() if n is None else gain(records, known[None], "nauc"),
        Entry(value=most_sent(records, newcomer)),
    )


def _finding(fits: Mapping[str, Mapping[str, Known]], setting: Setting, column: DatasetSpec) -> Finding:
    router = main_of(setting, light_learners(setting))
    best = next(iter(fits))
    estimate = _gain_of_few(fits[best][router])
    holds: bool | None = None
    if estimate.value is None:
        words = (
            f"It could not be tested on {column.title}: {router} was not measured with {ENOUGH} calibration instances "
            f"of {titles_of(setting.table)[best]}."
        )
    else:
        holds = estimate.low is not None and estimate.low > 0
        words = " ".join(
            (
                f"On {column.title}:",
                *(_sentence(fits[newcomer][router], newcomer, router, setting) for newcomer in fits),
            )
        )
    return Finding(
        name="a new model pays after few calibration instances",
        rule=f"{RULE} Router: {MAIN_LIGHT_RULE}.",
        holds=holds,
        estimate=None if holds is None else estimate,
        words=words,
    )


def _gain_of_few(known: Known) -> Estimate:
    return difference(known.get(ENOUGH, []), known[0], "nauc")


def _sentence(known: Known, newcomer: str, router: str, setting: Setting) -> str:
    """What few instances of a newcomer change, and all of them."""
    few, whole = _gain_of_few(known), difference(known[None], known[0], "nauc")
    return (
        f"{ENOUGH} calibration instances of {titles_of(setting.table)[newcomer]} change the nAUC of {router} by "
        f"{in_words(few, signed=True)}, and all its training outcomes by {in_words(whole, signed=True)}."
    )
