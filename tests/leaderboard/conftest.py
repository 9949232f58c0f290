"""What the tests of the leaderboard share: a leaderboard to publish, and which suite shows an example of which codes.

The leaderboard has twelve entries of every tier, a hostile submitter, refused submissions and seven datasets. Its
figures are measured by the engine's own frontier and metrics on drawn operating points, so that areas, peaks and
corners belong together. Nothing here is random from run to run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from mmr_core.numerics.metrics import METRICS, CostRange, Frontier, frontier, measure
from mmr_core.results import Estimate, Metrics, SingleModel
from mmr_leaderboard.schema import (
    Audit,
    CalibrationFit,
    Check,
    Comparison,
    DatasetFacts,
    Entry,
    Latency,
    Leaderboard,
    LimitFacts,
    PublishedFinding,
    Reference,
    Refused,
    RouterFacts,
    Settings,
    SourceFacts,
    TableFacts,
)

DATASETS = {
    "ocrbench": ("OCRBench", "ocr", 0.05),
    "seedbench2plus": ("SEEDBench-2-Plus", "ocr", 0.0),
    "mmstar": ("MMStar", "general-vqa", -0.02),
    "realworldqa": ("RealWorldQA", "general-vqa", 0.02),
    "mathvista": ("MathVista", "math", -0.05),
    "mathverse": ("MathVerse", "math", -0.16),
    "mathvision": ("MathVision", "math", -0.28),
}
MODELS = {
    "gpt-5": ("GPT-5-0807", 0.74, 8.1e-3),
    "gemini-2.5-pro": ("Gemini 2.5 Pro", 0.75, 4.5e-3),
    "claude-3.7-sonnet": ("Claude 3.7 Sonnet", 0.60, 3.0e-3),
    "gemini-2.5-flash": ("Gemini 2.5 Flash", 0.72, 1.3e-3),
    "gpt-5-nano": ("GPT-5-Nano-0807", 0.62, 4.1e-4),
    "internvl3-78b": ("InternVL3-78B", 0.65, 7.9e-5),
    "qwen2.5-vl-72b": ("Qwen2.5-VL-72B", 0.66, 1.2e-4),
    "qwen2.5-vl-7b": ("Qwen2.5-VL-7B", 0.61, 1.6e-5),
    "gemma3-4b": ("Gemma3-4B", 0.46, 1.4e-5),
    "qwen2.5-vl-3b": ("Qwen2.5-VL-3B", 0.56, 7.1e-6),
}
NEVER_REACHED = 0.012
"""The lift of an entry whose QNC is infinite."""
LOW, HIGH = 7.1e-6, 8.1e-3
HOSTILE = "zz-hostile"
HOSTILE_NAME = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`|[x](javascript:alert(3))"
ENTRIES: tuple[tuple[str, str, float], ...] = (
    ("mlp-mf", "MLP matrix factorisation", 0.055),
    ("myidea", "My idea", 0.052),
    ("linear-mf", "Linear matrix factorisation", 0.047),
    ("kmeans", "k-means", 0.041),
    ("knn", "k nearest neighbours", 0.036),
    ("linear", "Linear", 0.03),
    ("mlp", "MLP", 0.028),
    ("cmr", "Cross-modal router", 0.012),
    (HOSTILE, HOSTILE_NAME, -0.01),
    ("lookup-table", "Lookup table", 0.12),
    ("hand-made", "Decisions by hand =HYPERLINK(\"https://example.org\")", 0.05),
    ("unsafe-trial", "Trial without isolation", 0.02),
)  # fmt: skip


def _shape(lift: float, shift: float) -> tuple[Frontier, CostRange]:
    """A frontier that rises from the cheapest model; `lift` above the single models."""
    cost = np.geomspace(LOW, HIGH, 24)
    share = np.log(cost / LOW) / np.log(HIGH / LOW)
    utility = 0.56 + shift + 0.19 * share**0.8 + lift * (1 + 2 * shift) * np.sin(np.pi * np.clip(share, 0, 1) ** 0.7)
    within = CostRange(low=LOW, high=HIGH, floor=0.56 + shift, best_cost=4.5e-3, best_utility=0.75 + shift)
    return frontier(cost, np.clip(utility, 0, 1), within), within


def estimate(value: float, width: float = 0.012) -> Estimate:
    return Estimate(value=value, low=value - width, high=value + width)


def infinite() -> Estimate:
    return Estimate(value=math.inf, low=1.04, high=math.inf)


def absent(reason: str) -> Estimate:
    return Estimate(value=None, reason=reason)


def metrics(lift: float, shift: float = 0.0, width: float = 0.012) -> Metrics:
    line, within = _shape(lift, shift)
    found = measure(line, within)
    assert found["nauc_log"] is not None
    never_reached = lift == NEVER_REACHED
    figures = {name: estimate(found[name], width) for name in found}
    figures["skill"] = estimate(lift / 0.2, 0.05)
    if lift == 0.02:
        figures["nauc_log"] = absent("costs of 0 have no logarithm")
    figures["qnc"] = infinite() if never_reached else estimate(found["qnc"], 0.06 * found["qnc"])
    return {name: figures[name] for name in METRICS}


def corners(lift: float, shift: float = 0.0) -> tuple[tuple[float, float], ...]:
    line, _ = _shape(lift, shift)
    return tuple(zip(line.cost.tolist(), line.utility.tolist(), strict=True))


def _utility_at(cost: float, lift: float) -> float:
    line, _ = _shape(lift, 0.0)
    return float(np.interp(cost, line.cost, line.utility))


def entry(slug: str, name: str, lift: float, rank: int | None, **changes: Any) -> Entry:
    """A row with everything that follows from its lift above the single models."""
    facts: dict[str, Any] = {
        "slug": slug,
        "display_name": name,
        "authors": ("Ada Lovelace", "Charles Babbage"),
        "kind": "plugin",
        "track": "multimodal",
        "tier": "reproduced",
        "source": SourceFacts(
            url=f"https://example.org/routers/{slug}", commit="0123abcd", license="Apache-2.0", open_source=True
        ),
        "router": RouterFacts(
            requirement="mmr-bench==0.1.0",
            name=slug,
            parameters={"clusters": 20, "scale": 0.5},
            seed=0,
            fusion="adaptive",
            encoder=None,
        ),
        "data_used": ("train",),
        "selection_data": ("validation",),
        "external_calls": (),
        "notes": "A baseline of the paper.",
        "digest": f"{sum(map(ord, slug)):032x}",
        "commit": "89ab" * 10,
        "isolation": "bubblewrap",
        "rank": rank,
        "rank_low": None if rank is None else max(1, rank - 1),
        "rank_high": None if rank is None else rank + 2,
        "metrics": metrics(lift),
        "chosen": {
            "utility": estimate(_utility_at(1.2e-3, lift) - 0.004),
            "cost": estimate(1.2e-3, 1e-4),
            "trade_off": absent("it differs between seeds"),
        },
        "datasets": {dataset: metrics(lift, shift, 0.03) for dataset, (_, _, shift) in DATASETS.items()},
        "scenarios": {"ocr": metrics(lift, 0.02), "general-vqa": metrics(lift), "math": metrics(lift, -0.16)},
        "frontier": corners(lift),
        "points": corners(lift)[::2],
        "dataset_frontiers": {dataset: corners(lift, shift) for dataset, (_, _, shift) in DATASETS.items()},
        "latency": Latency(
            median_ms=estimate(0.42, 0.02),
            p99_ms=estimate(1.31, 0.2),
            queries_per_second=estimate(21_500.0, 300.0),
            asked=500,
        ),
        "checks": tuple(
            Check(code=code, passed=True, compared=4000, changed=changed, share=changed / 4000)
            for code, changed in (
                ("not-deterministic", 0),
                ("order-matters", 0),
                ("batch-matters", 0),
                ("subset-matters", 0),
                ("ids-matter", 0),
                ("whitespace-flips", 13),
                ("image-flips", 4),
            )
        ),
        "audit": Audit(
            statistics={
                "residual_z": 0.41,
                "residual_p": 0.34,
                "placebo_skill": 0.002,
                "limits_placebo": 0.01,
                "gap_at_cost": None,
            }
        ),
    }
    return Entry(**{**facts, **changes})


def _hostile(lift: float, rank: int) -> Entry:
    return entry(
        HOSTILE,
        HOSTILE_NAME,
        lift,
        rank,
        authors=("=cmd|' /C calc'!A0", "\u202eevil\u202c \u05d0\u05d1", "W" * 180, "</script><script>alert(4)"),
        track="text",
        source=SourceFacts(url="javascript:alert(5)", commit="", license="|| `MIT` ||", open_source=False),
        router=RouterFacts(
            requirement="evil==1.0",
            name="</title><script>alert(6)</script>",
            parameters={"<b>": "'\"><svg onload=alert(7)>", "nested": {"a": [1, None, True]}},
            seed=3,
            fusion=None,
            encoder="</style>",
        ),
        data_used=("train\n\n| a | b |\n# heading",),
        external_calls=("@SUM(1+1)",),
        notes="line one\n</script><script>alert(8)</script>\n[click](javascript:alert(9)) ${7*7} {{ 7*7 }} \x1b[31m",
        audit=Audit(
            statistics={"residual_z": 4.2, "<i>p</i>": 1e-9},
            flags=("excess-residual", "placebo-skill"),
            signed_off={"placebo-skill": 'looked at <b>by hand</b> & "found" harmless'},
        ),
        findings=(
            PublishedFinding(
                code="excess-residual",
                where="row `1` | <x>",
                message="chose <b>right</b> against the odds",
                examples=("<script>alert(10)</script>", "=1+1"),
                count=12,
            ),
        ),
    )  # fmt: skip


def _entries() -> tuple[Entry, ...]:
    made = []
    for place, (slug, name, lift) in enumerate(ENTRIES, 1):
        if slug == HOSTILE:
            made.append(_hostile(lift, place))
        elif slug == "lookup-table":
            made.append(
                entry(
                    slug,
                    name,
                    lift,
                    None,
                    track="image",
                    unranked_because="placebo-skill: skill remained when the training outcomes were permuted",
                    audit=Audit(statistics={"residual_z": 9.7, "placebo_skill": 0.61}, flags=("placebo-skill",)),
                )
            )
        elif slug == "hand-made":
            made.append(
                entry(
                    slug,
                    name,
                    lift,
                    None,
                    kind="decisions",
                    tier="self-reported",
                    unranked_because="decisions are self-reported",
                    router=None,
                    isolation=None,
                    chosen=None,
                    latency=None,
                    checks=(),
                    external_calls=("an API",),
                )
            )
        elif slug == "unsafe-trial":
            made.append(
                entry(
                    slug, name, lift, None, tier="unverified", isolation="unsafe", unranked_because="run with --unsafe"
                )
            )
        else:
            track = "text" if slug == "linear" else "image" if slug == "mlp" else "multimodal"
            ties = {"mlp-mf": ("myidea",), "myidea": ("mlp-mf",)}.get(slug, ())
            made.append(entry(slug, name, lift, 1 if slug == "myidea" else place, track=track, ties=ties))
    return tuple(made)


def _references() -> tuple[Reference, ...]:
    titles = {
        "oracle": ("Oracle", 0.2),
        "oracle-cost-unaware": ("Oracle, blind to cost", 0.11),
        "constant": ("Constant policy", 0.0),
        "random": ("Random", -0.03),
        "best-single": ("Best single model", -0.005),
        **{f"model:{name}": (title, (utility - 0.75) / 4) for name, (title, utility, _) in MODELS.items()},
    }
    return tuple(
        Reference(
            name=name,
            title=title,
            metrics=metrics(lift),
            datasets={dataset: metrics(lift, shift) for dataset, (_, _, shift) in DATASETS.items()},
            scenarios={"ocr": metrics(lift, 0.02), "general-vqa": metrics(lift), "math": metrics(lift, -0.16)},
            frontier=corners(lift),
            dataset_frontiers={dataset: corners(lift, shift) for dataset, (_, _, shift) in DATASETS.items()},
        )
        for name, (title, lift) in titles.items()
    )


def _models(shift: float) -> tuple[SingleModel, ...]:
    return tuple(
        SingleModel(name=name, title=title, utility=utility + shift, cost=cost)
        for name, (title, utility, cost) in MODELS.items()
    )


def _comparisons(entries: Sequence[Entry]) -> tuple[Comparison, ...]:
    ranked = [row for row in entries if row.rank is not None]
    return tuple(
        Comparison(
            better=first.slug,
            worse=second.slug,
            difference=0.004 * (j - i),
            low=0.004 * (j - i) - 0.005,
            high=0.004 * (j - i) + 0.005,
            p=0.0004 if j - i > 1 else 0.4,
            p_holm=0.004 if j - i > 1 else 0.9,
            decided=j - i > 1,
        )
        for i, first in enumerate(ranked)
        for j, second in enumerate(ranked)
        if i < j
    )


def leaderboard(**changes: Any) -> Leaderboard:
    """The whole document, with some parts put in others' place."""
    entries = _entries()
    parts: dict[str, Any] = {
        "title": "MMR-Bench leaderboard",
        "table": TableFacts(
            source="sample",
            synthetic=True,
            column="full",
            title="Full dataset",
            digest="a1" * 16,
            split="mmr-v1",
            split_digest="b2" * 16,
            pool_digest="c3" * 16,
            train=1400,
            validation=280,
            test=5600,
            datasets=tuple(
                DatasetFacts(name=name, title=title, scenario=scenario, test=800, models=_models(shift))
                for name, (title, scenario, shift) in DATASETS.items()
            ),
            models=_models(0.0),
            cheapest="qwen2.5-vl-3b",
            dearest="gpt-5",
            best="gemini-2.5-pro",
            cost_low=LOW,
            cost_high=HIGH,
        ),
        "settings": Settings(
            encoder="lite", draws=1000, draw_seed=0, level=0.95, pinned=True, versions={"mmr-bench": "0.1.0"}
        ),
        "entries": entries,
        "references": _references(),
        "refused": (
            Refused(
                slug="wrong-pins",
                display_name="Wrong <pins>",
                findings=(
                    PublishedFinding(
                        code="stale-pins", where="submission.toml: pins.table", message="is another table's digest"
                    ),
                ),
            ),
            Refused(
                slug="two-answers",
                display_name="Two | answers",
                findings=(
                    PublishedFinding(
                        code="two-decisions",
                        where="decisions.parquet",
                        message="240 instances have two decisions",
                        examples=("mmstar_17 at 0", "mmstar_18 at 0"),
                        count=240,
                    ),
                    PublishedFinding(
                        code="extra-column", where="decisions.parquet: cost", message="has a column 'cost'"
                    ),
                ),
            ),
        ),
        "comparisons": _comparisons(entries),
    }
    fit = CalibrationFit(router="kmeans", seed=0, residual_share=0.06, permutation_share=0.01)
    parts["limits"] = LimitFacts(version=2, residual=0.06, permutation=0.02, placebo=0.01, revision=0.75, fits=(fit,))
    return Leaderboard(**{**parts, **changes})


@pytest.fixture(scope="session")
def board() -> Leaderboard:
    return leaderboard()


@pytest.fixture(scope="session")
def make_entry() -> Any:
    """`entry(slug, name, lift, rank, **changes)`."""
    return entry


@pytest.fixture(scope="session")
def make_board() -> Any:
    """`leaderboard(**changes)`."""
    return leaderboard


STAGES_SHOWN: Mapping[str, tuple[str, ...]] = {
    "submission": ("folder", "manifest", "decisions", "change"),
    "attacks": ("environment", "run", "behaviour", "audit"),
}
"""By the suite that demands an example of each code: the stages of its codes."""


@pytest.fixture(scope="session")
def stages_shown() -> Mapping[str, tuple[str, ...]]:
    return STAGES_SHOWN
