"""The datasets and models that the built-in plugin describes, and the published figures it carries."""

from __future__ import annotations

import pytest

from mmr_core.errors import UsageError
from mmr_plugins.datasets import DATASETS, FULL, MULTIMODAL, TEXT_ONLY
from mmr_plugins.models import MODELS
from mmr_plugins.published import rows


def test_the_seven_multimodal_datasets_are_those_of_table_s1() -> None:
    described = [
        (spec.name, spec.title, spec.scenario, str(spec.expected_instances), spec.metric) for spec in MULTIMODAL
    ]
    published = [
        (row["dataset"], row["title"], row["scenario"], row["instances"], row["metric"]) for row in rows("table_s1")
    ]
    assert described == published


def test_full_is_the_mixture_of_the_seven() -> None:
    assert FULL.members == tuple(spec.name for spec in MULTIMODAL)
    assert FULL.expected_instances == 10_370
    assert FULL.id_prefix == ""


def test_every_dataset_can_be_told_by_its_prefix_name_and_aliases() -> None:
    names = [alias.lower() for spec in DATASETS for alias in {spec.name, *spec.aliases}]
    prefixes = [spec.id_prefix for spec in DATASETS if spec.id_prefix]
    assert len(set(names)) == len(names)
    assert len(set(prefixes)) == len(prefixes) == 10


def test_images_of_seedbench_lie_in_a_folder_of_another_name_and_all_others_under_their_prefix() -> None:
    folders = {spec.name: spec.folder for spec in MULTIMODAL}
    assert folders.pop("seedbench2plus") == "SEEDBenchv2Plus"
    assert folders == {spec.name: spec.id_prefix for spec in MULTIMODAL if spec.name != "seedbench2plus"}


def test_the_text_only_datasets_of_table_5_are_there_without_images() -> None:
    assert [spec.name for spec in TEXT_ONLY] == [name for name in rows("table5")[0] if name != "row"]
    assert {(spec.scenario, spec.modalities) for spec in TEXT_ONLY} == {("text", ("text",))}


def test_models_and_their_prices_are_those_of_table_s2() -> None:
    described = {spec.name: (spec.title, spec.price.output, spec.open_weight) for spec in MODELS}
    published = {
        row["model"]: (row["title"], float(row["usd_per_million_output_tokens"]), row["open_weight"] == "true")
        for row in rows("table_s2")
    }
    assert described == published


def test_models_are_found_under_the_columns_of_the_published_csv() -> None:
    published = {row["model"]: row["csv_column"] for row in rows("table_s2") if row["csv_column"]}
    assert {spec.name: spec.csv_columns[0] for spec in MODELS if spec.name in published} == published
    assert [spec.name for spec in MODELS if spec.name not in published] == ["gpt-5-nano"]
    columns = [column for spec in MODELS for column in spec.csv_columns]
    assert len(set(columns)) == len(columns)


def test_every_model_reads_text_and_images() -> None:
    assert {spec.modalities for spec in MODELS} == {("text", "image")}


@pytest.mark.parametrize(
    "table", ["table2", "table3", "table4", "table5", "table_s1", "table_s2", "table_s4", "single_models"]
)
def test_published_tables_come_with_the_package(table: str) -> None:
    found = rows(table)
    assert found
    assert all(value is not None for row in found for value in row.values())


def test_asking_for_a_table_that_was_not_published_names_those_that_were() -> None:
    with pytest.raises(UsageError, match=r"'table9'.*single_models, table1"):
        rows("table9")
