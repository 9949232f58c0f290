"""What the tests of the leaderboard share: which of them show an example of which codes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

STAGES_SHOWN: Mapping[str, tuple[str, ...]] = {
    "submission": ("folder", "manifest", "decisions", "change"),
    "attacks": ("environment", "run", "behaviour", "audit"),
}
"""By the suite that demands an example of each code: the stages of its codes."""


@pytest.fixture(scope="session")
def stages_shown() -> Mapping[str, tuple[str, ...]]:
    return STAGES_SHOWN
