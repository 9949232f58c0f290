"""Which datasets can be held out of their scenario, and the cells that hold them out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from mmr_core.specs import DatasetSpec
from mmr_core.studies import Cell, Setting, Unavailable
from mmr_plugins.studies.lineup import demanded_learners, main_router, over_seeds
from mmr_plugins.studies.overall import scenarios


def held_out(setting: Setting) -> dict[str, tuple[DatasetSpec, ...]]:
    """The datasets of each scenario that has two or more.

    :raises Unavailable: if there is none.
    """
    groups = {name: specs for name, specs in scenarios(setting.datasets).items() if len(specs) > 1}
    if not groups:
        raise Unavailable("no scenario of the table has two datasets, so none can be held out")
    return groups


def in_domain(router: str, spec: DatasetSpec) -> Cell:
    """The router that learned on the dataset itself."""
    return Cell(test=spec.name, router=router)


def shifted(setting: Setting, router: str, spec: DatasetSpec) -> Cell:
    """The router that learned on all other datasets of the scenario."""
    others = tuple(other.name for other in held_out(setting)[spec.scenario] if other.name != spec.name)
    return Cell(test=spec.name, router=router, learn_from=others)


def pairs(setting: Setting, router: str) -> Iterator[tuple[DatasetSpec, DatasetSpec, Cell]]:
    """Source, target and cell for every ordered pair of datasets of a scenario."""
    for specs in held_out(setting).values():
        for source, target in permutations(specs, 2):
            yield source, target, Cell(test=target.name, router=router, learn_from=(source.name,))


def shift_cells(setting: Setting) -> list[Cell]:
    """References, in-domain and shifted fits of every router, and all pairs of the main router, for every seed.

    :raises Unavailable: if no scenario has two datasets, or no router learns.
    """
    cells = []
    for specs in held_out(setting).values():
        for spec in specs:
            cells.append(Cell(test=spec.name))
            for router in demanded_learners(setting):
                cells += over_seeds(in_domain(router, spec), setting)
                cells += over_seeds(shifted(setting, router, spec), setting)
    main = main_router(setting)
    for _, _, cell in pairs(setting, main) if main else ():
        cells += over_seeds(cell, setting)
    return cells
