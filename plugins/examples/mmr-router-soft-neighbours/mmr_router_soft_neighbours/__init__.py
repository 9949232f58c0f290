"""A plugin of MMR-Bench with one router. This module only describes it: listing plugins imports no numpy."""

from __future__ import annotations

from collections.abc import Iterable

from mmr_core.hookspecs import hookimpl
from mmr_core.specs import ComponentSpec


@hookimpl
def mmr_register_routers() -> Iterable[ComponentSpec]:
    yield ComponentSpec(
        kind="router",
        name="soft-neighbours",
        target="mmr_router_soft_neighbours.router:SoftNeighboursRouter",
        summary="kernel regression over fused and light features, its bandwidth chosen by leaving one out",
    )
