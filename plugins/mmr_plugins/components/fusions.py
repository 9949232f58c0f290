"""The built-in fusions, ours and the authors', described without importing any of them."""

from __future__ import annotations

from mmr_core.specs import ComponentSpec

FUSIONS: tuple[ComponentSpec, ...] = (
    ComponentSpec(
        kind="fusion",
        name="average",
        target="mmr_plugins.fusions.plain:AverageFusion",
        summary="equal-weight mean of the two unit embeddings (Eq. S10)",
    ),
    ComponentSpec(
        kind="fusion",
        name="adaptive",
        target="mmr_plugins.fusions.adaptive:AdaptiveFusion",
        summary="confidence-weighted sum with product and difference terms (Eqs. S2-S6)",
    ),
    ComponentSpec(
        kind="fusion",
        name="concat",
        target="mmr_plugins.fusions.plain:ConcatFusion",
        summary="the two unit embeddings side by side",
    ),
    ComponentSpec(
        kind="fusion",
        name="text",
        target="mmr_plugins.fusions.plain:TextFusion",
        summary="the unit text embedding alone",
    ),
    ComponentSpec(
        kind="fusion",
        name="image",
        target="mmr_plugins.fusions.plain:ImageFusion",
        summary="the unit image embedding alone",
    ),
    ComponentSpec(
        kind="fusion",
        name="average",
        target="mmr_plugins.authors.fusions:AuthorsAverage",
        summary="(text + image) / 2 of the arrays as given",
        protocol="authors",
    ),
    ComponentSpec(
        kind="fusion",
        name="adaptive",
        target="mmr_plugins.authors.fusions:AuthorsAdaptive",
        summary="Eqs. S2-S6 with the statistics of each encoded set",
        protocol="authors",
    ),
)
