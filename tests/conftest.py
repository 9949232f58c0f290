"""Fixtures that every test package shares: outcome tables described by what they mean."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmr_core.outcomes import OutcomeTable, Status, object_array
from mmr_core.specs import DatasetSpec, ModelSpec, TokenPrice

if TYPE_CHECKING:
    from pathlib import Path

TOPICS = ("a sum", "a chart", "a receipt", "a proof")
SIZE = 24
LONGEST = ("/attacks/", "test_contributing", "test_wheel")
"""Groups of tests that take minutes."""


def pytest_configure(config: pytest.Config) -> None:
    """What this run was asked for is not asked of the test runs that tests start, for other packages in other folders.

    Where tests are spread over processes, those read it first, and the one that starts them must leave it to them.
    """
    if hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None):
        os.environ.pop("PYTEST_ADDOPTS", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where tests are spread over processes, those of one file stay together, and those of one arena of attacks too."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no process waits at the end for another."""
    items.sort(key=lambda item: next((n for n, long in enumerate(LONGEST) if long in item.nodeid), len(LONGEST)))


def _group(test: str) -> str:
    file, _, name = test.partition("::")
    if "/attacks/" not in file:
        return file
    return "landlock" if "landlock]" in name or "[landlock" in name else "bubblewrap"


def _draw(path: Path, rng: np.random.Generator) -> None:
    from PIL import Image

    pixels = rng.integers(0, 256, size=(SIZE, SIZE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="session")
def program_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One cache folder for all tests that run whole programs, so that the sample is drawn and encoded once."""
    return os.environ.get("MMR_CACHE_DIR") or str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., OutcomeTable]:
    """A function that makes an outcome table.

    - `models`: how many; each next one is more often right and dearer.
    - `instances`: how many in all, dealt to the datasets in turn, so that their rows interleave.
    - `missing`: the share of outcomes that are missing, drawn cell by cell.
    - `datasets`: their canonical names; `alpha_0`, `beta_1`, ... are the ids.
    - `images`: whether each instance has an image, drawn into a temporary folder.

    Harder topics, named in the question, make the cheap models fail. Costs follow from output tokens and prices.
    """

    def build(
        models: int = 3,
        instances: int = 50,
        missing: float = 0.0,
        datasets: tuple[str, ...] = ("alpha", "beta"),
        seed: int = 0,
        images: bool = False,
    ) -> OutcomeTable:
        rng = np.random.default_rng(seed)
        names = [datasets[i % len(datasets)] for i in range(instances)]
        topic = rng.integers(0, len(TOPICS), instances)
        skill = np.arange(1, models + 1) / (models + 1)
        chance = np.clip(skill[None, :] + 0.3 - 0.2 * topic[:, None], 0.02, 0.98)  # [n, K]
        price = 2.0 ** np.arange(models)
        tokens = rng.integers(5, 200, (instances, models)).astype(float)
        utility = (rng.random((instances, models)) < chance).astype(float)
        cost = tokens * price / 1e6
        gone = rng.random((instances, models)) < missing
        for numbers in (utility, cost, tokens):
            numbers[gone] = np.nan
        paths: list[Any] = [None] * instances
        if images:
            folder = tmp_path_factory.mktemp("images")
            paths = [folder / f"{i}.png" for i in range(instances)]
            for path in paths:
                _draw(path, rng)
        unknown = np.full((instances, models), np.nan)
        return OutcomeTable(
            dataset=object_array(names),
            instance_id=object_array(f"{name}_{i}" for i, name in enumerate(names)),
            question=object_array(f"What does {TOPICS[topic[i]]} number {i} show?" for i in range(instances)),
            answer=object_array(str(i % 7) for i in range(instances)),
            category=object_array(TOPICS[t] for t in topic),
            image=object_array(paths),
            models=tuple(
                ModelSpec(
                    name=f"model-{j}",
                    title=f"Model {j}",
                    price=TokenPrice(output=float(price[j])),
                    csv_columns=(f"Model-{j}",),
                )
                for j in range(models)
            ),
            columns=tuple(f"Model-{j}" for j in range(models)),
            utility=utility,
            cost=cost,
            status=np.where(gone, Status.MISSING, Status.OK).astype(np.int8),
            input_tokens=unknown,
            image_tokens=unknown.copy(),
            output_tokens=tokens,
            response=None,
            datasets=tuple(
                DatasetSpec(
                    name=name,
                    title=name.title(),
                    scenario="ocr" if k % 2 else "math",
                    modalities=("text", "image") if images else ("text",),
                    id_prefix=name,
                )
                for k, name in enumerate(datasets)
            ),
            source="a test",
        )

    return build


@pytest.fixture(scope="session")
def assert_same() -> Callable[[OutcomeTable, OutcomeTable], None]:
    """A function that demands that two tables agree in every field, NaN, types and order included."""

    def demand(one: OutcomeTable, other: OutcomeTable) -> None:
        for field in fields(OutcomeTable):
            a, b = getattr(one, field.name), getattr(other, field.name)
            if isinstance(b, np.ndarray):
                assert a.dtype == b.dtype, field.name
                assert a.shape == b.shape, field.name
                if b.dtype == object:
                    assert a.tolist() == b.tolist(), field.name
                else:
                    np.testing.assert_array_equal(a, b, err_msg=field.name)
            else:
                assert a == b, field.name
        assert one.digest() == other.digest()

    return demand
