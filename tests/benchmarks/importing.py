"""Measures what importing a large evaluation log takes: 1,000,000 records, beside plain readers of its lines.

    python tests/benchmarks/importing.py [--records 1000000] [--models 10] [--folder DIR]

Writes logs in the layout of lm-evaluation-harness, imports them in a process of its own with `mmr data import`, and
prints the time, the peak of resident memory, and the ratios to a reader that does nothing but parse each line (JSON)
and to one that parses the same records as CSV.
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
"""Bytes of resident memory that an import of 1,000,000 records may take at most."""
DATE = "2025-06-01T10-11-12.123456"
CHILD = """
import resource, sys, time
from {module} import {function}
start = time.perf_counter()
code = {function}({argument})
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(f"measured {{code or 0}} {{seconds}} {{peak}}")
"""


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


def measure(module: str, function: str, argument: object) -> tuple[float, int]:
    """Seconds and peak resident bytes of a function in a process of its own."""
    code = CHILD.format(module=module, function=function, argument=repr(argument))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    report = done.stdout.rstrip().rpartition("\n")[2].split()
    if done.returncode or report[:2] != ["measured", "0"]:
        raise SystemExit(f"{module}.{function} failed:\n{done.stdout}{done.stderr}")
    return float(report[2]), int(report[3])


def main() -> None:
    """Prints one line per measurement, and fails if the import takes too much memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="where to write the logs (default: a temporary folder)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        timed("writing the logs", lambda: write_logs(folder, given.records // given.models, given.models))
        size = sum(file.stat().st_size for file in (folder / "logs").rglob("*.jsonl"))
        words = ["data", "import", "lm-eval", str(folder / "logs"), "--out", str(folder / "store")]
        json_seconds, _ = measure("importing", "read_json", name)
        csv_seconds, _ = measure("importing", "read_csv", name)
        seconds, peak = measure("mmr_core.cli", "main", words)
        answers, peak_with_answers = measure("mmr_core.cli", "main", [*words[:-1], f"{name}/answers", "--responses"])
    print(f"{given.records} records of {given.models} models, {size / 1e6:.0f} MB of logs")
    print(f"import              {seconds:6.1f} s, peak {peak / 1e6:.0f} MB of {LIMIT / 1e6:.0f} MB allowed")
    print(f"  / parsing JSON    {seconds / json_seconds:6.1f} times ({json_seconds:.1f} s); it looks twice")
    print(f"  / parsing CSV     {seconds / csv_seconds:6.1f} times ({csv_seconds:.1f} s)")
    print(f"import of answers   {answers:6.1f} s, peak {peak_with_answers / 1e6:.0f} MB")
    if given.records <= 1_000_000 and peak > LIMIT:
        raise SystemExit("the import takes more memory than it may")


def timed(task: str, function: Callable[[], None]) -> None:
    """Runs a function and says how long it took."""
    start = time.perf_counter()
    function()
    print(f"{task}: {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
