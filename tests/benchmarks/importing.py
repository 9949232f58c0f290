"""Measures what importing large tables and logs takes.

    python tests/benchmarks/importing.py csv [--rows 10000 100000 1000000] [--models 10] [--folder DIR]
    python tests/benchmarks/importing.py logs [--records 1000000] [--models 10] [--folder DIR]

`csv` writes a table in the published layout (a question of some 180 characters, and correctness, cost and tokens of
every model), imports it with `mmr data import` in a process of its own, and prints CPU seconds, the time per row
relative to the smallest table, and the peak of resident memory over the size of the file. `logs` does the same with
logs in the layout of lm-evaluation-harness, beside a reader that does nothing but parse each line (JSON) and one that
parses the same records as CSV.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LIMIT = 1_000_000_000
"""Bytes of resident memory that an import of 1,000,000 records of a log may take at most."""
CSV_SECONDS = 65.0
"""CPU seconds that an import of 1,000,000 x 10 cells of the published CSV may take at most."""
CSV_MEMORY = 2.0
"""Peak of resident memory that the same import may take at most, over the size of the file."""
DATE = "2025-06-01T10-11-12.123456"
CHILD = """
import resource, sys, time
from {module} import {function}
start, begun = time.perf_counter(), time.process_time()
code = {function}({argument})
seconds, busy = time.perf_counter() - start, time.process_time() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(f"measured {{code or 0}} {{seconds}} {{busy}} {{peak}}")
"""
WORDS = [
    "the",
    "of",
    "area",
    "triangle",
    "count",
    "angle",
    "which",
    "shown",
    "figure",
    "red",
    "blue",
    "total",
    "than",
    "when",
    "value",
    "between",
    "line",
    "number",
]


def write_table(file: Path, rows: int, models: int) -> None:
    """A table in the published layout, of `models` models that no plugin knows."""
    draw = random.Random(0)
    names = [f"model-{j}" for j in range(models)]
    suffixes = ("correct", "cost", "token")
    with file.open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(
            ["dataset_idx", "question", "answer", "category", *(f"{m}_{s}" for m in names for s in suffixes)]
        )
        for i in range(rows):
            question = " ".join(draw.choices(WORDS, k=32)).capitalize() + f", {i}?"
            cells: list[object] = [f"MathVision_{i}", question, draw.randrange(1000), f"topic {i % 16}"]
            for j in range(models):
                tokens = draw.randrange(20, 900)
                cells += [int(draw.random() < 0.4 + 0.05 * j), f"{tokens * (j + 1) * 0.4e-6:.9f}", tokens]
            table.writerow(cells)


def measure_tables(sizes: list[int], models: int, where: Path | None) -> None:
    """Prints a line per size, and fails if the largest takes more time or memory than it may."""
    print(f"published CSV, {models} models: CPU s, time per row over the first, peak memory over the file's size")
    first = None
    for rows in sizes:
        with tempfile.TemporaryDirectory(dir=where) as name:
            file = Path(name) / "MMR_Bench.csv"
            write_table(file, rows, models)
            size = file.stat().st_size
            words = ["data", "import", "published", str(file), "--out", f"{name}/store"]
            _, busy, peak = measure("mmr_core.cli", "main", words)
        first = first or busy / rows
        print(
            f"{rows:>9,} rows, {size / 1e6:6.1f} MB  {busy:7.2f} s  x {busy / rows / first:4.2f}"
            f"  {peak / 1e6:6.0f} MB = {peak / size:5.2f} x",
            flush=True,
        )
        if rows >= 1_000_000 and models == 10 and (busy > CSV_SECONDS or peak > CSV_MEMORY * size):
            raise SystemExit("the import takes more time or memory than it may")


def write_logs(folder: Path, instances: int, models: int) -> None:
    """Logs of `models` models on one task of `instances` instances, and the same records as one CSV."""
    draw = random.Random(0)
    with (folder / "records.csv").open("w", newline="") as flat:
        table = csv.writer(flat)
        table.writerow(["model", "doc_id", "question", "target", "response", "acc"])
        for j in range(models):
            own = folder / "logs" / f"model-{j}"
            own.mkdir(parents=True)
            with (own / f"samples_toy_{DATE}.jsonl").open("w") as lines:
                for i in range(instances):
                    question = f"What is {i} plus {i + 1}, and why does it matter to whoever asks it?"
                    response = f"It is {2 * i + 1}. " + "Because it is so. " * 6
                    score = float(draw.random() < 0.4 + 0.05 * j)
                    lines.write(json.dumps(sample(i, question, response, score)) + "\n")
                    table.writerow([f"model-{j}", i, question, 2 * i + 1, response, score])


def sample(i: int, question: str, response: str, score: float) -> dict[str, object]:
    """One line of a log."""
    return {
        "doc_id": i,
        "doc": {"question": question, "answer": str(2 * i + 1)},
        "target": str(2 * i + 1),
        "arguments": {"gen_args_0": {"arg_0": f"Question: {question}\nAnswer:", "arg_1": {"until": ["\n"]}}},
        "resps": [[response]],
        "filtered_resps": [response],
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": f"{i:064x}",
        "prompt_hash": f"{i:064x}",
        "target_hash": f"{i:064x}",
        "acc": score,
    }


def read_json(folder: str) -> None:
    """Parses every line of the logs, and does nothing with it."""
    for file in sorted((Path(folder) / "logs").rglob("*.jsonl")):
        with file.open("rb") as lines:
            for line in lines:
                json.loads(line)


def read_csv(folder: str) -> None:
    """Parses every row of the CSV, and does nothing with it."""
    with (Path(folder) / "records.csv").open(newline="") as rows:
        for _ in csv.reader(rows):
            pass


def measure_logs(records: int, models: int, where: Path | None) -> None:
    """Prints one line per measurement, and fails if the import takes more memory than it may."""
    with tempfile.TemporaryDirectory(dir=where) as name:
        folder = Path(name)
        timed("writing the logs", lambda: write_logs(folder, records // models, models))
        size = sum(file.stat().st_size for file in (folder / "logs").rglob("*.jsonl"))
        words = ["data", "import", "lm-eval", str(folder / "logs"), "--out", str(folder / "store")]
        json_seconds, _, _ = measure("importing", "read_json", name)
        csv_seconds, _, _ = measure("importing", "read_csv", name)
        seconds, _, peak = measure("mmr_core.cli", "main", words)
        answers, _, peak_with_answers = measure("mmr_core.cli", "main", [*words[:-1], f"{name}/answers", "--responses"])
    print(f"{records} records of {models} models, {size / 1e6:.0f} MB of logs")
    print(f"import              {seconds:6.1f} s, peak {peak / 1e6:.0f} MB of {LIMIT / 1e6:.0f} MB allowed")
    print(f"  / parsing JSON    {seconds / json_seconds:6.1f} times ({json_seconds:.1f} s); it looks twice")
    print(f"  / parsing CSV     {seconds / csv_seconds:6.1f} times ({csv_seconds:.1f} s)")
    print(f"import of answers   {answers:6.1f} s, peak {peak_with_answers / 1e6:.0f} MB")
    if records <= 1_000_000 and peak > LIMIT:
        raise SystemExit("the import takes more memory than it may")


def measure(module: str, function: str, argument: object) -> tuple[float, float, int]:
    """Seconds, CPU seconds and peak resident bytes of a function in a process of its own."""
    code = CHILD.format(module=module, function=function, argument=repr(argument))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    report = done.stdout.rstrip().rpartition("\n")[2].split()
    if done.returncode or report[:2] != ["measured", "0"]:
        raise SystemExit(f"{module}.{function} failed:\n{done.stdout}{done.stderr}")
    return float(report[2]), float(report[3]), int(report[4])


def timed(task: str, function: Callable[[], None]) -> None:
    """Runs a function and says how long it took."""
    start = time.perf_counter()
    function()
    print(f"{task}: {time.perf_counter() - start:.1f} s", flush=True)


def main() -> None:
    """Measures the one or the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("csv", "logs"))
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="where to write the files (default: a temporary folder)")
    given = parser.parse_args()
    if given.what == "csv":
        measure_tables(given.rows, given.models, given.folder)
    else:
        measure_logs(given.records, given.models, given.folder)


if __name__ == "__main__":
    main()
