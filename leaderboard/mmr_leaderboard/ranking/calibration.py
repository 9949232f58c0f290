"""The limits that excess is read against on one board, and the honest fits that they come from.

The constants of `mmr_leaderboard.audit` were read off honest runs on two tables. Where the features of a board say more
than those did, honest routers reach more, and the limits rise to what they reach; they never fall. The fits that raise
them are made here: built-in routers with their defaults, on the board's own features, in this process, which imports
nothing that was submitted. No entry raises a limit, whatever it says it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from mmr_core.errors import MMRError
from mmr_core.runner.fit import fit_and_ask
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.references import CONSTANT
from mmr_leaderboard.audit import AuditFrame, audit
from mmr_leaderboard.audit.excess import LIMITS, LIMITS_VERSION, SIGNIFICANT
from mmr_leaderboard.board import Board
from mmr_leaderboard.ranking.scoring import BoardScorer
from mmr_leaderboard.ranking.verdicts import Verdict
from mmr_leaderboard.schema import CalibrationFit, LimitFacts

ROUTERS = ("kmeans", "knn", "linear", "linear-mf")
"""The built-in routers that are fitted, with their defaults: those that need no extra."""

SEED = 0

EXCESSES = {"excess-residual": "residual", "excess-permutation": "permutation"}
"""Flags that are read against calibrated limits, with the statistic that each looks at."""


def calibrate(board: Board, scorer: BoardScorer, frame: AuditFrame) -> LimitFacts:
    """Fits the built-in routers on the board and raises the limits to the greatest shares that they reach."""
    fits = (_fit(name, board, scorer, frame) for name in ROUTERS)
    return limits_from([fit for fit in fits if fit is not None])


def limits_from(fits: Sequence[CalibrationFit]) -> LimitFacts:
    """The limits that follow from honest fits: the constants, raised where a fit reaches more."""
    return LimitFacts(
        version=LIMITS_VERSION,
        residual=max([LIMITS.residual, *(fit.residual_share for fit in fits)]),
        permutation=max([LIMITS.permutation, *(fit.permutation_share for fit in fits)]),
        placebo=LIMITS.placebo,
        revision=LIMITS.revision,
        fits=tuple(fits),
    )


def read_against(verdict: Verdict, limits: LimitFacts | None) -> Verdict:
    """The verdict with the limits of its board among its statistics, and the flags that remain."""
    if limits is None:
        return verdict
    statistics, flags = dict(verdict.statistics), list(verdict.flags)
    for code, name in EXCESSES.items():
        limit, share, error = (statistics.get(key) for key in (f"limits_{name}", f"{name}_share", f"{name}_error"))
        if limit is None or share is None or error is None:
            continue
        raised = max(limit, limits.residual if name == "residual" else limits.permutation)
        statistics[f"limits_{name}"] = raised
        if code in flags and share - SIGNIFICANT * error <= raised:
            flags.remove(code)
    return verdict.model_copy(update={"statistics": statistics, "flags": tuple(flags)})


def _fit(name: str, board: Board, scorer: BoardScorer, frame: AuditFrame) -> CalibrationFit | None:
    column = board.column
    options = Options(draws=board.settings.draws, draw_seed=board.settings.draw_seed)
    try:
        policy, _, _ = fit_and_ask(
            column, Entrant(name=name), SEED, board.registry, options, fit_on=column.train, ask_about=column.test
        )
        report = audit(policy, frame, scorer.whole.references[CONSTANT])
    except MMRError:  # a board too small for one of them keeps the limits of the others
        return None
    return CalibrationFit(
        router=name,
        seed=SEED,
        residual_share=report.residual.share,
        permutation_share=report.permutation.share,
    )
