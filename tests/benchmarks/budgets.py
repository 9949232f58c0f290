"""Prints every budget of the design as measured here, beside its reference, as a Markdown table.

    python tests/benchmarks/budgets.py

Machines are noisy: each figure is the median of several repeats, in CPU time where the work stays in this process, and
each ratio is taken within one run. Nothing here passes or fails; the last column says whether the budget was kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import mmr_core.runner.measure as measurement
from mmr_core.cli import main as main_command
from mmr_core.numerics.bootstrap import Draws, Operating, draw, metric_draws
from mmr_core.numerics.metrics import CostRange, SingleModels, frontier, measure
from mmr_core.numerics.sweep import Events, budget_sweep, lambda_events, lambda_sweep

MODELS = 10
LIGHT = ("numpy", "pandas", "sklearn", "torch")
Row = tuple[str, str, str, str, str]


def median_seconds(
    work: Callable[[], object], repeats: int = 5, clock: Callable[[], float] = time.process_time
) -> float:
    seconds = []
    for _ in range(repeats):
        started = clock()
        work()
        seconds.append(clock() - started)
    return statistics.median(seconds)


def outcomes(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Predictions and outcomes like those of a learned router: [n, 10] each, the dearest model 10,000 times dearer."""
    rng = np.random.default_rng(seed)
    chance = np.clip(np.linspace(0.3, 0.8, MODELS) + 0.5 - rng.random((n, 1)), 0.02, 0.98)
    utility = (rng.random((n, MODELS)) < chance).astype(float)
    price = np.geomspace(1e-6, 1e-2, MODELS)
    cost = price * rng.lognormal(0, 0.5, (n, MODELS))
    return chance + 0.1 * rng.standard_normal((n, MODELS)), price * rng.lognormal(0, 0.3, (n, MODELS)), utility, cost


def kept(holds: bool) -> str:
    return "yes" if holds else "NO"


def small_sweep() -> Row:
    table = outcomes(10_370)
    sort = median_seconds(lambda: np.sort(table[0].ravel()), 21)
    own = median_seconds(lambda: lambda_sweep(*table), 21)
    return (
        "`lambda_sweep`, 10,370 x 10",
        "<= 25 ms",
        f"{own * 1e3:.1f} ms",
        f"{own / sort:.1f} x `np.sort` of as many floats",
        kept(own <= 0.025),
    )


def budgets() -> Row:
    pred_utility, pred_cost, utility, cost = table = outcomes(8_296)
    thresholds = np.unique(pred_cost)
    timed = thresholds[np.linspace(0, len(thresholds) - 1, 200).astype(int)]
    rows = np.arange(len(utility))

    def loop() -> None:
        for threshold in timed:
            masked = np.where(pred_cost <= threshold, pred_utility, -np.inf)
            chosen = np.where(np.isinf(masked.max(axis=1)), pred_cost.argmin(axis=1), masked.argmax(axis=1))
            _ = cost[rows, chosen].mean(), utility[rows, chosen].mean()

    slow = median_seconds(loop, 3) / len(timed) * len(thresholds)
    own = median_seconds(lambda: budget_sweep(*table), 11)
    return (
        "`budget_sweep`, 8,296 x 10",
        ">= 1,000 x faster than a loop over thresholds",
        f"{own * 1e3:.1f} ms",
        f"{slow / own:,.0f} x faster ({len(thresholds):,} thresholds, 200 timed)",
        kept(slow / own >= 1000),
    )


def learned_sweep() -> Row:
    table = outcomes(1_000_000)
    floats = table[0].ravel()
    sort = median_seconds(lambda: np.sort(floats), 5)
    own = median_seconds(lambda: lambda_sweep(*table), 5)
    events = len(lambda_events(*table).change)
    order = median_seconds(lambda: np.argsort(floats[:events]), 5)
    return (
        "the same on predictions like a learned router's",
        "<= 1.5 x `np.argsort` of as many floats as it has events",
        f"{own:.2f} s",
        f"{own / order:.1f} x ({events / 1e6:.1f} million events); {own / sort:.1f} x `np.sort` of 10^7",
        kept(own <= 1.5 * order),
    )


def large_sweep() -> list[Row]:
    rng = np.random.default_rng(0)
    table = [rng.random((1_000_000, MODELS)) for _ in range(4)]
    floats = table[0].ravel()
    sort = median_seconds(lambda: np.sort(floats), 5)
    own = median_seconds(lambda: lambda_sweep(*table), 5)
    smaller = [array[:100_000] for array in table]
    tenth = median_seconds(lambda: lambda_sweep(*smaller), 11)
    tracemalloc.start()
    lambda_sweep(*table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    inputs = sum(array.nbytes for array in table)
    return [
        (
            "`lambda_sweep`, 1,000,000 x 10, uniform floats",
            "<= 15 x `np.sort` of the same 10^7 floats",
            f"{own:.2f} s",
            f"{own / sort:.1f} x",
            kept(own / sort <= 15),
        ),
        (
            "its peak memory, inputs included",
            "<= 6 x the four input arrays",
            f"{(peak + inputs) / 2**20:,.0f} MiB",
            f"{(peak + inputs) / inputs:.2f} x",
            kept((peak + inputs) / inputs <= 6),
        ),
        (
            "growth of the sweep",
            "time per cell at 10^6 <= 1.5 x that at 10^5",
            f"{own / 1e7 * 1e9:.0f} ns per cell",
            f"{own / 10 / tenth:.2f} x",
            kept(own / 10 / tenth <= 1.5),
        ),
    ]


def bootstrap() -> Row:
    pred_utility, pred_cost, utility, cost = outcomes(10_370)
    singles = SingleModels.of(utility, cost)
    events = lambda_events(pred_utility, pred_cost, utility, cost)
    sweep = median_seconds(lambda: lambda_events(pred_utility, pred_cost, utility, cost), 5)

    sample = draw(utility, cost, ["all"] * len(utility), singles, draws=1000)

    def all_draws() -> None:
        metric_draws([events], draw(utility, cost, ["all"] * len(utility), singles, draws=1000))

    own = median_seconds(all_draws, 3)
    slow = 20 * median_seconds(lambda: chain([events], sample, every=20), 3)
    return (
        "1,000 bootstrap draws of all metrics, 10,370 x 10",
        "<= 2 s",
        f"{own:.2f} s",
        f"{own / sweep:.0f} x one sweep; a chain of numpy calls per draw takes {slow / own:.1f} x as long",
        kept(own <= 2),
    )


def sample_draws() -> Row:
    """All draws of a run on the sample, beside one chain of numpy calls per policy and draw."""
    seconds = {"draws": 0.0, "chain": 0.0}
    drawn = measurement.metric_draws

    def timed(policies: Sequence[Operating], sample: Draws) -> dict[str, np.ndarray]:
        started = time.process_time()
        figures = drawn(policies, sample)
        seconds["draws"] += time.process_time() - started
        started = time.process_time()
        chain(policies, sample, every=20)
        seconds["chain"] += 20 * (time.process_time() - started)
        return figures

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(measurement, "metric_draws", timed)
        patch.setenv("MMR_CACHE_DIR", folder)
        with contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
            main_command(["run", "--router", "random,kmeans,knn,linear,linear-mf", "--jobs", "1"])
    return (
        "draws of a run on the sample, five routers",
        ">= 6 x less CPU time than one chain of numpy calls per policy and draw",
        f"{seconds['draws']:.1f} s",
        f"{seconds['chain'] / seconds['draws']:.1f} x less (every 20th draw of the chain timed)",
        kept(seconds["chain"] >= 6 * seconds["draws"]),
    )


def chain(policies: Sequence[Operating], sample: Draws, *, every: int) -> None:
    """Points, frontier and figures of every `every`-th draw, one after another."""
    readers = [reader(policy) for policy in policies]
    for b in range(0, len(sample.weights), every):
        weights = sample.weights[b].astype(float)
        if sample.measurable[b]:
            within = CostRange(**{name: float(values[b]) for name, values in vars(sample.ranges).items()})
            for read in readers:
                measure(frontier(*read(weights), within), within)


def reader(policy: Operating) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Its points for many weights in turn, as fast as a draw by itself can be: one running sum, memory taken once."""
    if not isinstance(policy, Events):
        return policy.points
    running = np.empty(len(policy.change) + 1, dtype=np.complex128)
    of_event = np.empty(len(policy.change))
    ends = np.append(0, policy.ends)

    def read(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        running[0] = (weights * policy.base).sum()
        np.take(weights, policy.instance, out=of_event, mode="wrap")  # without a copy; no index is out of range
        np.multiply(policy.change, of_event, out=running[1:])
        np.cumsum(running, out=running)
        points = running[ends] / weights.sum()
        return points.real, points.imag

    return read


def help_page() -> Row:
    listing = "import sys; from mmr_core.cli import main; main(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    heavy = [name for name in LIGHT if f"'{name}'" in done.stderr]
    command = [sys.executable, "-c", "from mmr_core.cli import main; main(['--help'])"]
    own = median_seconds(lambda: subprocess.run(command, capture_output=True, check=True), 11, time.perf_counter)
    bare = median_seconds(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True), 11, time.perf_counter)
    return (
        "`mmr --help`, built-ins only",
        "<= 0.3 s; none of numpy, pandas, sklearn, torch",
        f"{own:.2f} s",
        f"{own / bare:.1f} x an empty Python; imports {', '.join(heavy) or 'none of them'}",
        kept(own <= 0.3 and not heavy),
    )


def second_run() -> Row:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "MMR_CACHE_DIR": str(Path(folder) / "cache")}
        command = [sys.executable, "-c", "import sys; from mmr_core.cli import main; sys.exit(main(sys.argv[1:]))"]
        command += ["encode", "--out", str(Path(folder) / "features.npz")]
        subprocess.run(
            [*command[:-2], "--out", str(Path(folder) / "warm.npz")], env=environment, check=True, capture_output=True
        )
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    words = done.stderr.split()
    encoded = int(words[words.index("encoded") - 1])
    return ("second run on the same data", "encodes nothing", f"{encoded} encoded", "", kept(encoded == 0))


def processor() -> str:
    """The processor and the vector instructions that numpy uses on it: `np.sort` is several times faster with them."""
    found = re.findall(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text()) if sys.platform == "linux" else []
    features = np._core._multiarray_umath.__cpu_features__
    best = next(
        (name for name in ("AVX512_SKX", "AVX512F", "AVX2", "ASIMD", "SSE42") if features.get(name)), "no vectors"
    )
    return f"{found[0] if found else platform.processor() or platform.machine()}, numpy {np.__version__} with {best}"


def main() -> None:
    rows = [small_sweep(), budgets(), *large_sweep(), learned_sweep(), bootstrap(), sample_draws(), help_page()]
    rows.append(second_run())
    if "--json" in sys.argv:
        print(json.dumps(rows))
        return
    print(f"Measured on {os.cpu_count()} cores: {processor()}.\n")
    print("| what | budget | measured | ratio | kept |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
