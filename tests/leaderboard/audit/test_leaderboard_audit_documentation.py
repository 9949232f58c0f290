"""The page on audits names every number that a report has, and the limits that are in force."""

import re
from dataclasses import asdict
from pathlib import Path

from mmr_leaderboard.audit import LIMITS, AuditReport, PlaceboTest
from mmr_leaderboard.audit.excess import Excess
from mmr_leaderboard.audit.report import OracleGap
from mmr_leaderboard.audit.revision import SignTest
from mmr_leaderboard.findings import CODES

PAGE = (Path(__file__).parents[3] / "docs" / "audit.md").read_text(encoding="utf-8")


def report():
    excess = Excess(per_decision=0.0, share=0.0, error=0.1, z=0.0, p=0.5)
    return AuditReport(
        points=5,
        residual=excess,
        permutation=excess,
        gap=OracleGap(overall=None, cost=1.0, at_cost=None),
        placebo=PlaceboTest(skill=0.0, low=-0.1, high=0.1, excess=excess, blocks=False),
        revision=SignTest(changed=2, better=1, worse=1, share=0.5, share_low=0.0, p=0.75),
        limits=LIMITS,
    )


def test_the_page_names_every_statistic_and_no_other():
    table = [line for line in PAGE.splitlines() if line.startswith("| `")]
    named = {name for line in table for name in re.findall(r"`([a-z_]+)`", line.split("|")[1])}

    assert named == set(report().statistics())


def test_the_page_states_the_limits_in_force():
    for name, value in asdict(LIMITS).items():
        assert f"| {name} | {value:g} |" in PAGE


def test_the_page_names_every_code_of_the_audit():
    for code in CODES.values():
        if code.stage == "audit":
            assert f"`{code.name}`" in PAGE
