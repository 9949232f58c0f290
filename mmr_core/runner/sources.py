"""Makes the features of any pair of encoders that a cell asks for, out of what the run was told about features.

`run_cells` asks once for each pair; the report asks afterwards what the features were made with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import UsageError
from mmr_core.features import FeatureCache, FeatureSource, View
from mmr_core.features.aligned import images_present, texts_present
from mmr_core.features.selection import FeatureChoice, feature_source
from mmr_core.outcomes import OutcomeTable
from mmr_core.registry import Registry
from mmr_core.results import EncoderPair


class Sources:
    """The `SourceFor` of a run; what a pair of encoders leaves open is as the run was told.

    :param choice: what the run was told.
    :param view: the modalities to encode (`view_of` the table).
    :param cache: where embeddings are kept.
    """

    def __init__(
        self,
        choice: FeatureChoice,
        registry: Registry,
        *,
        view: View,
        cache: FeatureCache,
        warn: Callable[[str], None] = lambda line: None,
        progress: Progress = no_progress,
    ) -> None:
        self._choice = choice
        self._registry = registry
        self._view = view
        self._cache = cache
        self._warn = warn
        self._progress = progress
        self._made: dict[EncoderPair, FeatureSource] = {}

    def __call__(self, pair: EncoderPair) -> FeatureSource:
        """The source of a pair's features.

        :raises UsageError: if an encoder does not read its modality, or one of two is to join features from a file.
        :raises MMRError: if an encoder is not known or cannot be made.
        """
        if pair not in self._made:
            self._made[pair] = feature_source(
                self._chosen(pair),
                self._registry,
                modality=self._view,
                cache=self._cache,
                warn=self._warn,
                progress=self._progress,
            )
        return self._made[pair]

    @property
    def descriptions(self) -> dict[EncoderPair, dict[str, object]]:
        """What made the features, for each pair that was asked for so far."""
        return {pair: source.describe() for pair, source in self._made.items()}

    def _chosen(self, pair: EncoderPair) -> FeatureChoice:
        align = pair.align or self._choice.align
        named = {kind for kind, name in (("text", pair.text), ("image", pair.image)) if name is not None}
        if not named:
            return replace(self._choice, align=align)
        if self._choice.file is not None and not named.issuperset(_modalities(self._view)):
            raise UsageError(
                f"features of the other modality come from {str(self._choice.file)!r}, so an encoder of {named.pop()} "
                "alone cannot join them",
                fix="leave --features out",
            )
        return replace(
            self._choice,
            file=None,
            text_encoder=pair.text or self._choice.text_encoder,
            image_encoder=pair.image or self._choice.image_encoder,
            align=align,
        )


def view_of(table: OutcomeTable) -> View:
    """The modalities that some instance of a table has; text where none has anything."""
    if not images_present(table).any():
        return "text"
    return "multimodal" if texts_present(table).any() else "image"


def _modalities(view: View) -> set[str]:
    return {"text", "image"} if view == "multimodal" else {view}
