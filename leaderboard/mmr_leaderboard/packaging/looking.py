"""What can be said of a submission's wheels before anything of it runs: what `validate` asks of this room."""

from __future__ import annotations

from mmr_leaderboard.findings import Finding
from mmr_leaderboard.packaging.finding_wheels import WheelSources
from mmr_leaderboard.packaging.refusals import EnvironmentRefused
from mmr_leaderboard.packaging.runtime import wheels_of
from mmr_leaderboard.submission.manifest import Router


def wheel_findings(router: Router, sources: WheelSources) -> tuple[Finding, ...]:
    """Why what a router asks for could not be installed, as far as the files at hand tell; nothing is installed.

    A wheel that is not at hand may be at the package index, which is not asked here.
    """
    try:
        wheels_of(router, sources)
    except EnvironmentRefused as error:
        return () if error.code == "no-wheel" and not sources.index and _may_be_elsewhere(router) else (error.finding,)
    return ()


def _may_be_elsewhere(router: Router) -> bool:
    return any(requirement.hashes for requirement in (router, *router.dependencies))
