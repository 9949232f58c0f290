"""Routers that have learned, as one file: trained, saved and loaded without pickle, and asked about new queries.

`mmr train` and `mmr route` call it. What is in the file is said in `manifest`, how it is packed in `archive`. What
training needs is imported from `trained.learning`, so that who only asks brings none of it along.
"""

from __future__ import annotations

from mmr_core.trained.asking import Answer, Expected, Query, Rule, ask_about, rule_for
from mmr_core.trained.saving import TrainedRouter, load, save

__all__ = ["Answer", "Expected", "Query", "Rule", "TrainedRouter", "ask_about", "load", "rule_for", "save"]
