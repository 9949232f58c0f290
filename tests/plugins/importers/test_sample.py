"""The embedded sample: that it is what its documentation says, that routers can gain on it, and how it is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mmr_core.contracts import ImportContext, Importer, no_progress
from mmr_core.errors import DataError, UsageError
from mmr_core.outcomes import OutcomeTable, Status
from mmr_core.splits import train_mask
from mmr_plugins.datasets import DATASETS, MULTIMODAL, TEXT_ONLY
from mmr_plugins.encoders.lite import LiteEncoder
from mmr_plugins.importers.sample import SOURCE, SampleImporter
from mmr_plugins.importers.synthetic import storage
from mmr_plugins.importers.synthetic.canvas import Subject
from mmr_plugins.importers.synthetic.chance import Chance
from mmr_plugins.importers.synthetic.instances import RECIPES, Instance, latent_parts, make_instances
from mmr_plugins.importers.synthetic.outcome_model import SHARES, Parts
from mmr_plugins.importers.synthetic.wording import Load, compose
from mmr_plugins.models import MODELS
from mmr_plugins.published import rows

Floats = NDArray[np.float64]
SEVEN = [spec.name for spec in MULTIMODAL]
TEN = [recipe.dataset for recipe in RECIPES]


def context(cache: Path, **changes: Any) -> ImportContext:
    return replace(ImportContext(datasets=DATASETS, models=MODELS, cache=cache), **changes)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def sample(cache: Path) -> OutcomeTable:
    return SampleImporter().read(None, context(cache))


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Unit `lite` features, outcomes and the latent parts of one dataset or of several."""

    text: Floats
    image: Floats
    train: NDArray[np.bool_]
    utility: Floats
    cost: Floats
    parts: Parts

    @property
    def fused(self) -> Floats:
        return (self.text + self.image) / 2

    @property
    def crossed(self) -> Floats:
        return np.hstack([self.fused, 4 * self.text * self.image])


@pytest.fixture(scope="module")
def encoded(sample: OutcomeTable) -> dict[str, Encoded]:
    """The seven multimodal datasets, and their union under the name "union"."""
    encoder = LiteEncoder()
    found = {}
    for name in SEVEN:
        part = sample.take(sample.dataset == name)
        found[name] = Encoded(
            text=_unit(encoder.encode_text(list(part.question))),
            image=_unit(encoder.encode_image(list(part.image))),
            train=train_mask(part.dataset, part.instance_id),
            utility=part.utility,
            cost=part.cost,
            parts=latent_parts(name),
        )
    joined = {
        name: np.concatenate([getattr(found[dataset], name) for dataset in SEVEN])
        for name in ("text", "image", "train", "utility", "cost")
    }
    parts = {
        name: np.concatenate([getattr(found[dataset].parts, name) for dataset in SEVEN])
        for name in ("text", "image", "both", "noise")
    }
    return {**found, "union": Encoded(**joined, parts=Parts(**parts))}


def _unit(rows: NDArray[np.float32]) -> Floats:
    wide = rows.astype(np.float64)
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)


def ridge(features: Floats, wanted: Floats, train: NDArray[np.bool_]) -> Floats:
    """Predictions for the rows outside of `train` of a ridge regression with penalty 1 fitted on `train`."""
    x, y = features[train], wanted[train]
    centre, mean = x.mean(axis=0), y.mean(axis=0)
    x = x - centre
    weights = np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ (y - mean))
    return (features[~train] - centre) @ weights + mean


def recovered(data: Encoded, features: Floats, part: str) -> float:
    """The correlation on test between a part of the difficulty and what ridge regression makes of features."""
    latent = getattr(data.parts, part)
    return float(np.corrcoef(ridge(features, latent, data.train), latent[~data.train])[0, 1])


def gain(data: Encoded, features: Floats) -> float:
    """How far from the constant policy (0) to the oracle (1) a ridge router comes, over five trade-off weights.

    At each weight a policy is worth the mean of utility - weight x cost over the models that it chooses.
    """
    scale = data.cost[data.train].max()
    utility, cost = data.utility[~data.train], data.cost[~data.train] / scale
    guess = ridge(features, data.utility, data.train), ridge(features, data.cost / scale, data.train)
    mean = data.utility[data.train].mean(axis=0), data.cost[data.train].mean(axis=0) / scale
    share = []
    for weight in (0.0, 0.1, 0.3, 1.0, 3.0):
        value = utility - weight * cost
        own = value[np.arange(len(value)), np.argmax(guess[0] - weight * guess[1], axis=1)].mean()
        constant = value[:, np.argmax(mean[0] - weight * mean[1])].mean()
        oracle = value.max(axis=1).mean()
        share.append((own - constant) / (oracle - constant))
    return float(np.mean(share))


# What the table is


def test_it_is_an_importer_that_needs_no_file() -> None:
    importer = SampleImporter()
    assert isinstance(importer, Importer)
    assert importer.embedded
    assert not importer.sniff(Path("MMR_Bench.csv"))


@pytest.mark.slow
def test_it_has_a_thousand_complete_instances_for_each_dataset_and_ten_models(sample: OutcomeTable) -> None:
    assert sample.source == SOURCE
    assert sample.synthetic
    assert sample.dataset_names == tuple(TEN)
    assert {name: int((sample.dataset == name).sum()) for name in TEN} == dict.fromkeys(TEN, 1000)
    assert {model.name for model in sample.models} == {model.name for model in MODELS}
    assert all(column == model.csv_columns[0] for column, model in zip(sample.columns, sample.models, strict=True))
    assert sample.complete.all()
    assert (sample.status == Status.OK).all()
    assert set(np.unique(sample.utility)) == {0.0, 1.0}


@pytest.mark.slow
def test_ids_carry_the_published_prefixes_and_every_dataset_has_a_handful_of_categories(
    sample: OutcomeTable,
) -> None:
    for spec in (*MULTIMODAL, *TEXT_ONLY):
        rows_of = sample.dataset == spec.name
        assert list(sample.instance_id[rows_of]) == [f"{spec.id_prefix}_{k}" for k in range(1, 1001)]
        assert 4 <= len(set(sample.category[rows_of])) <= 6


@pytest.mark.slow
def test_pictures_are_small_files_and_text_only_datasets_have_none(sample: OutcomeTable) -> None:
    with_picture = np.isin(sample.dataset, SEVEN)
    assert all(path is None for path in sample.image[~with_picture])
    for path in sample.image[with_picture][::97]:
        with Image.open(path) as picture:
            picture.load()
            assert 60 <= min(picture.size) <= max(picture.size) <= 160
            darkest, brightest = picture.convert("L").getextrema()
            assert brightest - darkest > 20


@pytest.mark.slow
def test_accuracies_are_the_published_ones(sample: OutcomeTable) -> None:
    position = {model.name: j for j, model in enumerate(sample.models)}
    for row in rows("single_models"):
        for name in SEVEN:
            mean = sample.utility[sample.dataset == name, position[row["model"]]].mean()
            assert 100 * mean == pytest.approx(float(row[name]), abs=1.5)


@pytest.mark.slow
def test_costs_are_whole_tokens_at_the_prices_of_table_s2_and_average_to_the_published_tokens(
    sample: OutcomeTable,
) -> None:
    position = {model.name: j for j, model in enumerate(sample.models)}
    price = {row["model"]: float(row["usd_per_million_output_tokens"]) for row in rows("table_s2")}
    tokens = sample.output_tokens
    assert (tokens == np.rint(tokens)).all()
    assert tokens.min() >= 1
    for name, j in position.items():
        np.testing.assert_allclose(sample.cost[:, j], tokens[:, j] * price[name] / 1e6)
    multimodal = np.isin(sample.dataset, SEVEN)
    for row in rows("single_models"):
        mean = tokens[multimodal, position[row["model"]]].mean()
        assert mean == pytest.approx(float(row["mean_output_tokens"]), rel=0.01)


@pytest.mark.slow
def test_the_best_models_on_text_only_datasets_are_as_good_as_table_5_says(sample: OutcomeTable) -> None:
    best = rows("table5")[0]
    for spec in TEXT_ONLY:
        mean = sample.utility[sample.dataset == spec.name].mean(axis=0)
        assert 100 * mean.max() == pytest.approx(float(best[spec.name]), abs=0.1)


# What makes it difficult


@pytest.mark.parametrize("recipe", RECIPES, ids=TEN)
def test_the_parts_of_difficulty_have_the_documented_shares(recipe: Any) -> None:
    parts = latent_parts(recipe.dataset)
    stacked = np.stack([parts.text, parts.image, parts.both, parts.noise])
    shares = np.array(SHARES[recipe.scenario])
    assert shares.sum() == pytest.approx(1.0)
    present = shares > 0
    np.testing.assert_allclose(stacked.mean(axis=1), 0.0, atol=1e-9)
    np.testing.assert_allclose(stacked.std(axis=1), present, atol=1e-9)
    between = np.corrcoef(stacked[present]) - np.eye(present.sum())
    assert np.abs(between).max() < 0.12
    assert parts.difficulty(recipe.scenario).var() == pytest.approx(1.0, abs=0.12)


@pytest.mark.slow
@pytest.mark.parametrize("name", SEVEN)
def test_text_features_recover_what_is_hard_to_read_and_nothing_else(name: str, encoded: dict[str, Encoded]) -> None:
    data = encoded[name]
    assert recovered(data, data.text, "text") > 0.85
    assert abs(recovered(data, data.text, "image")) < 0.2
    assert abs(recovered(data, data.text, "both")) < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("name", SEVEN)
def test_image_features_recover_what_is_hard_to_see_and_nothing_else(name: str, encoded: dict[str, Encoded]) -> None:
    data = encoded[name]
    assert recovered(data, data.image, "image") > 0.7
    assert abs(recovered(data, data.image, "text")) < 0.2
    assert abs(recovered(data, data.image, "both")) < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("name", SEVEN)
def test_fused_features_recover_both_at_once(name: str, encoded: dict[str, Encoded]) -> None:
    data = encoded[name]
    assert recovered(data, data.fused, "text") > 0.8
    assert recovered(data, data.fused, "image") > 0.6


@pytest.mark.slow
def test_only_features_that_multiply_text_and_image_recover_their_combination(
    encoded: dict[str, Encoded],
) -> None:
    union = encoded["union"]
    assert recovered(union, union.crossed, "both") > 0.3
    for features in (union.text, union.image, union.fused):
        assert abs(recovered(union, features, "both")) < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SEVEN, "union"])
def test_no_features_know_the_noise(name: str, encoded: dict[str, Encoded]) -> None:
    data = encoded[name]
    assert abs(recovered(data, data.fused, "noise")) < 0.2


# What routing has to gain


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SEVEN, "union"])
def test_a_router_on_fused_features_beats_the_constant_policy_and_stays_far_from_the_oracle(
    name: str, encoded: dict[str, Encoded]
) -> None:
    data = encoded[name]
    assert 0.05 < gain(data, data.fused) < 0.6


@pytest.mark.slow
def test_a_router_on_fused_features_gains_more_than_one_on_text_or_image_alone(
    encoded: dict[str, Encoded],
) -> None:
    union = encoded["union"]
    alone = max(gain(union, union.text), gain(union, union.image))
    assert min(gain(union, union.text), gain(union, union.image)) > 0.08
    assert gain(union, union.fused) > alone + 0.03


@pytest.mark.slow
def test_more_training_data_gain_more(encoded: dict[str, Encoded]) -> None:
    union = encoded["union"]
    turn = np.cumsum(union.train) % 7
    fewer = []
    for k in range(7):
        keep = ~union.train | (turn == k)
        kept = {name: getattr(union, name)[keep] for name in ("text", "image", "train", "utility", "cost")}
        part = replace(union, **kept)
        fewer.append(gain(part, part.fused))
    assert gain(union, union.fused) > np.mean(fewer) + 0.02


# Questions


@pytest.mark.parametrize("recipe", RECIPES, ids=TEN)
def test_every_question_is_asked_in_words_and_its_answer_is_among_its_options(recipe: Any) -> None:
    for instance in make_instances(recipe, 60):
        assert re.search(r"\w{3}", instance.question)
        if not recipe.options:
            assert instance.answer
            continue
        listed = dict(re.findall(r"\n([A-D])\. (.+)", instance.question))
        assert len(set(listed.values())) == 4
        assert instance.answer in listed


def test_the_answer_is_what_the_steps_in_the_question_make_of_the_start() -> None:
    acts: list[tuple[str, Callable[[int, int], int]]] = [
        (r"add (\d+) to it", lambda x, k: x + k),
        (r"take away (\d+)", lambda x, k: x - k),
        (r"multiply it by (\d+)", lambda x, k: x * k),
        (r"(double) it", lambda x, k: 2 * x),
        (r"(halve) it", lambda x, k: x // 2),
    ]
    for seed in range(200):
        start = seed % 37
        subject = Subject(ask=("How many?", "Determine the quantity."), answer=start)
        load = Load(steps=seed % 5, formal=False, exceptions=seed % 3)
        question, answer = compose(subject, load, Chance("steps", seed), options=False)
        expected, steps = start, 0
        for sentence in question.split(". ")[0].split("? ")[1:] + question.split(". ")[1:]:
            for pattern, act in acts:
                found = re.search(pattern, sentence)
                if found:
                    expected = act(expected, int(found[1]) if found[1].isdigit() else 0)
                    steps += 1
        assert (steps, answer) == (load.steps, str(expected))


def test_a_heavier_load_is_a_longer_text() -> None:
    subject = Subject(ask=("How many?", "Determine the quantity that is depicted."), answer=12)
    light, heavy = (
        Load(steps=0, formal=False, exceptions=0),
        Load(steps=4, formal=True, exceptions=2),
    )
    assert (light.hardness, heavy.hardness) == (0.0, 1.0)
    short, _ = compose(subject, light, Chance("a"), options=False)
    long, _ = compose(subject, heavy, Chance("a"), options=False)
    assert len(long) > 5 * len(short)


# Reproducibility


def test_the_recipe_makes_the_same_table_everywhere_until_its_version_changes() -> None:
    """Raise `RECIPE_VERSION` together with this digest: caches of the old recipe must not be read any more."""
    state = blake2b(digest_size=8)
    for recipe in RECIPES:
        columns = storage.describe(recipe, make_instances(recipe))
        state.update(json.dumps(columns, sort_keys=True).encode())
    assert (storage.RECIPE_VERSION, state.hexdigest()) == (1, "26ee260fd5b5895b")


def test_fewer_instances_are_the_first_of_more() -> None:
    few, more = make_instances(RECIPES[0], 5), make_instances(RECIPES[0], 9)
    assert [instance.question for instance in few] == [instance.question for instance in more[:5]]


def test_the_parts_of_an_unknown_dataset_are_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"'imagenet'.*ocrbench"):
        latent_parts("imagenet")


# Errors


def test_a_path_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reads no file"):
        SampleImporter().read(tmp_path, context(tmp_path))


def test_a_model_or_dataset_that_is_not_registered_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="model 'gpt-5'"):
        SampleImporter().read(None, context(tmp_path, models=MODELS[1:]))
    with pytest.raises(DataError, match="dataset 'ocrbench'"):
        SampleImporter().read(None, context(tmp_path, datasets=DATASETS[1:]))


def test_a_cache_that_cannot_be_written_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="choose another cache"):
        open_small(tmp_path / "file")


# How it is kept


def open_small(cache: Path, warn: Callable[[str], None] = lambda line: None) -> tuple[Path, storage.Content]:
    return storage.open_sample(cache, no_progress, warn, instances=3)


def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Instance, path: Path) -> None:
        raise AssertionError("a picture was drawn")

    monkeypatch.setattr(Instance, "save_picture", refuse)


def test_the_second_use_draws_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_small(tmp_path)
    no_drawing(monkeypatch)
    assert open_small(tmp_path) == first


@pytest.mark.slow
def test_the_table_is_the_same_when_it_comes_from_the_cache(
    sample: OutcomeTable, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_drawing(monkeypatch)
    again = SampleImporter().read(None, context(cache))
    assert again.digest() == sample.digest()
    assert list(again.image) == list(sample.image)


def _cut_a_picture(folder: Path) -> None:
    path = next((folder / "mmstar").iterdir())
    path.write_bytes(path.read_bytes()[:-5])


def _change_a_byte(folder: Path) -> None:
    path = next((folder / "ocrbench").iterdir())
    raw = path.read_bytes()
    path.write_bytes(raw[:-20] + bytes([raw[-20] ^ 1]) + raw[-19:])


def _lose_a_picture(folder: Path) -> None:
    next((folder / "mathvision").iterdir()).unlink()


def _cut_the_table(folder: Path) -> None:
    path = folder / "sample.json"
    path.write_bytes(path.read_bytes()[:-5])


def _lose_the_seal(folder: Path) -> None:
    (folder / "seal").unlink()


@pytest.mark.parametrize("damage", [_cut_a_picture, _change_a_byte, _lose_a_picture, _cut_the_table, _lose_the_seal])
def test_a_damaged_cache_is_made_anew(damage: Callable[[Path], None], tmp_path: Path) -> None:
    folder, content = open_small(tmp_path)
    damage(folder)
    warnings: list[str] = []
    again, remade = open_small(tmp_path, warnings.append)
    assert (again, remade) == (folder, content)
    assert [line for line in warnings if "damaged" in line] == warnings
    assert len(warnings) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]
    assert open_small(tmp_path, warnings.append)[1] == content
    assert len(warnings) == 1


def test_another_recipe_version_never_reads_an_old_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, _ = open_small(tmp_path)
    monkeypatch.setattr(storage, "RECIPE_VERSION", storage.RECIPE_VERSION + 1)
    new, _ = open_small(tmp_path)
    assert new != old
    assert old.exists()


def test_a_first_use_that_is_interrupted_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Instance, path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Instance, "save_picture", interrupt)
        with pytest.raises(KeyboardInterrupt):
            open_small(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert open_small(tmp_path)[0].exists()


def test_the_loser_of_a_race_uses_the_winners_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = storage._write
    rivals: list[Path] = []

    def write_while_a_rival_finishes(draft: Path, *rest: Any) -> storage.Content:
        if not rivals:
            rivals.append(draft)
            open_small(tmp_path)
            rivals.append(tmp_path / "done")
        return write(draft, *rest)

    monkeypatch.setattr(storage, "_write", write_while_a_rival_finishes)
    folder, content = open_small(tmp_path)
    assert rivals[1:] == [tmp_path / "done"]
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]
    assert open_small(tmp_path)[1] == content


def test_many_first_uses_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(open_small, [tmp_path] * 4))
    assert all(each == found[0] for each in found)
    assert [entry.name for entry in tmp_path.iterdir()] == [found[0][0].name]


def test_progress_is_told_up_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    storage.open_sample(tmp_path, lambda *report: told.append(report), lambda line: None, instances=3)
    done = [count for _, count, _ in told]
    assert done == sorted(done)
    assert told[-1][1:] == (30, 30)
    assert {(task, total) for task, _, total in told} == {("making the sample", 30)}
