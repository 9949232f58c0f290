"""The built-in routers can be told apart in every plot: their colours, which follow from their names, lie far apart."""

from __future__ import annotations

from itertools import combinations

from mmr_core.render.plots.palette import own_style
from mmr_plugins import mmr_register_routers


def test_no_two_built_in_routers_share_a_colour():
    styles = {spec.name: own_style(spec.name) for spec in mmr_register_routers()}
    assert len(styles) > 6
    for one, other in combinations(styles, 2):
        assert styles[one].colour != styles[other].colour, (one, other)
