"""Tables 1, S1 and S2: facts of the table beside those of the paper, counted by hand here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmr_core.splits import part_of
from mmr_core.studies import Results
from mmr_plugins.studies.data_tables import BenchmarkComparison, DatasetFacts, ModelFacts

NOTHING = Results(records=())


def lines_of(exhibit):
    return {line.label: dict(zip(exhibit.sheet.header[1:], line.entries, strict=True)) for line in exhibit.sheet.lines}


@pytest.fixture(scope="module")
def setting(setting_of):
    return setting_of(datasets=("ocrbench", "mathvision", "gsm8k"), each=60)


@pytest.mark.parametrize("study", [BenchmarkComparison(), DatasetFacts(), ModelFacts()])
def test_facts_need_no_fit(study, setting):
    assert list(study.cells(setting)) == []
    assert study.report(setting, NOTHING).exhibits


def test_table_1_counts_this_table_beside_the_published_benchmarks(setting):
    (exhibit,) = BenchmarkComparison().report(setting, NOTHING).exhibits
    lines = lines_of(exhibit)
    own = lines["this table"]
    assert (own["text"].text, own["image"].text) == ("yes", "yes")
    assert [own[name].value for name in ("datasets", "models", "instances")] == [3, 3, 180]
    assert own["baselines"].value == len(setting.registry.routers.specs()) + 3
    assert [lines["MixInstruct"][name].value for name in ("metrics", "baselines", "models")] == [3, 6, None]
    assert lines["RouterBench"]["image"].text == "no"
    assert lines["MMR-Bench"]["instances"].value == 11000
    assert [line.label for line in exhibit.sheet.lines if not line.published] == ["this table"]


def test_a_table_without_images_is_said_to_have_none(setting_of):
    (exhibit,) = BenchmarkComparison().report(setting_of(datasets=("gsm8k",)), NOTHING).exhibits
    own = lines_of(exhibit)["this table"]
    assert (own["text"].text, own["image"].text) == ("yes", "no")


def test_table_s1_counts_every_part_of_the_split(setting):
    (exhibit,) = DatasetFacts().report(setting, NOTHING).exhibits
    lines = lines_of(exhibit)
    table = setting.table
    for name, title in (("ocrbench", "OCRBench"), ("mathvision", "MathVision"), ("gsm8k", "GSM8K")):
        ids = table.instance_id[table.dataset == name]
        parts = [part_of(name, idx) for idx in ids]
        assert lines[title]["instances"].value == len(ids) == 60
        assert lines[title]["train"].value == len(ids) - parts.count("test")
        assert lines[title]["of it validation"].value == parts.count("validation")
        assert lines[title]["test"].value == parts.count("test")
    assert lines["Full Dataset"]["instances"].value == 120
    assert lines["MathVision"]["instances in the paper"].value == 3040
    assert lines["GSM8K"]["instances in the paper"].value is None
    assert lines["GSM8K"]["modalities"].text == "text"
    assert lines["OCRBench"]["modalities"].text == "text + image"


def test_table_s1_says_which_instances_lack_a_modality_and_which_an_outcome(setting):
    table = setting.table
    first = np.flatnonzero(table.dataset == "mathvision")
    image, utility = table.image.copy(), table.utility.copy()
    image[first[:2]] = None
    tested = [i for i in first if part_of("mathvision", table.instance_id[i]) == "test"]
    utility[tested[:3], 1] = np.nan
    changed = replace(setting, table=replace(table, image=image, utility=utility))
    (exhibit,) = DatasetFacts().report(changed, NOTHING).exhibits
    line = lines_of(exhibit)["MathVision"]
    assert line["modalities"].text == "text + image (58), text (2)"
    assert line["test, complete"].value == len(tested) - 3


def test_table_s2_has_means_over_the_complete_test_instances_of_the_widest_column(setting):
    table = setting.table
    tested = [
        i
        for i in range(len(table))
        if table.dataset[i] != "gsm8k" and part_of(table.dataset[i], table.instance_id[i]) == "test"
    ]
    prices, by_dataset = ModelFacts().report(setting, NOTHING).exhibits
    for j, model in enumerate(table.models):
        line = lines_of(prices)[model.title]
        assert line["mean utility"].value == pytest.approx(sum(table.utility[i, j] for i in tested) / len(tested))
        assert line["mean cost, USD per 1,000 queries"].value == pytest.approx(
            1000 * sum(table.cost[i, j] for i in tested) / len(tested)
        )
        assert line["price, USD per million output tokens"].value == model.price.output
        assert line["price in the paper"].value is None
        shown = lines_of(by_dataset)[model.title]["GSM8K"].value
        own = [i for i in range(len(table)) if table.dataset[i] == "gsm8k"]
        own = [i for i in own if part_of("gsm8k", table.instance_id[i]) == "test"]
        assert shown == pytest.approx(sum(table.utility[i, j] for i in own) / len(own))


def test_a_model_of_the_paper_stands_beside_its_published_price_and_tokens(setting):
    known = setting.registry.models.find("gpt-5").spec
    table = replace(setting.table, models=(known, *setting.table.models[1:]))
    prices, by_dataset = ModelFacts().report(replace(setting, table=table), NOTHING).exhibits
    line = lines_of(prices)[known.title]
    assert line["price in the paper"].value == 10.0
    assert line["mean output tokens, published"].value == 813.3
    assert line["tier in the paper"].text == "High"
    assert line["weights"].text == "closed"
    (published,) = [one for one in by_dataset.sheet.lines if one.published and one.label == known.title]
    assert published.entries[1].value == pytest.approx(0.684)
    assert published.entries[2].value is None


def test_unknown_tokens_are_a_dash(setting):
    table = replace(setting.table, output_tokens=np.full_like(setting.table.output_tokens, np.nan))
    prices, _ = ModelFacts().report(replace(setting, table=table), NOTHING).exhibits
    assert all(line["mean output tokens"].value is None for line in lines_of(prices).values())
