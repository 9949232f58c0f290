"""Settings under which a router looks at all test queries at once, as far as a manifest shows them.

What a third party's classes do is seen by the behaviour checks when they run; the benchmark's own fusions are asked
here. No router of the benchmark looks at more than one query at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from mmr_core.errors import MMRError
from mmr_core.plugins import HOME
from mmr_core.registry import Registry
from mmr_leaderboard.submission.manifest import Router

SCOPE, BATCH = "scope", "batch"


def transductive_settings(router: Router) -> Iterator[tuple[str, str]]:
    """The place and the fault of each such setting."""
    given = {"params": router.params, "fusion_params": router.fusion_params, "encoder_params": router.encoder_params}
    for place, parameters in given.items():
        if _has_batch_scope(parameters):
            yield f"router.{place}.{SCOPE}", f"{SCOPE} = {BATCH!r} takes statistics of the queries that are decided"
    if router.fusion is not None and _says_so(router.fusion):
        yield "router.fusion", f"fusion {router.fusion!r} looks at all queries of a batch"


def _has_batch_scope(parameters: Mapping[str, Any]) -> bool:
    value = {name.strip().casefold(): value for name, value in parameters.items()}.get(SCOPE)
    return isinstance(value, str) and value.strip().casefold() == BATCH


def _says_so(name: str) -> bool:
    """Whether it is a fusion of the benchmark that says of itself that it is transductive."""
    try:
        return bool(getattr(_registry().fusions.create(name), "transductive", False))
    except MMRError:
        return False


@cache
def _registry() -> Registry:
    return Registry.discover(trusts=lambda distribution: distribution == HOME)
