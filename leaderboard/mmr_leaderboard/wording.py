"""The words and formatted figures that every form of the leaderboard shares, so that site, Markdown and CSV agree.

Everything that a submitter wrote passes through `shown` first.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from mmr_core.render.numbers import CostUnit, interval, name, number, ratio
from mmr_core.results import Estimate, Metrics
from mmr_core.runner.references import BEST_SINGLE, CONSTANT, MODEL_PREFIX, ORACLE, ORACLE_UNAWARE
from mmr_leaderboard.findings import CODES
from mmr_leaderboard.schema import Entry, Leaderboard

METRICS = ("nauc", "skill", "nauc_log", "peak", "qnc")
"""The metrics of a row, in the order in which everything shows them."""

METRIC_TITLES = {"nauc": "nAUC", "skill": "Skill", "nauc_log": "nAUC log", "peak": "Peak", "qnc": "QNC"}

METRIC_MEANINGS = {
    "nauc": "Area under the frontier between the cheapest and the dearest single model, divided by its width (Eq. 7).",
    "skill": "0 is no better than ignoring the query, 1 is the oracle, below 0 is harm.",
    "nauc_log": "The same area on a logarithmic cost axis, where cheap models matter.",
    "peak": "The greatest utility that the frontier reaches (Eq. 8).",
    "qnc": "The cost at which the best single model's utility is reached, over that model's cost (Eq. 9); "
    "∞ where it is never reached. Lower is better.",
}

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
    "random": "any model with equal chance",
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


def metric(metrics: Metrics, which: str) -> Estimate:
    """One metric of a row by its name in `METRICS`."""
    found = getattr(metrics, which)
    assert isinstance(found, Estimate)
    return found


def figure(estimate: Estimate, which: str = "") -> str:
    """A metric's value, formatted."""
    return (ratio if which == "qnc" else number)(estimate.value)


def figure_interval(estimate: Estimate, which: str = "") -> str:
    """A metric's interval, formatted; empty if there is none."""
    return interval(estimate, ratio if which == "qnc" else number)


def cost_unit(board: Leaderboard) -> CostUnit:
    """The unit for all costs of a board."""
    return CostUnit.for_costs(model.cost for model in board.table.models)


def cost_interval(estimate: Estimate, unit: CostUnit) -> str:
    """The interval of a cost in a unit; empty if there is none."""
    return interval(estimate, unit.show)


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
    return ", ".join(f"{shown(code)} (signed off)" if code in signed else shown(code) for code in flags(entry))


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
