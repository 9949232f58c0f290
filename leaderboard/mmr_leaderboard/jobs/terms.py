"""What goes into the run of one plugin submission and what comes out: data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.runner.policies import Policy
from mmr_leaderboard.findings import Finding
from mmr_leaderboard.sandbox.terms import Method


@dataclass(frozen=True, kw_only=True)
class RouterRequest:
    """Which router the isolated process makes.

    :param name: as the registry of the isolated process finds it; that registry trusts `distribution` and the
        benchmark's own distribution alone.
    :param fusion: instead of the router's own default; None leaves it.
    :param encoder: instead of the board's; it then encodes inside the isolation. None takes the board's embeddings.
    """

    distribution: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    fusion: str | None = None
    fusion_parameters: Mapping[str, Any] = field(default_factory=dict)
    encoder: str | None = None
    encoder_parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What the isolated process runs on.

    :param python: the interpreter.
    :param path: its whole `sys.path`, in order; no `.pth` file is ever acted on.
    :param readable: every file and folder that has to be readable for this, the interpreter's own included.
    :param digest: of everything that can change what it computes.
    :param packages: distribution name to version of what the submission brings.
    """

    python: Path
    path: tuple[Path, ...]
    readable: tuple[Path, ...]
    digest: str
    packages: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class BehaviourCheck:
    """How many decisions one behaviour check compared, and how many were clearly different.

    :param code: the name of its code in `mmr_leaderboard.findings`.
    """

    code: str
    compared: int
    changed: int

    @property
    def share(self) -> float:
        """The share of compared decisions that changed; 0 where nothing was compared."""
        return self.changed / self.compared if self.compared else 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class EntryRun:
    """What the run of one submission came to.

    :param policy: its answers about the test instances of the board's column, in their order; None if it failed.
    :param trade_off: the weight chosen on validation, as `mmr_core.runner.fit` chooses it; None if there is none.
    :param placebo: its answers after training outcomes were permuted within their dataset.
    :param single_seconds: [m] seconds for each query that was asked by itself.
    :param batch_rates: [b] queries per second of each batch of queries that was asked at once.
    :param method: how it was isolated.
    :param router: the parameters that the router really ran with, as the process states them, and its default fusion.
    """

    policy: Policy | None
    trade_off: float | None
    placebo: Policy | None
    single_seconds: NDArray[np.float64]
    batch_rates: NDArray[np.float64]
    checks: tuple[BehaviourCheck, ...]
    findings: tuple[Finding, ...]
    method: Method
    router: Mapping[str, Any]
