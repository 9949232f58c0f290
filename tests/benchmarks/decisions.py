"""Prints what it takes to judge decision files of a million rows, beside pyarrow merely reading the same file.

    python tests/benchmarks/decisions.py

Each figure comes from a process of its own: seconds without imports, and the peak of its resident memory with them.
The budget is 5 s and 1 GB. Rows are shuffled, as nobody promises to sort them. "one wrong" has one decision missing,
which is told with its instance.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np

from mmr_leaderboard.submission.decisions import read_decisions
from mmr_leaderboard.submission.manifest import Pins
from mmr_leaderboard.submission.pins import Expected

MODELS = tuple(f"model-{j}.5" for j in range(10))
SHAPES = ((8_000, 125), (1_000_000, 1))
SECONDS, BYTES = 5.0, 1e9
NO_DIGEST = "0" * 32


def expected(instances: int) -> Expected:
    return Expected(
        pins=Pins(table=NO_DIGEST, split=NO_DIGEST, pool=NO_DIGEST),
        test_ids=tuple(f"MathVision_{i}" for i in range(instances)),
        pool=MODELS,
        references=(),
    )


def write(path: Path, instances: int, points: int, *, probabilities: bool, missing: int = 0) -> None:
    """A file of valid decisions in random order, without the last `missing` rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    rng = np.random.default_rng(0)
    rows = rng.permutation(instances * points)[: instances * points - missing]
    ids = pa.array([f"MathVision_{i}" for i in range(instances)])
    names = pa.array([str(round(p * 0.01, 2)) for p in range(points)])
    columns = {
        "instance_id": ids.take(pa.array(rows % instances)),
        "operating_point": names.take(pa.array(rows // instances)),
    }
    if probabilities:
        weights = rng.random((len(rows), len(MODELS)))
        weights /= weights.sum(axis=1, keepdims=True)
        columns |= {model: pa.array(weights[:, j]) for j, model in enumerate(MODELS)}
    else:
        columns["model"] = pa.array(MODELS).take(pa.array(rng.integers(0, len(MODELS), len(rows))))
    table = pa.table(columns)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        with pa.CompressedOutputStream(str(path), "gzip") as out:
            csv.write_csv(table, out)


def judged(path: Path, instances: int) -> float:
    """Seconds to read, judge and order the decisions."""
    due = expected(instances)
    started = time.perf_counter()
    decided, findings = read_decisions(path.name, path.read_bytes(), due)
    seconds = time.perf_counter() - started
    if (decided is None) != bool(findings):
        raise AssertionError(findings)
    print(*findings, sep="\n", file=sys.stderr)
    return seconds


def merely_read(path: Path) -> float:
    """Seconds that pyarrow takes to read the file as a table."""
    import pyarrow.parquet as pq
    from pyarrow import csv

    started = time.perf_counter()
    table = pq.read_table(path) if path.suffix == ".parquet" else csv.read_csv(path)
    seconds = time.perf_counter() - started
    if table.num_rows == 0:
        raise AssertionError("the file is empty")
    return seconds


def in_a_process(how: str, path: Path, instances: int) -> tuple[float, float]:
    """Seconds, and the peak of resident memory in bytes."""
    words = [sys.executable, __file__, how, str(path), str(instances)]
    answer = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    seconds, memory = json.loads(answer.stdout)
    return seconds, memory


def main() -> None:
    print("| file | rows | seconds | peak memory | pyarrow reads it in | ratio | kept |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        cases = product(SHAPES, ((False, 0), (True, 0), (True, 1)), ("decisions.parquet", "decisions.csv.gz"))
        for (instances, points), (probabilities, missing), name in cases:
            path = Path(folder) / name
            write(path, instances, points, probabilities=probabilities, missing=missing)
            seconds, memory = in_a_process("judge", path, instances)
            plain, _ = in_a_process("read", path, instances)
            layout = "probabilities" if probabilities else "models"
            what = f"{name}, {layout}, {instances:,} x {points}{', one wrong' if missing else ''}"
            kept = "yes" if seconds < SECONDS and memory < BYTES else "no"
            print(
                f"| {what} | {instances * points - missing:,} | {seconds:.2f} | {memory / 1e6:,.0f} MB "
                f"| {plain:.2f} s | {seconds / plain:.1f} | {kept} |",
                flush=True,
            )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        target, size = Path(sys.argv[2]), int(sys.argv[3])
        took = judged(target, size) if sys.argv[1] == "judge" else merely_read(target)
        print(json.dumps([took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
    else:
        main()
