"""What routing would save on one's own table: the practitioner's page behind `mmr savings`.

`pool` says which models can take part, `asking` fits routers and chooses their operating points on validation,
`measuring` compares them with single models, `conducting` does so for whole columns. `results` holds what came out;
`grids`, `pages`, `schema`, `document`, `plot` and `files` show it.
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
