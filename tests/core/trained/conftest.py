"""Tables with pictures and what is trained on them, for the tests of trained routers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mmr_core.features import FeatureCache
from mmr_core.features.selection import FeatureChoice, feature_source
from mmr_core.registry import Registry
from mmr_core.runner.options import Entrant
from mmr_core.trained.training import Assignment, train

REGISTRY = Registry.discover()
SETTINGS = {"kmeans": {"clusters": 5}, "knn": {"neighbours": 9}, "linear": {}, "linear-mf": {"rank": 8}, "random": {}}


@pytest.fixture(scope="session")
def learned_from(tmp_path_factory):
    """A function that trains a router on a table; its parameters are those of `SETTINGS` unless others are given."""
    cache = FeatureCache(tmp_path_factory.mktemp("features"))

    def learn(
        own, router="knn", *, datasets=(), parameters=None, text=None, image=None, align=None, registry=REGISTRY, **how
    ):
        modality = how.get("modality", "multimodal")
        choice = FeatureChoice(text_encoder=text, image_encoder=image, align=align, parameters=parameters or {})
        source = feature_source(choice, registry, modality=modality, cache=cache)
        given = (parameters or {}).get(router, SETTINGS.get(router, {}))
        assignment = Assignment(
            router=Entrant(name=router, parameters=given), fusion_parameters=parameters or {}, **how
        )
        return train(own, [own.spec_of(name) for name in datasets], assignment, source=source, registry=registry)

    return learn


@pytest.fixture(scope="session")
def pictured(table):
    """A table of two datasets whose instances have text and images, some outcomes missing."""
    return table(models=4, instances=400, images=True, missing=0.03)


@pytest.fixture(scope="session")
def known():
    """The installed plugins, and the small parameters that routers are trained with here."""
    return SimpleNamespace(registry=REGISTRY, settings=SETTINGS)
