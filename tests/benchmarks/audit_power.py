"""Measures the leaderboard's audit and prints Markdown tables: false flags on honest runs, power on copied outcomes.

    python tests/benchmarks/audit_power.py [--data TABLE]              # reads limits.LIMITS
    python tests/benchmarks/audit_power.py [--data TABLE] --calibrate  # what limits.LIMITS is set from

Calibration and evaluation share no run and no test instance: the test split of every dataset is cut in two halves by
a hash of the ids; limits come from honest runs on the first half, false flags are counted on the second, by routers
with other seeds and other subsamples of the same training split. Flags on the whole test split, which holds the first
half too, are shown beside them. Power is measured on the whole test split.

The embedded sample is always measured (outcomes are synthetic), on the mixture `full`; `--data` adds another table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from itertools import product
from typing import Any

import numpy as np
from scipy.stats import beta
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from mmr_core.contracts import Embeddings
from mmr_core.features import Features, cache_root
from mmr_core.features.selection import FeatureChoice, feature_source
from mmr_core.logs.table_sources import open_table
from mmr_core.numerics.bootstrap import draw
from mmr_core.numerics.means import training_means
from mmr_core.numerics.metrics import SingleModels
from mmr_core.registry import Registry
from mmr_core.runner.fit import build_queries, build_training
from mmr_core.runner.options import Options
from mmr_core.runner.policies import Decided, Policy, Scored, ask
from mmr_core.runner.prepare import Prepared, columns_of, prepare
from mmr_leaderboard.audit import (
    AuditFrame,
    AuditReport,
    PlaceboReference,
    PlaceboTest,
    audit,
    permuted_outcomes,
    placebo_test,
)
from mmr_leaderboard.audit.frame import representative_points
from mmr_leaderboard.audit.revision import SignTest
from mmr_plugins.importers.synthetic.instances import latent_parts

SHARES = (0.05, 0.10, 0.25, 0.50)
REPLICATES = 50
HONEST_RUNS = {"sample": 520, "other": 260}
PLACEBOS = 60
DRAWS = 200
PLAIN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("knn", {}),
    ("knn", {"neighbours": 10}),
    ("knn", {"neighbours": 20}),
    ("knn", {"neighbours": 100}),
    ("knn", {"neighbours": 200}),
    ("kmeans", {}),
    ("kmeans", {"clusters": 50}),
    ("kmeans", {"clusters": 100}),
    ("linear", {}),
    ("linear", {"alpha": "cv"}),
    ("linear-mf", {}),
)
NETWORKS = (("mlp", {"epochs": 20}), ("mlp-mf", {"epochs": 20}), ("mlp", {}), ("mlp-mf", {}))
FUSIONS = ("adaptive", "average", "concat", "text")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One honest run: what is fitted, on which features, on which part of the training split."""

    features: str
    router: str
    parameters: dict[str, Any]
    fusion: str | None
    share: float
    seed: int


@dataclass(frozen=True)
class Table:
    """One table with all features that honest runs look at."""

    name: str
    column: Prepared
    features: dict[str, Features]
    registry: Registry

    @cached_property
    def test(self) -> np.ndarray:
        return np.flatnonzero(self.column.test)

    @cached_property
    def train(self) -> np.ndarray:
        return np.flatnonzero(self.column.train & self.column.table.complete)

    @cached_property
    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices into the test instances: those for calibration, those for evaluation."""
        first = np.array([blake2b(self.column.ids[i].encode(), digest_size=1).digest()[0] < 128 for i in self.test])
        return np.flatnonzero(first), np.flatnonzero(~first)

    def frame(self, rows: np.ndarray) -> AuditFrame:
        """The audit's frame of some test instances, with the lite embeddings of both modalities."""
        index = self.test[rows]
        table, embeddings = self.column.table, self.features["lite"].embeddings
        parts = [unit(part[index]) for part in (embeddings.text, embeddings.image) if part is not None]
        return AuditFrame.of(
            ids=[self.column.ids[i] for i in index],
            datasets=list(table.dataset[index]),
            features=np.hstack(parts),
            utility=table.utility[index],
            cost=table.cost[index],
            cost_scale=self.column.cost_scale,
        )

    def constant(self, rows: int) -> Policy:
        table = self.column.table
        utility, cost = training_means(table.utility[self.train], table.cost[self.train])
        return Scored(np.tile(utility, (rows, 1)), np.tile(cost / self.column.cost_scale, (rows, 1)))

    def fit(self, run: Run, outcomes: tuple[np.ndarray, np.ndarray] | None = None) -> Scored:
        """Fits the router of a run and asks it about the whole test split."""
        stream = np.random.default_rng(run.seed)
        rows = np.sort(stream.choice(self.train, int(run.share * len(self.train)), replace=False))
        table, features = self.column.table, self.features[run.features]
        utility, cost = outcomes or (table.utility, table.cost)
        if run.router == "logistic":
            return self._logistic(features, rows)
        router = self.registry.routers.create(run.router, seed=run.seed, **run.parameters)
        learned, asked = features.take(rows), features.take(self.test)
        fusion = self.registry.fusions.create(run.fusion or router.default_fusion).fit(learned.embeddings)
        ids = self.column.ids
        queries = build_queries(learned, [ids[i] for i in rows], table.models, fusion)
        validation = self.column.validation[rows]
        router.fit(build_training(queries, utility[rows], cost[rows], validation, self.column.cost_scale))
        answer = ask(
            router,
            build_queries(asked, [ids[i] for i in self.test], table.models, fusion),
            self.column.cost_scale,
            run.router,
        )
        assert isinstance(answer, Scored)
        return answer

    def _logistic(self, features: Features, rows: np.ndarray) -> Scored:
        """A router that nobody has: it reads what makes an instance difficult, and knows the form of the model."""
        known, table = np.asarray(features.embeddings.text, dtype=np.float64), self.column.table
        right = [
            LogisticRegression(max_iter=1000).fit(known[rows], table.utility[rows, j]).predict_proba(known[self.test])
            for j in range(table.utility.shape[1])
        ]
        cost = Ridge().fit(known[rows], table.cost[rows]).predict(known[self.test])
        return Scored(np.stack([each[:, 1] for each in right], axis=1), cost / self.column.cost_scale)


def unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return rows / np.where(length > 0, length, 1.0)


def open_tables(data: Sequence[str]) -> list[Table]:
    registry = Registry.discover()
    tables = []
    for source in [None, *data]:
        table = open_table(source, registry, cache=cache_root())
        spec = columns_of(table, registry.datasets.all())[-1]
        lite = prepare(table, spec, feature_source(FeatureChoice(), registry), Options())
        mixed = FeatureChoice(text_encoder="tfidf", image_encoder="lite", align="pad")
        rich = prepare(table, spec, feature_source(mixed, registry), Options())
        features = {"lite": lite.features_test, "tfidf + lite": rich.features_test}
        if source is None:
            for noise in (0.0, 0.5, 1.0):
                features[f"latents, noise {noise:g}"] = latent_features(lite, noise)
        tables.append(Table("sample" if source is None else "other", lite, features, registry))
    return tables


def latent_features(column: Prepared, noise: float) -> Features:
    """What makes an instance of the sample difficult, blurred, and its category, as if an encoder had found it."""
    table, blocks = column.table, []
    for name in table.dataset_names:
        parts = latent_parts(name)
        numbers = [int(i.rsplit("_", 1)[1]) - 1 for i in table.instance_id[table.dataset == name]]
        blocks.append(np.stack([parts.text, parts.image, parts.both], axis=1)[numbers])
    latents = np.concatenate(blocks)
    latents += noise * np.random.default_rng(0).standard_normal(latents.shape)
    category = np.unique(table.category.astype(str), return_inverse=True)[1]
    text = np.hstack([np.ones((len(latents), 1)), latents, np.eye(category.max() + 1)[category]]).astype(np.float32)
    norms = np.stack([np.linalg.norm(text, axis=1), np.zeros(len(text))], axis=1).astype(np.float32)
    mask = np.tile([True, False], (len(text), 1))
    return replace(
        column.features_test,
        embeddings=Embeddings(text=text, image=None, norms=norms, mask=mask),
        images=(None,) * len(text),
    )


def honest_runs(table: Table, count: int, first_seed: int) -> list[Run]:
    """Runs over routers, parameters, features, fusions and subsamples, in a shuffled order that seeds decide."""
    plain = [
        Run(features=features, router=router, parameters=parameters, fusion=fusion, share=share, seed=0)
        for features, (router, parameters), fusion, share in product(
            ("lite", "tfidf + lite"), PLAIN, FUSIONS, (0.9, 0.6)
        )
    ]
    rich = [
        Run(features=features, router=router, parameters=parameters, fusion="text", share=share, seed=0)
        for features, (router, parameters), share in product(
            [name for name in table.features if name.startswith("latents")],
            (*PLAIN[::5], ("linear", {}), ("logistic", {})),
            (0.9, 0.6),
        )
    ]
    networks = [
        Run(features="lite", router=router, parameters=parameters, fusion=None, share=0.9, seed=0)
        for router, parameters in NETWORKS
    ]
    stream = np.random.default_rng(first_seed)
    few = networks * 3 + rich * 2
    pool = plain * (1 + count // len(plain))
    picked = few + [pool[i] for i in stream.permutation(len(pool))[: count - len(few)]]
    return [replace(run, seed=first_seed + i) for i, run in enumerate(picked)]


def clopper_pearson(hits: int, of: int) -> str:
    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, of - hits + 1))
    high = 1.0 if hits == of else float(beta.ppf(0.975, hits + 1, of - hits))
    return f"{hits} of {of} = {hits / of:.1%} ({low:.1%} to {high:.1%})"


@dataclass(frozen=True)
class Honest:
    """One honest run as the audit sees it, and as a revision of the run before it."""

    run: Run
    report: AuditReport
    whole: AuditReport | None
    revision: SignTest | None


def honest(table: Table, part: int, first_seed: int, count: int, *, on_whole: bool) -> Iterator[Honest]:
    rows = table.halves[part]
    frame, constant = table.frame(rows), table.constant(len(rows))
    everything = table.frame(np.arange(len(table.test)))
    before: Policy | None = None
    for run in honest_runs(table, count, first_seed):
        answer = table.fit(run)
        policy = answer.take(rows)
        whole = audit(answer, everything, table.constant(len(table.test))) if on_whole else None
        report = audit(policy, frame, constant, previous=before)
        yield Honest(run, report, whole, report.revision)
        before = policy


def placebo_answers(table: Table, count: int, first_seed: int) -> Iterator[tuple[Run, Scored]]:
    """Honest routers, refitted on training outcomes permuted within dataset."""
    routers = [*PLAIN[:1], *PLAIN[3:4], *PLAIN[5:6], *PLAIN[8:], NETWORKS[0]]
    for i in range(count):
        router, parameters = routers[i % len(routers)]
        run = Run(features="lite", router=router, parameters=parameters, fusion=None, share=1.0, seed=first_seed + i)
        yield run, table.fit(run, shuffled(table, run.seed))


def shuffled(table: Table, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The table's outcomes with those of the training rows permuted within dataset."""
    own = table.column.table
    utility, cost = own.utility.copy(), own.cost.copy()
    rows = table.train
    utility[rows], cost[rows] = permuted_outcomes(own.utility[rows], own.cost[rows], list(own.dataset[rows]), seed)
    return utility, cost


def calibrate(tables: Sequence[Table]) -> None:
    print("| table | honest runs | residual share | permutation share | revision share | placebo skill, lower end |")
    print("|---|---|---|---|---|---|")
    for table in tables:
        found = list(honest(table, 0, 10_000, HONEST_RUNS[table.name] // 2, on_whole=False))
        frame = table.frame(table.halves[0])
        reference = placebo_reference(frame)
        placebos = [
            placebo_test([answer.take(table.halves[0])], frame, reference)
            for _, answer in placebo_answers(table, PLACEBOS, 20_000)
        ]
        worst = {
            "residual": max(found, key=lambda each: each.report.residual.share),
            "permutation": max(found, key=lambda each: each.report.permutation.share),
        }
        revisions = [each.revision.share for each in found if each.revision and each.revision.share is not None]
        print(
            f"| {table.name} | {len(found)} | {worst['residual'].report.residual.share:.4f} "
            f"| {worst['permutation'].report.permutation.share:.4f} | {max(revisions):.3f} "
            f"| {max(test.low for test in placebos):.4f} |"
        )
        print(f"<!-- greatest by {worst['residual'].run} and {worst['permutation'].run} -->")
        print(f"<!-- placebo excess at most {max(test.excess.share for test in placebos):.4f} -->", flush=True)


def placebo_reference(frame: AuditFrame) -> PlaceboReference:
    singles = SingleModels.of(frame.utility, frame.cost)
    return PlaceboReference.of(frame, draw(frame.utility, frame.cost, frame.datasets, singles, draws=DRAWS))


def false_flags(table: Table) -> None:
    found = list(honest(table, 1, 50_000, HONEST_RUNS[table.name], on_whole=True))
    groups: dict[str, list[Honest]] = {}
    for each in found:
        groups.setdefault(each.run.features, []).append(each)
        groups.setdefault("all", []).append(each)
    print(f"\n### False flags, {table.name}\n")
    print(
        "| honest runs with features | flagged, held-out half | flagged, whole split "
        "| residual, greatest | permutation, greatest |"
    )
    print("|---|---|---|---|---|")
    codes = ("excess-residual", "excess-permutation")
    for name, runs in groups.items():
        half = sum(bool(set(codes) & set(each.report.flags)) for each in runs)
        whole = sum(bool(each.whole and each.whole.flags) for each in runs)
        residual = max(each.report.residual.share for each in runs)
        permutation = max(each.report.permutation.share for each in runs)
        print(
            f"| {name} | {clopper_pearson(half, len(runs))} | {clopper_pearson(whole, len(runs))} "
            f"| {residual:.3f} | {permutation:.3f} |"
        )
    pairs = [each for each in found if each.revision is not None]
    wrong = sum("suspicious-revision" in each.report.flags for each in pairs)
    print(
        f"\nHonest revisions (one run followed by another): {clopper_pearson(wrong, len(pairs))} flagged.", flush=True
    )


def copies(frame: AuditFrame, stream: np.random.Generator) -> dict[str, np.ndarray]:
    """What a cheater may copy, [m or 1, n, K]: the oracle's choices, or those of any model that was right."""
    aware = representative_points(Scored(frame.utility, frame.cost / frame.cost_scale), frame.utility, frame.cost)
    tied = frame.utility == frame.utility.max(axis=1, keepdims=True)
    anyone = np.eye(tied.shape[1])[np.argmax(tied * stream.random(tied.shape), axis=1)]
    return {
        "the best model, of several the cheapest": frame.oracle[None],
        "the cost-aware oracle of each operating point": aware,
        "any model that was right, at random": anyone[None],
    }


def file_of(points: np.ndarray) -> Decided:
    """The policy of a decisions file with these choices, [m, n, K]."""
    return Decided(np.arange(len(points), dtype=np.float64), tuple(points))


def power(table: Table) -> None:
    frame = table.frame(np.arange(len(table.test)))
    bases = [
        representative_points(
            table.fit(Run(features="lite", router="knn", parameters={}, fusion=None, share=0.9, seed=70_000 + i)),
            frame.utility,
            frame.cost,
        )
        for i in range(5)
    ]
    stream, constant = np.random.default_rng(1), table.constant(len(frame))
    print(f"\n### Power on copied choices, {table.name}\n")
    print(
        "| what was copied into a knn row | rows "
        "| excess-residual | excess-permutation | either | suspicious-revision |"
    )
    print("|---|---|---|---|---|---|")
    for name, share in product(copies(frame, stream), SHARES):
        flags = []
        for replicate in range(REPLICATES):
            base = bases[replicate % len(bases)]
            copied, rows = copies(frame, stream)[name], stream.random(len(frame)) < share
            mixed = base.copy()
            # A row with fewer operating points than the base repeats its dearest.
            at = np.minimum(np.arange(len(base)), len(copied) - 1)
            mixed[:, rows] = copied[at][:, rows]
            report = audit(file_of(mixed), frame, constant, previous=file_of(base), seed=replicate)
            flags.append(report.flags)
        count = {code: sum(code in each for each in flags) for code in ("excess-residual", "excess-permutation")}
        either = sum("excess-residual" in each or "excess-permutation" in each for each in flags)
        revised = sum("suspicious-revision" in each for each in flags)
        cells = [count["excess-residual"], count["excess-permutation"], either, revised]
        print(
            f"| {name} | {share:.0%} | " + " | ".join(f"{cell / REPLICATES:.0%}" for cell in cells) + " |", flush=True
        )


def placebos(table: Table) -> None:
    half = table.halves[1]
    frame, everything = table.frame(half), table.frame(np.arange(len(table.test)))
    reference, whole = placebo_reference(frame), placebo_reference(everything)
    answers = list(placebo_answers(table, PLACEBOS, 80_000))
    tests = [placebo_test([answer.take(half)], frame, reference) for _, answer in answers]
    print(f"\n### Placebo, {table.name}\n")
    print("| plugin | blocked | placebo skill, median | greatest lower end |")
    print("|---|---|---|---|")

    def line(name: str, found: Sequence[PlaceboTest]) -> None:
        blocked = sum(test.blocks for test in found)
        middle = float(np.median([test.skill for test in found]))
        low = max(test.low for test in found)
        print(f"| {name} | {clopper_pearson(blocked, len(found))} | {middle:.3f} | {low:.3f} |", flush=True)

    line("honest routers", tests)
    stream = np.random.default_rng(2)
    truth = Scored(everything.utility, everything.cost / everything.cost_scale)
    knn = [answer for run, answer in answers if run.router == "knn"]
    for share in (*SHARES, 1.0):
        found = []
        for replicate in range(REPLICATES if share < 1 else 1):
            base, rows = knn[replicate % len(knn)], (stream.random(len(everything)) < share)[:, None]
            memorised = Scored(
                np.where(rows, truth.pred_utility, base.pred_utility), np.where(rows, truth.pred_cost, base.pred_cost)
            )
            found.append(placebo_test([memorised], everything, whole))
        line(f"knn that remembers the outcomes of {share:.0%} of the test queries", found)


def speed(table: Table) -> None:
    started = time.perf_counter()
    frame = table.frame(np.arange(len(table.test)))
    built = time.perf_counter() - started
    answer = table.fit(Run(features="lite", router="knn", parameters={}, fusion=None, share=1.0, seed=0))
    started = time.perf_counter()
    audit(answer, frame, table.constant(len(frame)))
    row = time.perf_counter() - started
    n, models = frame.utility.shape
    print(f"\n{table.name}: {n:,} x {models}; the frame takes {built:.2f} s, a row {row:.2f} s, one core.", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", default=[], help="one more table")
    parser.add_argument("--calibrate", action="store_true", help="print the greatest values of honest runs instead")
    arguments = parser.parse_args()
    tables = open_tables(arguments.data)
    started = time.process_time()
    with threadpool_limits(limits=1):
        if arguments.calibrate:
            calibrate(tables)
        else:
            for measure in (false_flags, power, placebos, speed):
                for table in tables:
                    measure(table)
    print(f"\nTook {(time.process_time() - started) / 60:.1f} minutes of one core.")


if __name__ == "__main__":
    main()
