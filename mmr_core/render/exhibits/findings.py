"""The findings of all studies as JSON, for programs: what was claimed, by which rule, and whether it holds here."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from mmr_core.render.exhibits.facts import RunFacts
from mmr_core.studies.terms import Finding, StudyReport

VERSION = "1"


def findings_json(studies: Sequence[tuple[str, StudyReport]], facts: RunFacts) -> str:
    """An object with `schema`, `synthetic`, `data`, `findings`, `gaps`, `unavailable` and `failed`.

    A finding has `study`, `name`, `rule`, `holds` (null where it could not be tested), `value`, `low`, `high`, `words`
    and `published`. A number may be null, and infinity is the string "inf" or "-inf", which JSON has no number for.
    """
    document = {
        "schema": VERSION,
        "synthetic": facts.data.synthetic,
        "data": {"source": facts.data.source, "digest": facts.data.digest},
        "findings": [_finding(study, finding) for study, report in studies for finding in report.findings],
        "gaps": [
            {"study": study, "what": gap.what, "reason": gap.reason} for study, report in studies for gap in report.gaps
        ],
        "unavailable": dict(facts.unavailable),
        "failed": dict(facts.failed),
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finding(study: str, finding: Finding) -> dict[str, Any]:
    estimate = finding.estimate
    return {
        "study": study,
        "name": finding.name,
        "rule": finding.rule,
        "holds": finding.holds,
        "value": _number(None if estimate is None else estimate.value),
        "low": _number(None if estimate is None else estimate.low),
        "high": _number(None if estimate is None else estimate.high),
        "words": finding.words,
        "published": finding.published,
    }


def _number(value: float | None) -> float | str | None:
    if value is None or math.isnan(value):
        return None
    return float(value) if math.isfinite(value) else repr(float(value))
