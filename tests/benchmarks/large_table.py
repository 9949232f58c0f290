"""Writes a large table to try `mmr run` on: a store of N instances and ten models, and a feature file for it.

    python tests/benchmarks/large_table.py 1000000 /tmp/large
    mmr run --data /tmp/large/store --features /tmp/large/features.npz --router linear --draws 200 --jobs 1

Outcomes follow the features, so that a linear router finds something to route by.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from mmr_core.outcomes import OutcomeTable, Status, object_array
from mmr_core.specs import DatasetSpec, ModelSpec
from mmr_core.store import OutcomeStore

MODELS, WIDTH = 10, 64


def large_table(n: int, seed: int = 0) -> tuple[OutcomeTable, np.ndarray]:
    """A table of n instances, and float32 [n, 64] features of their texts."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, WIDTH), dtype=np.float32)
    skill = rng.standard_normal((WIDTH, MODELS), dtype=np.float32) / np.sqrt(WIDTH)
    chance = 1 / (1 + np.exp(-(features @ skill + np.linspace(-1, 1, MODELS, dtype=np.float32))))  # [n, K]
    price = np.geomspace(1e-5, 1e-2, MODELS)
    empty = np.full((n, MODELS), np.nan)
    spec = DatasetSpec(name="large", title="Large", scenario="text", modalities=("text",), id_prefix="Large")
    table = OutcomeTable(
        dataset=np.full(n, "large", dtype=object),
        instance_id=object_array(f"Large_{i}" for i in range(n)),
        question=object_array(f"What is {i} plus {i % 97}?" for i in range(n)),
        answer=np.full(n, "", dtype=object),
        category=np.full(n, "", dtype=object),
        image=np.full(n, None, dtype=object),
        models=tuple(ModelSpec(name=f"model-{j}", title=f"Model {j}") for j in range(MODELS)),
        columns=tuple(f"model-{j}" for j in range(MODELS)),
        utility=(rng.random((n, MODELS)) < chance).astype(np.float64),
        cost=price * rng.uniform(0.5, 1.5, (n, MODELS)),
        status=np.full((n, MODELS), Status.OK, dtype=np.int8),
        input_tokens=empty,
        image_tokens=empty,
        output_tokens=empty,
        response=None,
        datasets=(spec,),
        source="large_table.py",
        synthetic=True,
    )
    return table, features


def main() -> None:
    n, out = int(sys.argv[1]), Path(sys.argv[2])
    table, features = large_table(n)
    OutcomeStore(out / "store").add(table)
    np.savez(out / "features.npz", ids=np.array(table.instance_id, dtype=np.str_), text=features)


if __name__ == "__main__":
    main()
