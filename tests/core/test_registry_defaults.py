"""A registry with other defaults: what was set is what components are made with, unless the caller says otherwise."""

from __future__ import annotations

import pytest

from mmr_core.errors import UsageError
from mmr_core.registry import Registry


@pytest.fixture(scope="module")
def found() -> Registry:
    return Registry.discover()


def test_what_was_set_is_what_a_component_is_made_with(found):
    changed = found.with_defaults({"knn": {"neighbours": 7}})
    assert changed.routers.parameters("knn", {})["neighbours"] == 7
    assert changed.routers.parameters("knn", {"neighbours": 9})["neighbours"] == 9


def test_the_registry_that_it_was_made_of_stays_as_it_was(found):
    before = found.routers.parameters("knn", {})
    found.with_defaults({"knn": {"neighbours": 7}})
    assert found.routers.parameters("knn", {}) == before


def test_components_that_nobody_named_keep_their_defaults(found):
    changed = found.with_defaults({"knn": {"neighbours": 7}})
    assert changed.routers.all() != found.routers.all()
    assert [spec for spec in changed.routers.all() if spec.name != "knn"] == [
        spec for spec in found.routers.all() if spec.name != "knn"
    ]
    assert changed.studies.all() == found.studies.all()


def test_a_component_of_the_authors_protocol_is_another_one(found):
    changed = found.with_defaults({"knn": {"neighbours": 7}})
    assert changed.components("router", "authors").all() == found.components("router", "authors").all()


def test_a_parameter_that_does_not_exist_is_refused_when_it_is_made(found):
    with pytest.raises(UsageError, match="has no parameter 'neighbors', did you mean 'neighbours'"):
        found.with_defaults({"knn": {"neighbors": 7}}).routers.create("knn")
