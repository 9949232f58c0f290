"""One sample of a log: what was asked, what came of it, and how it was scored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Sample = Mapping[str, Any]
ERROR, ANSWERED = "infer_failed", frozenset({"ok", "empty"})
_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_CUT = frozenset({"max_tokens", "model_length"})
_ATTACHMENT = "attachment://"
_CATEGORIES = ("category", "subject", "topic")


def utilities(scores: object) -> dict[tuple[str, str], float | None]:
    """The values of all scores by scorer and metric; the metric is "" where a scorer gives one value."""
    values: dict[tuple[str, str], float | None] = {}
    for scorer, score in scores.items() if isinstance(scores, dict) else ():
        value = score.get("value") if isinstance(score, dict) else None
        parts = value if isinstance(value, dict) else {"": value}
        values.update({(str(scorer), str(metric)): grade(part) for metric, part in parts.items()})
    return values


def grade(value: object) -> float | None:
    """A score as a number: C, P, I and N are 1, 0.5, 0 and 0; None for NaN and whatever is no number."""
    if isinstance(value, str):
        text = value.strip()
        known = _GRADES.get(text, _WORDS.get(text.lower()))
        if known is not None:
            return known
        try:
            value = float(text)
        except ValueError:
            return None
    if isinstance(value, (bool, int, float)) and not math.isnan(value):
        return float(value)
    return None


def became(sample: Sample, answer: str) -> str:
    """The word for what became of a sample before it was scored: it failed, was cut short, or was answered."""
    if sample.get("error"):
        return ERROR
    if sample.get("limit") or _first_choice(sample).get("stop_reason") in _CUT:
        return "truncated"
    return "ok" if answer.strip() else "empty"


def asked(sample: Sample) -> str:
    """The last thing that the user said before the model answered."""
    given = sample.get("input")
    if isinstance(given, list):
        said = [turn for turn in given if isinstance(turn, dict) and turn.get("role") == "user"]
        return _text(said[-1].get("content"), sample) if said else ""
    return _text(given, sample)


def wanted_answer(sample: Sample) -> str:
    """The target; several are put side by side."""
    target = sample.get("target")
    if isinstance(target, list):
        return ", ".join(_text(one, sample) for one in target)
    return _text(target, sample)


def completion(sample: Sample) -> str:
    """What the model answered."""
    output = sample.get("output")
    stated = output.get("completion") if isinstance(output, dict) else None
    if isinstance(stated, str) and stated:
        return _text(stated, sample)
    message = _first_choice(sample).get("message")
    return _text(message.get("content"), sample) if isinstance(message, dict) else ""


def category_of(sample: Sample) -> str:
    """The category that the task put into the sample's metadata; "" where there is none."""
    metadata = sample.get("metadata")
    if not isinstance(metadata, dict):
        return ""
    return next((metadata[name] for name in _CATEGORIES if isinstance(metadata.get(name), str)), "")


def _first_choice(sample: Sample) -> Mapping[str, Any]:
    output = sample.get("output")
    choices = output.get("choices") if isinstance(output, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _text(value: object, sample: Sample) -> str:
    """A text, or the texts of a message's parts; long ones are kept apart from where they are said."""
    if isinstance(value, list):
        parts = [part.get("text") for part in value if isinstance(part, dict) and part.get("type") == "text"]
        return "\n".join(_text(part, sample) for part in parts)
    if not isinstance(value, str):
        return ""
    attachments = sample.get("attachments")
    if value.startswith(_ATTACHMENT) and isinstance(attachments, dict):
        kept = attachments.get(value.removeprefix(_ATTACHMENT))
        return kept if isinstance(kept, str) else value
    return value
