"""From a table to the arrays that fusions and routers may see.

A `FeatureSource` turns the questions and images of a table into `Features`: by encoding them (`EncodedFeatures`, with
a `FeatureCache` so that nothing is encoded twice) or by reading a file (`PrecomputedFeatures`). `runner` calls
them; which encoders exist is the registry's business.
"""

from __future__ import annotations

from mmr_core.features.aligned import ALIGNMENTS, Align, Features, FeatureSource, View
from mmr_core.features.cache import FeatureCache, cache_folder, cache_root
from mmr_core.features.encoded import EncodedFeatures
from mmr_core.features.precomputed import PrecomputedFeatures, write_features

__all__ = [
    "ALIGNMENTS",
    "Align",
    "EncodedFeatures",
    "FeatureCache",
    "FeatureSource",
    "Features",
    "PrecomputedFeatures",
    "View",
    "cache_folder",
    "cache_root",
    "write_features",
]
