"""The points of a grid: who learns from what, and is asked about what.

A cell holds names and numbers only, so that it can be written down, sent to another process and recognised again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mmr_core.errors import UsageError
from mmr_core.features.aligned import Align, View


@dataclass(frozen=True, kw_only=True)
class EncoderPair:
    """Which encoders make the features; None means the one that the run was given.

    :param align: what is done with unequal widths; None means as the run was told.
    """

    text: str | None = None
    image: str | None = None
    align: Align | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One fit of one router, or the reference rows of one test split.

    :param test: the dataset or mixture whose test split is asked about.
    :param router: as the registry finds it; None measures the references (oracle, constant, single models) instead.
    :param learn_from: datasets or mixtures whose training splits are pooled to learn from; empty means `test` itself.
    :param parameters: what the router is made with besides the seed.
    :param pooled: parameters with several values each; the router is fitted with every combination, and the operating
        points of all fits make one frontier (section 3.2 pools numbers of clusters so).
    :param fusion: None means the router's own.
    :param modality: what it sees when it decides.
    :param train_modality: what it sees in training; None means the same.
    :param encoders: where the features come from.
    :param seed: of the router.
    :param train_share: the share of the training split that is learned from, in (0, 1]; smaller ones lie
        in larger ones.
    :param newcomer: a candidate model whose training outcomes are unknown but for those of `calibration` instances.
    :param calibration: how many, drawn from the training split in a frozen order; smaller sets lie in larger ones.
    :param keep_choices: whether the choice for each test instance is kept, at each trade-off weight of the grid.
    """

    test: str
    router: str | None = None
    learn_from: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    pooled: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    fusion: str | None = None
    modality: View = "multimodal"
    train_modality: View | None = None
    encoders: EncoderPair = EncoderPair()
    seed: int = 0
    train_share: float = 1.0
    newcomer: str | None = None
    calibration: int = 0
    keep_choices: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.train_share <= 1:
            raise UsageError(f"a share of {self.train_share!r} of the training split", fix="use one in (0, 1]")
        if self.calibration < 0 or (self.calibration and self.newcomer is None):
            raise UsageError(
                f"{self.calibration!r} calibration instances for {self.newcomer!r}", fix="name the newcomer they are of"
            )
        empty = [name for name, values in self.pooled.items() if not values]
        if empty:
            raise UsageError(f"no value of {empty[0]!r} to pool", fix="give at least one")

    @property
    def sources(self) -> tuple[str, ...]:
        """What is learned from."""
        return self.learn_from or (self.test,)

    @property
    def is_in_domain(self) -> bool:
        """Whether it learns from the whole training split of what it is asked about, and from nothing else."""
        return self.sources == (self.test,) and self.train_share == 1 and self.newcomer is None

    @property
    def seen_in_training(self) -> View:
        """What is seen in training."""
        return self.train_modality or self.modality
