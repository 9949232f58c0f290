"""A table is described by counts and means that leave missing outcomes out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mmr_core.outcomes import OutcomeTable
from mmr_core.splits import part_of
from mmr_core.store.description import describe

Build = Callable[..., OutcomeTable]


def test_every_dataset_is_counted_by_part_and_content(table: Build) -> None:
    whole = table(models=2, instances=100, images=True)
    whole.question[1] = ""
    whole.image[3] = None
    whole.cost[5, 0] = np.nan
    described = describe(whole)
    beta = described.datasets[1]
    parts = [part_of("beta", idx) for idx in whole.instance_id[whole.dataset == "beta"]]
    assert described.instances == 100
    assert described.models == ("model-0", "model-1")
    assert (beta.name, beta.title, beta.scenario, beta.instances) == ("beta", "Beta", "ocr", 50)
    assert (beta.train, beta.test) == (50 - parts.count("test"), parts.count("test"))
    assert beta.validation == parts.count("validation")
    assert (beta.with_text, beta.with_image, beta.complete) == (49, 49, 49)
    assert beta.categories == len(set(whole.category[whole.dataset == "beta"]))


def test_means_are_of_what_is_known(table: Build) -> None:
    whole = table(models=2, instances=40, missing=0.3, datasets=("alpha",))
    whole.utility[:, 1] = np.nan
    first, second = describe(whole).datasets[0].models
    known = ~np.isnan(whole.utility[:, 0])
    assert first.utility == pytest.approx(whole.utility[known, 0].mean())
    assert first.cost == pytest.approx(whole.cost[known, 0].mean())
    assert first.missing == int((~known).sum())
    assert second.utility is None
    assert second.cost is not None
    assert second.missing == 40


def test_a_description_names_the_table_and_its_split(table: Build) -> None:
    described = describe(table())
    assert described.digest == table().digest()
    assert described.split == "mmr-v1"
    assert described.split_digest != describe(table(instances=49)).split_digest
    assert described.as_dict()["datasets"][0]["models"][0]["name"] == "model-0"
