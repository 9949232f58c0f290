"""Runs to report on, made by the engine's own measuring from tables described by what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mmr_core.numerics.means import training_means
from mmr_core.outcomes import OutcomeTable
from mmr_core.results import (
    Column,
    DataFacts,
    FusionEntry,
    Intervals,
    LeftOut,
    LineupEntry,
    RouterFailure,
    RunResult,
    Slice,
    Timing,
)
from mmr_core.runner.measure import Answers, Yardstick
from mmr_core.runner.policies import Decided, Policy, Scored
from mmr_core.runner.references import TestSet
from mmr_core.runner.summary import macro_averages, paired_differences

Floats = NDArray[np.float64]


def _guess(name: str, position: int, seed: int, utility: Floats, cost: Floats, scale: float) -> Policy:
    """A router that is the wiser the earlier it stands; `random` is uniform."""
    n, models = utility.shape
    if name == "random":
        return Decided(np.zeros(1), (np.full((n, models), 1 / models),))
    noise = np.random.default_rng([position, seed]).normal(0, 0.4 + 0.6 * position, (n, models))
    return Scored(0.5 * utility + utility.mean(axis=0) + noise, cost.mean(axis=0) / scale * np.ones((n, 1)))


def _slice(tested: TestSet, answers: Sequence[Answers], draws: int, *, every_model: bool) -> Slice:
    """All rows of one slice."""
    yardstick = Yardstick.of(tested, draws=draws, draw_seed=0)
    rows = [yardstick.router(each) for each in answers]
    return yardstick.slice([*rows, *yardstick.reference_rows(every_model=every_model)])


def _column(
    name: str,
    members: Sequence[str],
    table: OutcomeTable,
    routers: Sequence[str],
    seeds: int,
    draws: int,
    categories: bool,
) -> Column:
    wanted = members or (name,)
    own = table.take(np.isin(table.dataset.astype(str), wanted))
    test = TestSet(
        name=name,
        kind="mixture" if members else "dataset",
        utility=own.utility,
        cost=own.cost,
        datasets=tuple(own.dataset),
        training_means=training_means(own.utility, own.cost),
        cost_scale=float(own.cost.max()),
        models=own.models,
    )
    answers = [
        Answers(
            name=router,
            policies=tuple(_guess(router, i, seed, own.utility, own.cost, test.cost_scale) for seed in range(seeds)),
            trade_offs=(0.1,) * seeds,
        )
        for i, router in enumerate(routers)
    ]
    labels = own.dataset if members else own.category
    parts: list[Slice] = []
    if members or categories:
        for label in sorted(set(labels)):
            rows = np.flatnonzero(labels == label)
            part = test.take(rows, label, "dataset" if members else "category")
            taken = [answer.take(rows) for answer in answers]
            parts.append(_slice(part, taken, draws, every_model=False))
    spec = own.datasets[[d.name for d in own.datasets].index(wanted[0])]
    return Column(
        dataset=name,
        title=name.title(),
        scenario=spec.scenario,
        members=tuple(members),
        train=20,
        validation=4,
        test=len(own) + 2,
        left_out=(LeftOut(dataset=wanted[0], instances=2, of=len(own) + 2, models={own.models[0].name: 2}),),
        split_digest=f"split of {name}",
        cost_scale=test.cost_scale,
        features={"encoder": "lite", "width": np.int64(64), "parameters": {"ngrams": (1, 2)}},
        whole=_slice(test, answers, draws, every_model=True),
        slices=tuple(parts),
        skipped={"tiny": "all models cost the same on average"} if categories else {},
        failures=(RouterFailure(router="broken", dataset=name, reason="ValueError: no", traceback="Traceback ..."),),
        timings=tuple(Timing(router=router, fit=0.5, predict=0.25) for router in routers),
    )


@pytest.fixture(scope="session")
def result(table: Callable[..., OutcomeTable]) -> Callable[..., RunResult]:
    """A function that makes the result of a run, as the engine would.

    - `datasets`: one column each, and with `mixture` one named "everything" of all of them.
    - `routers`: their names; each is worse than the one before; "random" is uniform.
    - `costs`: [K] factors on the models' costs, or None for the table's own.
    - `categories`: whether datasets have slices by category.
    """

    def make(
        datasets: Sequence[str] = ("alpha",),
        routers: Sequence[str] = ("wise", "dull", "random"),
        models: int = 3,
        instances: int = 120,
        seeds: int = 2,
        draws: int = 40,
        mixture: bool = False,
        categories: bool = False,
        synthetic: bool = False,
        costs: Floats | None = None,
        utility: Floats | None = None,
        seed: int = 0,
        **facts: Any,
    ) -> RunResult:
        whole = table(models=models, instances=instances, datasets=tuple(datasets), seed=seed)
        if costs is not None:
            whole.cost[:] = np.asarray(costs) * np.random.default_rng(seed).uniform(0.5, 1.5, whole.cost.shape)
        if utility is not None:
            whole.utility[:] = utility
        wanted: list[tuple[str, Sequence[str]]] = [(name, ()) for name in datasets]
        if mixture:
            wanted.append(("everything", datasets))
        columns = [
            _column(name, members, whole, routers, seeds, draws, categories and not members) for name, members in wanted
        ]
        return RunResult(
            data=DataFacts(
                source="a test",
                synthetic=synthetic,
                digest=facts.pop("digest", "digest of the table"),
                instances=len(whole),
                datasets=tuple(datasets),
                models=tuple(model.name for model in whole.models),
                price_sheet=facts.pop("price_sheet", None),
            ),
            lineup=tuple(
                LineupEntry(
                    name=router,
                    canonical_id=f"mmr-test/{router}",
                    distribution="mmr-test",
                    version="1.0",
                    parameters={"k": 3},
                    fusion=FusionEntry(
                        name="average",
                        canonical_id="mmr-test/average",
                        version="1.0",
                        parameters={"share": 0.5},
                        transductive=False,
                    ),
                )
                for router in routers
            ),
            seeds=tuple(range(seeds)),
            modality="multimodal",
            train_modality="multimodal",
            intervals=Intervals(draws=draws, draw_seed=facts.pop("draw_seed", 0)),
            columns=tuple(columns),
            macros=macro_averages(columns),
            differences=tuple(d for column in columns for d in paired_differences(column.whole)),
            skipped_columns={"empty": "no test instance"},
            skipped_routers={"deep": "needs PyTorch"},
            versions={"python": "3.11", "mmr-bench": "0.1"},
            warnings=("one thing to know",),
            **facts,
        )

    return make
