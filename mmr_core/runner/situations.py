"""What the cells of a grid share: cells of one situation learn from the same rows and are asked about the same rows.

A situation is prepared once, however many routers, seeds and parameters meet it. Nothing here fits anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmr_core.features import Features, FeatureSource
from mmr_core.features.aligned import View
from mmr_core.outcomes import OutcomeTable
from mmr_core.results import Cell, EncoderPair
from mmr_core.runner.learning import Learning
from mmr_core.runner.measure import Yardsticks
from mmr_core.runner.options import Options, Setting
from mmr_core.runner.prepare import Parted, parted, prepare
from mmr_core.specs import DatasetSpec

SourceFor = Callable[[EncoderPair], FeatureSource]
"""Makes the source of the features of a pair of encoders."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """All of a cell that its rows and their features depend on; the fields are those of `Cell`.

    :param sources: what is learned from, in the order of the cell.
    :param encoders: None for references, which look at no query.
    """

    test: str
    sources: tuple[str, ...]
    train_share: float
    newcomer: str | None
    calibration: int
    encoders: EncoderPair | None
    modality: View
    seen_in_training: View

    @classmethod
    def of(cls, cell: Cell) -> Situation:
        """The situation of a cell."""
        sighted = cell.router is not None
        return cls(
            test=cell.test,
            sources=cell.sources,
            train_share=cell.train_share,
            newcomer=cell.newcomer,
            calibration=cell.calibration,
            encoders=cell.encoders if sighted else None,
            modality=cell.modality if sighted else "multimodal",
            seen_in_training=cell.seen_in_training if sighted else "multimodal",
        )

    @property
    def rows(self) -> tuple[object, ...]:
        """What its rows and raw features depend on; situations that agree in it are best prepared one after another."""
        return self.test, self.sources, self.train_share, self.encoders


class Situations:
    """Prepares situations of one run, with what can be shared among them kept.

    :param options: only `allow_incomplete`, `draws` and `draw_seed` matter.
    """

    def __init__(self, setting: Setting, source_for: SourceFor, options: Options) -> None:
        self._setting = setting
        self._source_for = source_for
        self._options = options
        self._sources: dict[EncoderPair, FeatureSource] = {}

    def column(self, situation: Situation) -> Parted:
        """The rows of a situation, `Prepared` with features unless it is one of references.

        :raises MMRError: as `prepare` does, or if the features cannot be had.
        """
        spec = self._spec(situation.test)
        elsewhere = situation.sources != (situation.test,)
        learning = Learning(
            sources=tuple(self._spec(name) for name in situation.sources) if elsewhere else (),
            share=situation.train_share,
            newcomer=situation.newcomer,
            calibration=situation.calibration,
        )
        if situation.encoders is None:
            return parted(self._setting.table, spec, self._options, learning)
        options = replace(self._options, modality=situation.modality, train_modality=situation.seen_in_training)
        return prepare(self._setting.table, spec, self._source(situation.encoders), options, learning)

    def yardsticks(self, test: str) -> Yardsticks:
        """What everything on one test split is measured with; studies look at no slices.

        Its constant policy is that of the test split's own training split, wherever a router learned: so skill has
        one scale on a test split, and conditions can be compared.

        :raises DegenerateError: if there is nothing to measure against.
        """
        rows = parted(self._setting.table, self._spec(test), self._options)
        return Yardsticks.of_whole(rows, draws=self._options.draws, draw_seed=self._options.draw_seed)

    def _spec(self, name: str) -> DatasetSpec:
        for spec in self._setting.columns:
            if spec.name == name:
                return spec
        return self._setting.registry.find_dataset(name).spec

    def _source(self, pair: EncoderPair) -> FeatureSource:
        if pair not in self._sources:
            self._sources[pair] = LastFeatures(self._source_for(pair))
        return self._sources[pair]


class LastFeatures:
    """A `FeatureSource` that remembers the last rows it was asked about.

    Features do not depend on outcomes, so situations that differ in modality or newcomer alone have the same.
    """

    def __init__(self, source: FeatureSource) -> None:
        self._source = source
        self._asked: tuple[object, ...] | None = None
        self._features: Features | None = None

    def features(self, table: OutcomeTable, train: NDArray[np.bool_]) -> Features:
        """As those of the source that it was made with."""
        asked = (tuple(table.dataset), tuple(table.instance_id), train.tobytes())
        if self._features is None or asked != self._asked:
            self._features = self._source.features(table, train)
            self._asked = asked
        return self._features

    def describe(self) -> dict[str, object]:
        """As the source that it was made with."""
        return self._source.describe()
