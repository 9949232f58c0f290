"""Statistical audits of leaderboard rows: pure functions of choices and outcomes that flag, and never reject.

Start at `report.audit`; docs/audit.md says what each number is read against.
"""

from __future__ import annotations

from mmr_leaderboard.audit.excess import LIMITS, AuditLimits
from mmr_leaderboard.audit.frame import AuditFrame
from mmr_leaderboard.audit.placebo import PlaceboReference, PlaceboTest, permuted_outcomes, placebo_test
from mmr_leaderboard.audit.report import AuditReport, audit

__all__ = [
    "LIMITS",
    "AuditFrame",
    "AuditLimits",
    "AuditReport",
    "PlaceboReference",
    "PlaceboTest",
    "audit",
    "permuted_outcomes",
    "placebo_test",
]
