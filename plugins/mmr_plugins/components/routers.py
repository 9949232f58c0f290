"""The built-in routers, ours and the authors', described without importing any of them."""

from __future__ import annotations

from mmr_core.specs import ComponentSpec

_TORCH = {"extra": "torch", "needs": "PyTorch"}

ROUTERS: tuple[ComponentSpec, ...] = (
    ComponentSpec(
        kind="router",
        name="random",
        target="mmr_plugins.routers.uniform:RandomRouter",
        summary="a model drawn uniformly, scored by exact expectation",
    ),
    ComponentSpec(
        kind="router",
        name="kmeans",
        target="mmr_plugins.routers.kmeans:KMeansRouter",
        summary="means of utility and cost per cluster (Eq. S8)",
    ),
    ComponentSpec(
        kind="router",
        name="knn",
        target="mmr_plugins.routers.knn:KNNRouter",
        summary="means of utility and cost over the nearest neighbours (Eq. S9)",
    ),
    ComponentSpec(
        kind="router",
        name="linear",
        target="mmr_plugins.routers.linear:LinearRouter",
        summary="two multi-output linear regressions",
    ),
    ComponentSpec(
        kind="router",
        name="linear-mf",
        target="mmr_plugins.routers.linear:LinearMFRouter",
        summary="truncated SVD, then two ridge regressions (Eq. S11)",
    ),
    ComponentSpec(
        kind="router",
        name="mlp",
        target="mmr_plugins.routers.mlp:MLPRouter",
        summary="two multi-layer perceptrons, one for utility and one for cost",
        **_TORCH,
    ),
    ComponentSpec(
        kind="router",
        name="mlp-mf",
        target="mmr_plugins.routers.mlp_mf:MLPMFRouter",
        summary="latent factors of queries and models (Eqs. S12, S13)",
        **_TORCH,
    ),
    ComponentSpec(
        kind="router",
        name="cmr",
        target="mmr_plugins.routers.cmr:CrossModalRouter",
        summary="attention over text and image tokens with heads per model",
        slow=True,
        **_TORCH,
    ),
    ComponentSpec(
        kind="router",
        name="kmeans",
        target="mmr_plugins.authors.routers:AuthorsKMeans",
        summary="the authors' KMeansRouter on averaged features",
        protocol="authors",
    ),
    ComponentSpec(
        kind="router",
        name="kmeansnew",
        target="mmr_plugins.authors.routers:AuthorsKMeansNew",
        summary="the authors' KMeansRouter on adaptive features",
        protocol="authors",
    ),
    ComponentSpec(
        kind="router",
        name="linear",
        target="mmr_plugins.authors.routers:AuthorsLinear",
        summary="the authors' LinearRouter",
        protocol="authors",
    ),
    ComponentSpec(
        kind="router",
        name="linear-mf",
        target="mmr_plugins.authors.routers:AuthorsLinearMF",
        summary="the authors' LinearMFRouter",
        protocol="authors",
    ),
    ComponentSpec(
        kind="router",
        name="knn",
        target="mmr_plugins.authors.routers:AuthorsKNN",
        summary="the authors' KNNRouter",
        protocol="authors",
    ),
)
