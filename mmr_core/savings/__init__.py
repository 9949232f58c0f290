"""What routing would save on one's own table: the practitioner's page behind `mmr savings`.

`pool` says which models can take part, `operating` chooses operating points on validation, `marks` compares routers
with single models, and `page` does so for whole columns through `runner`. `mmr_core.results.savings_result` holds what
came out; `mmr_core.render.savings_page` shows it.
"""

from __future__ import annotations

from mmr_core.results import AIMS, Against, Aim, Chosen, ColumnSavings, RouterSavings, Savings, Single
from mmr_core.savings.page import measure_savings

__all__ = [
    "AIMS",
    "Against",
    "Aim",
    "Chosen",
    "ColumnSavings",
    "RouterSavings",
    "Savings",
    "Single",
    "measure_savings",
]
