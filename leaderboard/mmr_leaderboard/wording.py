"""The words and formatted figures that every form of the leaderboard shares, so that site, Markdown and CSV agree.

Everything that a submitter wrote passes through `shown` first.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from mmr_core.render.numbers import CostUnit, name
from mmr_core.runner.references import BEST_SINGLE, CONSTANT, MODEL_PREFIX, ORACLE_UNAWARE
from mmr_core.specs import ORACLE, UNIFORM
from mmr_leaderboard.findings import CODES
from mmr_leaderboard.schema import Entry, Leaderboard

TIERS = {
    "reproduced": "Reproduced",
    "self-reported": "Self-reported",
    "unverified": "Unverified",
}

TIER_MEANINGS = {
    "reproduced": "the router was run again in isolation and passed every behaviour check; only these are ranked",
    "self-reported": "decisions that somebody made elsewhere and handed in; scored, never ranked",
    "unverified": "the router was run without isolation; never ranked",
}

TRACKS = {"multimodal": "Multimodal", "text": "Text only", "image": "Image only"}

SCENARIOS = {"ocr": "OCR", "general-vqa": "General VQA", "math": "Math", "text": "Text"}

SYNTHETIC = "Synthetic outcomes: they were generated, not observed, and say nothing about real models."

NOT_PINNED = "A trial: this is not the table that submissions pin."

READING = (
    "Entries are ranked by nAUC. Those that cannot be told apart from the best of their group share its rank; the "
    "range beside it holds the places that the entry had in 95 % of the paired bootstrap draws.",
    "Entries whose difference is not significant (paired bootstrap, Holm, 5 %) are ties, marked =.",
    "Entries that decide the same hold one router: the first keeps the place, the others share it as its copies.",
    "Brackets hold 95 % intervals from a bootstrap over test instances, stratified by dataset.",
    "Utility and cost are those at the trade-off chosen on the validation part of the training split; "
    "decision files have no validation, and none is shown.",
    "Audit flags ask a maintainer to look; only the placebo keeps an entry from being ranked, until it is signed off.",
)
"""How to read the board, in a sentence or two each; plain text."""

REFERENCE_MEANINGS = {
    ORACLE: "knows every outcome and minds cost",
    ORACLE_UNAWARE: "knows every outcome and ignores cost",
    CONSTANT: "knows the training means and ignores the query",
    BEST_SINGLE: "the most accurate single model, always",
    UNIFORM: "any model with equal chance",
}


def shown(text: str) -> str:
    """Untrusted text as one line, without characters that steer a terminal or the writing direction."""
    return name(" ".join(text.split()))


def paragraphs(text: str) -> list[str]:
    """The non-empty lines of untrusted text, each made harmless by `shown`."""
    return [line for line in map(shown, text.splitlines()) if line]


def safe_link(url: str) -> str | None:
    """The address if it may be a link: https, with a host, without credentials, spaces or control characters."""
    if not url.isprintable() or any(letter.isspace() for letter in url):
        return None
    try:
        parts = urlsplit(url)
        allowed = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return None
    return url if allowed else None


def cost_unit(board: Leaderboard) -> CostUnit:
    """The unit for all costs of a board."""
    return CostUnit.for_costs(model.cost for model in board.table.models)


def rank_range(entry: Entry) -> str:
    """Such as "2–4"; empty if there is no interval."""
    if entry.rank_low is None or entry.rank_high is None:
        return ""
    return str(entry.rank_low) if entry.rank_low == entry.rank_high else f"{entry.rank_low}–{entry.rank_high}"


def open_flags(entry: Entry) -> tuple[str, ...]:
    """The codes that audits and behaviour checks flagged and no maintainer signed off."""
    return tuple(code for code in flags(entry) if code not in entry.audit.signed_off)


def flags(entry: Entry) -> tuple[str, ...]:
    """The codes that audits and behaviour checks flagged, each once."""
    return tuple(dict.fromkeys((*entry.audit.flags, *(found.code for found in entry.findings))))


def flag_words(entry: Entry) -> str:
    """The flagged codes in words, such as "placebo-skill (signed off), whitespace-flips"."""
    signed = entry.audit.signed_off
    said = [f"{shown(code)} (signed off)" if code in signed else shown(code) for code in flags(entry)]
    return ", ".join([*([f"copy of {shown(entry.copy_of)}"] if entry.copy_of else []), *said])


def code_meaning(code: str) -> str:
    """The meaning of a code; empty for an unknown one."""
    return CODES[code].meaning if code in CODES else ""


def reference_meaning(reference: str) -> str:
    """A reference row in a few words."""
    return "this model, always" if reference.startswith(MODEL_PREFIX) else REFERENCE_MEANINGS.get(reference, "")


def scenarios(board: Leaderboard) -> list[str]:
    """The scenarios of a board's datasets, each once, in the order of the datasets."""
    return list(dict.fromkeys(dataset.scenario for dataset in board.table.datasets))


def scenario_title(scenario: str) -> str:
    return SCENARIOS.get(scenario, shown(scenario))


def joined(lines: Iterable[str], nothing: str = "none stated") -> str:
    """An untrusted list on one line."""
    return "; ".join(map(shown, lines)) or nothing


def table_facts(board: Leaderboard) -> dict[str, str]:
    """What was evaluated and how, as term and value."""
    table, settings = board.table, board.settings
    return {
        "Outcome table": f"{shown(table.source)}, {'synthetic' if table.synthetic else 'observed'} outcomes",
        "Ranked on": f"{shown(table.title)} ({shown(table.column)})",
        "Instances": f"{table.train:,} train ({table.validation:,} of them validation), {table.test:,} test",
        "Datasets": f"{len(table.datasets):,}",
        "Candidate models": f"{len(table.models):,}",
        "Encoder": shown(settings.encoder),
        "Intervals": f"{settings.level * 100:g} %, {settings.draws:,} bootstrap draws, seed {settings.draw_seed}",
        "Table digest": shown(table.digest),
        "Split": f"{shown(table.split)}, digest {shown(table.split_digest)}",
        "Pool digest": shown(table.pool_digest),
        "Versions": ", ".join(f"{shown(what)} {shown(version)}" for what, version in settings.versions.items()),
    }
