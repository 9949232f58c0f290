"""From what a person names (`--encoder`, `--text-encoder`, `--image-encoder`, `--features`) to a feature source.

A default never falls back silently to another encoder: a modality that the named encoders cannot read is an error
that says which option decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import UsageError
from mmr_core.features.aligned import Align, FeatureSource, View
from mmr_core.features.cache import FeatureCache, cache_folder
from mmr_core.features.encoded import EncodedFeatures
from mmr_core.features.precomputed import PrecomputedFeatures
from mmr_core.registry import Registry


@dataclass(frozen=True, kw_only=True)
class FeatureChoice:
    """Which features a run uses.

    :param encoder: for both modalities; None means the registry's default.
    :param text_encoder: for text, instead of `encoder`.
    :param image_encoder: for images, instead of `encoder`.
    :param file: precomputed features; then no encoder may be named.
    :param align: what to do with unequal widths.
    :param bad_images: whether a broken image is an error or only loses its image bit.
    :param parameters: by encoder name, what it is made with.
    """

    encoder: str | None = None
    text_encoder: str | None = None
    image_encoder: str | None = None
    file: Path | None = None
    align: Align | None = None
    bad_images: Literal["error", "mask"] = "error"
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.file is not None and (self.encoder or self.text_encoder or self.image_encoder):
            raise UsageError("--features brings features, so nothing is encoded", fix="leave the encoder options out")


def feature_source(
    choice: FeatureChoice,
    registry: Registry,
    *,
    modality: View = "multimodal",
    modality_option: str = "",
    cache: FeatureCache | None = None,
    warn: Callable[[str], None] = lambda line: None,
    progress: Progress = no_progress,
) -> FeatureSource:
    """Makes the source; encoders of a modality that is not looked at are not made.

    :param modality: what is looked at, in training or in testing.
    :param modality_option: the option that decides it, where the person has one.
    :param cache: where embeddings are kept; the user's cache folder where None.
    :raises UsageError: if the encoder named for a modality does not read it.
    :raises UnknownNameError: if an encoder is not known.
    """
    if choice.file is not None:
        return PrecomputedFeatures.from_file(choice.file, align=choice.align)
    base = choice.encoder or registry.encoders.label(registry.encoders.default())
    names = {
        kind: name
        for kind, name in (("text", choice.text_encoder or base), ("image", choice.image_encoder or base))
        if modality in (kind, "multimodal")
    }
    made = {name: registry.encoders.create(name, **choice.parameters.get(name, {})) for name in set(names.values())}
    for kind, name in names.items():
        if kind not in made[name].modalities:
            other = "text" if kind == "image" else "image"
            narrower = f", or look at {other} alone with {modality_option} {other}" if modality_option else ""
            raise UsageError(
                f"encoder {name!r} does not read {kind}s"
                if kind == "image"
                else f"encoder {name!r} does not read text",
                fix=f"add --{kind}-encoder NAME{narrower}",
            )
    return EncodedFeatures(
        text_encoder=made.get(names.get("text", "")),
        image_encoder=made.get(names.get("image", "")),
        align=choice.align,
        cache=cache or FeatureCache(cache_folder()),
        bad_images=choice.bad_images,
        facts={kind: _facts(name, registry, choice) for kind, name in names.items()},
        warn=warn,
        progress=progress,
    )


def _facts(name: str, registry: Registry, choice: FeatureChoice) -> dict[str, object]:
    item = registry.encoders.find(name)
    return {
        "encoder": item.canonical_id,
        "version": item.provider.version,
        "parameters": registry.encoders.parameters(name, choice.parameters.get(name, {})),
    }
