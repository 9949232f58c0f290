"""What `mmr savings` found: routers beside single models, at points chosen on validation and along the frontier.

Data only. Costs are in USD per query here; what people read is per thousand queries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mmr_core.numerics.metrics import CostRange
from mmr_core.numerics.sweep import OperatingCurve
from mmr_core.results.model import DataFacts, Estimate, LeftOut, LineupEntry, RouterFailure, RowKind

Aim = Literal["cost", "quality"]

AIMS: tuple[Aim, ...] = ("cost", "quality")
"""What an operating point is chosen for on validation: the least cost at which the mark is reached, or the greatest
utility. The mark is the utility, on validation, of the single model that is most accurate on the training split."""


@dataclass(frozen=True, kw_only=True)
class Single:
    """One model used for every query, on the test instances.

    :param gain: its utility minus that of the best single model.
    :param ratio: its cost over that of the best single model; no figure where that one costs nothing.
    """

    name: str
    title: str
    utility: Estimate
    gain: Estimate
    cost: Estimate
    ratio: Estimate


@dataclass(frozen=True, kw_only=True)
class Against:
    """A router's frontier of test operating points, read at one single model: the best case, known only afterwards.

    :param model: the single model.
    :param cost: the least mean cost at which the frontier reaches the model's utility; infinite where it never does.
    :param ratio: that cost over the model's cost; QNC (Eq. 9) where the model is the best one.
    :param utility: the frontier at the model's mean cost.
    :param gain: that utility minus the model's.
    """

    model: str
    cost: Estimate
    ratio: Estimate
    utility: Estimate
    gain: Estimate


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A router at the trade-off weights chosen on validation, on the test instances, averaged over seeds.

    :param trade_off: weight per unit of normalised cost, one per seed; empty where a seed has none.
    :param utility, cost: on the test instances.
    :param gain: utility minus that of the best single model.
    :param ratio: cost over that of the best single model.
    :param validation_utility, validation_cost: what was chosen by.
    """

    aim: Aim
    trade_off: tuple[float, ...]
    utility: Estimate
    gain: Estimate
    cost: Estimate
    ratio: Estimate
    validation_utility: float | None
    validation_cost: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class RouterSavings:
    """One router, or one reference.

    :param chosen: by aim; empty for references, which are not fitted.
    :param against: the best single model first, then the others where they were asked for.
    :param curve: operating points of the first seed.
    """

    name: str
    kind: RowKind
    chosen: Mapping[Aim, Chosen]
    against: tuple[Against, ...]
    curve: OperatingCurve


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a router has to reach on validation.

    :param model: the single model that is most accurate on the training split (ties: the cheaper).
    :param utility, cost: its means over the validation instances.
    :param instances: how many these are.
    """

    model: str
    utility: float
    cost: float
    instances: int


@dataclass(frozen=True, kw_only=True, eq=False)
class ColumnSavings:
    """One dataset, or several pooled.

    :param title: for people; :param members: the pooled datasets, empty for one dataset.
    :param train, validation, test: instances; :param evaluated: test instances whose outcomes are complete.
    :param models_left_out: models that cannot take part, with the reason.
    :param within: the cost range of the single models.
    :param best: the most accurate single model on the evaluated test instances (ties: the cheaper).
    :param singles: every single model, from the most accurate down.
    :param mark: None where there is no complete validation instance.
    :param recommended: the router chosen on validation; None where none beats the mark there.
    :param draws: bootstrap draws; :param draws_left_out: those without a range of costs.
    """

    dataset: str
    title: str
    members: tuple[str, ...]
    train: int
    validation: int
    test: int
    evaluated: int
    left_out: tuple[LeftOut, ...]
    models_left_out: Mapping[str, str]
    split_digest: str
    within: CostRange
    best: str
    singles: tuple[Single, ...]
    mark: Mark | None
    routers: tuple[RouterSavings, ...]
    references: tuple[RouterSavings, ...]
    recommended: str | None
    draws: int
    draws_left_out: int
    failures: tuple[RouterFailure, ...]

    def single(self, name: str) -> Single:
        """The single model of this name."""
        return next(single for single in self.singles if single.name == name)

    def router(self, name: str) -> RouterSavings:
        """The router of this name."""
        return next(router for router in self.routers if router.name == name)


@dataclass(frozen=True, kw_only=True, eq=False)
class Savings:
    """Everything that one call found.

    :param columns: in the order asked for.
    :param skipped_columns, skipped_routers: with the reason.
    """

    data: DataFacts
    columns: tuple[ColumnSavings, ...]
    lineup: tuple[LineupEntry, ...]
    seeds: tuple[int, ...]
    draw_seed: int
    skipped_columns: Mapping[str, str]
    skipped_routers: Mapping[str, str]
    versions: Mapping[str, str]

    @property
    def failures(self) -> tuple[RouterFailure, ...]:
        """Every router failure of every column."""
        return tuple(failure for column in self.columns for failure in column.failures)
