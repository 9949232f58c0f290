"""The tables of a page on savings as rows of text; the terminal and Markdown render the same ones."""

from __future__ import annotations

from collections.abc import Iterable

from mmr_core.render.grids import Grid, Section, titled
from mmr_core.render.numbers import name
from mmr_core.render.savings.figures import SHORT_UNIT, UNIT, cost_text, gain_text, saving_text, utility_text
from mmr_core.results import AIMS, Aim, ColumnSavings, RouterSavings, Single

AIM_TITLES: dict[Aim, str] = {
    "cost": "as good, at least cost",
    "quality": "as good as can be",
}


def savings_grids(column: ColumnSavings, *, synthetic: bool) -> list[Grid]:
    """What one would have, then the best case against each single model that was asked for."""
    marks = [against.model for against in column.references[0].against]
    return [
        chosen_grid(column, synthetic=synthetic),
        *(frontier_grid(column, at, synthetic=synthetic) for at in range(len(marks))),
    ]


def chosen_grid(column: ColumnSavings, *, synthetic: bool) -> Grid:
    """Routers at the points chosen on validation, and the single models, all on the test instances."""
    sections = [Section(AIM_TITLES[aim], tuple(_chosen(column.routers, aim))) for aim in AIMS if column.routers]
    sections.append(Section("single models", tuple(_single(single) for single in column.singles)))
    mark = "none, for lack of validation instances" if column.mark is None else name(column.mark.model)
    return Grid(
        title=titled(f"{name(column.title)}: what one would have", synthetic=synthetic),
        header=("", "utility", "gain", SHORT_UNIT, "saving"),
        sections=tuple(sections),
        notes=(
            f"{column.evaluated:,} test instances; brackets: 95 % bootstrap intervals; costs in {UNIT}.",
            f"Gain and saving: against {name(column.best)}, the most accurate single model on them.",
            "Routers stand at trade-off weights chosen on validation: the cheapest point there that reaches the mark, "
            "and the most accurate one. The test split had no say, so these are the figures to expect.",
            f"The mark: {mark}, the most accurate single model on the training split.",
        ),
    )


def frontier_grid(column: ColumnSavings, at: int, *, synthetic: bool) -> Grid:
    """Each router's frontier read at one single model.

    :param at: which of the models in `RouterSavings.against`.
    """
    model = name(column.references[0].against[at].model)
    groups = (("routers", column.routers), ("references", column.references))
    return Grid(
        title=titled(f"{name(column.title)}: the best case against {model}", synthetic=synthetic),
        header=("", f"{SHORT_UNIT}, same utility", "saving", "utility, same cost", "gain"),
        sections=tuple(Section(title, tuple(_read(router, at) for router in rows)) for title, rows in groups if rows),
        notes=(
            "Read off the frontier of the test instances: operating points chosen with hindsight, which flatters.",
            "The oracle knows every outcome; constant ignores the query.",
        ),
    )


def _chosen(routers: Iterable[RouterSavings], aim: Aim) -> Iterable[tuple[str, ...]]:
    for router in routers:
        chosen = router.chosen[aim]
        yield (
            name(router.name),
            utility_text(chosen.utility),
            gain_text(chosen.gain),
            cost_text(chosen.cost),
            saving_text(chosen.ratio),
        )


def _single(single: Single) -> tuple[str, ...]:
    return (
        name(single.name),
        utility_text(single.utility),
        gain_text(single.gain),
        cost_text(single.cost),
        saving_text(single.ratio),
    )


def _read(router: RouterSavings, at: int) -> tuple[str, ...]:
    against = router.against[at]
    return (
        name(router.name),
        cost_text(against.cost),
        saving_text(against.ratio),
        utility_text(against.utility),
        gain_text(against.gain),
    )
