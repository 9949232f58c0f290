"""`--protocol authors` from raw arrays to figures, against a plain program that follows the same rules.

The program here knows nothing of the code under test: data frames, scikit-learn, and a loop over every threshold.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import NearestNeighbors

from mmr_core.authors import AuthorsMetrics, AuthorsResult, evaluate_authors
from mmr_core.contracts import Embeddings, Fusion, LightFeatures, Queries, ScoringRouter, TrainingData
from mmr_core.errors import FeatureError
from mmr_core.outcomes import OutcomeTable, Status, object_array
from mmr_core.specs import DatasetSpec, ModelSpec
from mmr_plugins.authors.presets import (
    AuthorsAdaptive,
    AuthorsAverage,
    AuthorsKMeans,
    AuthorsKMeansNew,
    AuthorsKNN,
    AuthorsLinear,
    AuthorsLinearMF,
)

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "mathvision-real"
FUSIONS = {"average": AuthorsAverage, "adaptive": AuthorsAdaptive}
LEARNED = {
    "kmeans": AuthorsKMeans,
    "kmeansnew": AuthorsKMeansNew,
    "linear": AuthorsLinear,
    "linear-mf": AuthorsLinearMF,
    "knn": AuthorsKNN,
}
ALL = ("random", "oracle", *LEARNED)
Outcomes = tuple[list[str], np.ndarray, np.ndarray]
"""Column prefixes, utility [n, K], cost [n, K]."""


class PlainProgram:
    """The authors' rules from arrays to figures, one step after another."""

    def __init__(self, text: np.ndarray, image: np.ndarray | None, outcomes: Outcomes, seed: int = 42) -> None:
        prefixes, utility, cost = outcomes
        self.models, self.seed = sorted(prefixes), seed
        frame = pd.DataFrame({"question": ["?"] * len(text), "row": range(len(text))})
        for model in self.models:
            frame[f"{model}_is_correct"] = utility[:, prefixes.index(model)]
            frame[f"{model}_cost"] = cost[:, prefixes.index(model)]
        for name in frame.columns[2:]:
            frame[name] = frame[name].fillna(frame[name].dropna().mean())
        self.train, self.test = train_test_split(frame, train_size=0.2, shuffle=True, random_state=seed)
        self.utilities = [f"{model}_is_correct" for model in self.models]
        self.costs = [f"{model}_cost" for model in self.models]
        self.text, self.image = text, image

    def targets(self) -> tuple[np.ndarray, np.ndarray]:
        return self.train[self.utilities].to_numpy(float), self.train[self.costs].to_numpy(float)

    def encoded(self, part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
        rows = part["row"].to_numpy()
        if self.image is None:
            return self.text[rows], None
        width = min(self.text.shape[1], self.image.shape[1])
        return self.text[rows][:, :width], self.image[rows][:, :width]

    def averaged(self, part: pd.DataFrame) -> np.ndarray:
        text, image = self.encoded(part)
        return text if image is None else ((text + image) / 2.0).astype(np.float32)

    def adapted(self, part: pd.DataFrame) -> np.ndarray:
        text, image = self.encoded(part)
        if image is None:
            return text
        eps, confidence = 1e-8, []
        for x in (text, image):
            mean = x.mean(axis=0)[None, :]
            norm = np.linalg.norm(x, axis=1)
            cosine = (x * mean).sum(axis=1) / (norm * np.linalg.norm(mean, axis=1) + eps)
            sigmoid = 1.0 / (1.0 + np.exp(-(norm - float(norm.mean())) / float(norm.std() + eps)))
            confidence.append(np.clip(0.5 * ((cosine + 1.0) / 2.0) + 0.5 * sigmoid, 0.0, 1.0))
        e_text, e_image = np.exp(5.0 * confidence[0]), np.exp(5.0 * confidence[1])
        w_text, w_image = e_text / (e_text + e_image + eps), e_image / (e_text + e_image + eps)
        z = w_text[:, None] * text + w_image[:, None] * image
        z = z + 0.5 * (text * image) + 0.5 * np.abs(text - image)
        return z / (np.linalg.norm(z, axis=1)[:, None] + eps)

    def predictions(self, router: str) -> tuple[np.ndarray, np.ndarray]:
        features = self.adapted if router == "kmeansnew" else self.averaged
        x, x_test = features(self.train), features(self.test)
        if router in ("kmeans", "kmeansnew"):
            kmeans = KMeans(min(20, len(x)), random_state=self.seed, n_init="auto")
            labels, found = kmeans.fit_predict(x), kmeans.predict(x_test)
            return tuple(self.cluster_means(labels, y)[found] for y in self.targets())
        if router == "knn":
            index = NearestNeighbors(n_neighbors=min(50, len(x)), metric="cosine").fit(x)
            _, nearest = index.kneighbors(x_test)
            return tuple(np.array([np.nanmean(y[row], axis=0) for row in nearest]) for y in self.targets())
        regression: Any = LinearRegression()
        if router == "linear-mf":
            svd = TruncatedSVD(min(128, *x.shape), random_state=self.seed)
            x, x_test, regression = svd.fit_transform(x), svd.transform(x_test), Ridge(alpha=1.0)
        return tuple(MultiOutputRegressor(regression).fit(x, y).predict(x_test) for y in self.targets())

    @staticmethod
    def cluster_means(labels: np.ndarray, y: np.ndarray) -> np.ndarray:
        means = np.tile(y.mean(axis=0), (20, 1))
        for cluster in set(labels):
            total = np.zeros(y.shape[1])
            for row in y[labels == cluster]:
                total += row
            means[cluster] = total / (labels == cluster).sum()
        return means

    def points(self, router: str) -> list[tuple[float, float]]:
        rows = np.arange(len(self.test))
        utility, cost = self.test[self.utilities].to_numpy(float), self.test[self.costs].to_numpy(float)
        if router == "random":
            generator = np.random.default_rng(self.seed)
            choices = [generator.integers(0, len(self.models), size=len(rows)) for _ in range(50)]
        else:
            if router == "oracle":
                predicted, predicted_cost = utility, cost
            else:
                predicted, predicted_cost = self.predictions(router)
            choices = [
                np.where(predicted_cost <= threshold, predicted, -np.inf).argmax(axis=1)
                for threshold in np.unique(predicted_cost)
            ]
        mean = np.mean if router == "oracle" else mean_of_objects
        return [(float(mean(cost[rows, c])), float(mean(utility[rows, c]))) for c in choices]

    def figures(self, router: str) -> AuthorsMetrics:
        front: list[tuple[float, float]] = []
        for cost, utility in sorted(self.points(router), key=lambda point: (point[0], -point[1])):
            if not front or utility > front[-1][1]:
                front.append((cost, utility))
        costs, utilities = np.array(front).T
        singles = [
            (float(np.nanmean(self.test[u].to_numpy())), float(np.nanmean(self.test[c].to_numpy())))
            for u, c in zip(self.utilities, self.costs, strict=True)
        ]
        best_utility, best_cost = max(singles, key=lambda single: single[0])
        reached = [cost for cost, utility in front if utility >= best_utility]
        width = costs[-1] - costs[0]
        area = (np.diff(costs) * (utilities[1:] + utilities[:-1]) / 2.0).sum()
        return AuthorsMetrics(
            nauc=float(area / width) if width > 0 else math.nan,
            peak=float(utilities.max()),
            qnc=reached[0] / best_cost if reached else math.inf,
        )


def mean_of_objects(values: np.ndarray) -> float:
    """The mean of cells of a frame that holds strings, too: numpy adds up objects from left to right."""
    return np.cumsum(values)[-1] / len(values)


def test_objects_are_added_up_from_left_to_right() -> None:
    values = np.random.default_rng(0).lognormal(sigma=5.0, size=2000)
    assert mean_of_objects(values) == np.mean(values.astype(object))
    assert mean_of_objects(values) != np.mean(values)


def synthetic(
    instances: int, models: int = 5, missing: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, Outcomes]:
    """Text [n, 12], image [n, 9] with zero rows in both, and outcomes that features tell something about."""
    generator = np.random.default_rng(seed)
    text = generator.normal(size=(instances, 12)).astype(np.float32)
    image = generator.normal(size=(instances, 9)).astype(np.float32)
    text[::17], image[::5] = 0, 0
    ease = text[:, :models] + image[:, :models] + generator.normal(size=(instances, models))
    utility = (ease > np.linspace(1, -1, models)).astype(float)
    cost = 10.0 ** (np.linspace(-6, -2, models) + 0.3 * generator.normal(size=(instances, models)))
    utility[generator.random(utility.shape) < missing] = np.nan
    cost[generator.random(cost.shape) < missing] = np.nan
    prefixes = [f"{'bAaC'[j % 4]}-{j}" for j in range(models)]
    return text, image, (prefixes, utility, cost)


def real(rows: slice = slice(None)) -> tuple[np.ndarray, Outcomes]:
    if not REAL.is_dir():
        pytest.skip("the real outcome table is not here")
    csv.field_size_limit(1 << 30)
    frame = pd.read_csv(REAL / "MMR_Bench.csv")
    prefixes = [name.removesuffix("_cost") for name in frame.columns if name.endswith("_cost")]
    with np.load(REAL / "minilm-text.npz") as features:
        assert list(features["ids"]) == list(frame["dataset_idx"])
        text = features["text"]
    utility = frame[[f"{prefix}_correct" for prefix in prefixes]].to_numpy(float)
    cost = frame[[f"{prefix}_cost" for prefix in prefixes]].to_numpy(float)
    return text[rows], (prefixes, utility[rows], cost[rows])


def table(outcomes: Outcomes) -> OutcomeTable:
    prefixes, utility, cost = outcomes
    n = len(utility)
    blank, unknown = object_array([""] * n), np.full(utility.shape, np.nan)
    spec = DatasetSpec(name="d", title="d", scenario="math", modalities=("text", "image"), id_prefix="D")
    return OutcomeTable(
        dataset=object_array(["d"] * n),
        instance_id=object_array([f"D_{i}" for i in range(n)]),
        question=blank,
        answer=blank,
        category=blank,
        image=object_array([None] * n),
        models=tuple(ModelSpec(name=prefix, title=prefix) for prefix in prefixes),
        columns=tuple(prefixes),
        utility=utility,
        cost=cost,
        status=np.full(utility.shape, Status.OK, np.int8),
        input_tokens=unknown,
        image_tokens=unknown,
        output_tokens=unknown,
        response=None,
        datasets=(spec,),
        source="test",
    )


def ours(text: np.ndarray, image: np.ndarray | None, outcomes: Outcomes, seed: int = 42) -> AuthorsResult:
    routers = [(name, LEARNED.get(name, AuthorsKMeans)) for name in ALL]
    return evaluate_authors(table(outcomes), text=text, image=image, routers=routers, fusions=FUSIONS, seed=seed)


def assert_same_figures(text: np.ndarray, image: np.ndarray | None, outcomes: Outcomes, seed: int = 42) -> None:
    result, plain = ours(text, image, outcomes, seed), PlainProgram(text, image, outcomes, seed)
    assert list(result.columns) == plain.models
    for router in ALL:
        found, expected = result.metrics[router], plain.figures(router)
        for figure in ("nauc", "peak", "qnc"):
            assert getattr(found, figure) == pytest.approx(
                getattr(expected, figure), rel=1e-9, abs=1e-12, nan_ok=True
            ), (router, figure)


@pytest.mark.parametrize("seed", [42, 0])
@pytest.mark.parametrize("missing", [0.0, 0.08])
@pytest.mark.parametrize("images", [True, False], ids=["with images", "text alone"])
def test_every_router_has_the_figures_of_the_plain_program(seed: int, missing: float, images: bool) -> None:
    text, image, outcomes = synthetic(400, missing=missing, seed=seed)
    assert_same_figures(text, image if images else None, outcomes, seed)


def test_counts_are_clamped_where_there_are_few_training_rows() -> None:
    assert_same_figures(*synthetic(60, seed=3))


def test_features_that_repeat_leave_clusters_empty_and_figures_equal() -> None:
    text, image, outcomes = synthetic(150, seed=4)
    text[:], image[:] = text[np.arange(150) % 4 + 1], image[np.arange(150) % 4 + 1]
    with pytest.warns(UserWarning, match="distinct clusters"):
        assert_same_figures(text, image, outcomes)


def test_a_part_of_the_real_table_has_the_figures_of_the_plain_program() -> None:
    text, outcomes = real(slice(0, 600))
    assert_same_figures(text, None, outcomes)


def test_a_part_of_the_real_table_with_an_image_array_has_the_figures_of_the_plain_program() -> None:
    text, outcomes = real(slice(600, 1200))
    image = np.random.default_rng(0).normal(size=(600, 256)).astype(np.float32)
    image /= np.linalg.norm(image, axis=1, keepdims=True)
    image[::50] = 0
    assert_same_figures(text, image, outcomes)


@pytest.mark.slow
def test_the_whole_real_table_has_the_figures_of_the_plain_program() -> None:
    text, outcomes = real()
    assert_same_figures(text, None, outcomes)


def embeddings(text: np.ndarray | None, image: np.ndarray | None) -> Embeddings:
    n = len(text) if text is not None else len(image) if image is not None else 0
    return Embeddings(text=text, image=image, norms=np.ones((n, 2), np.float32), mask=np.ones((n, 2), np.bool_))


def test_the_average_is_not_normalised_and_is_cut_to_the_shorter_width() -> None:
    text = np.array([[3.0, 4.0, 5.0], [0.0, 0.0, 0.0]], np.float32)
    image = np.array([[1.0, 0.0], [6.0, 8.0]], np.float32)
    fused = AuthorsAverage().fit(embeddings(text, image)).transform(embeddings(text, image))
    assert fused.dtype == np.float32
    assert fused.tolist() == [[2.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("fusion", [AuthorsAverage, AuthorsAdaptive])
def test_text_alone_is_taken_bit_for_bit(fusion: type[Any]) -> None:
    text = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    assert np.array_equal(fusion().transform(embeddings(text, None)), text)


def test_images_alone_are_taken_bit_for_bit_by_the_average_and_refused_by_adaptive_fusion() -> None:
    image = np.ones((5, 3), np.float32)
    assert np.array_equal(AuthorsAverage().transform(embeddings(None, image)), image)
    with pytest.raises(FeatureError, match="no text features"):
        AuthorsAdaptive().transform(embeddings(None, image))
    with pytest.raises(FeatureError, match="no text and no image"):
        AuthorsAverage().transform(embeddings(None, None))


def test_adaptive_features_have_norm_one_and_depend_on_the_set_they_are_encoded_with() -> None:
    generator = np.random.default_rng(1)
    text, image = generator.normal(size=(2, 30, 6)).astype(np.float32)
    fusion = AuthorsAdaptive().fit(embeddings(text, image))
    whole, half = fusion.transform(embeddings(text, image)), fusion.transform(embeddings(text[:15], image[:15]))
    assert whole.dtype == np.float32
    assert np.linalg.norm(whole, axis=1) == pytest.approx(np.ones(30), abs=1e-6)
    assert np.abs(whole[:15] - half).max() > 1e-4
    assert AuthorsAdaptive.transductive


def test_fusions_and_routers_follow_the_contracts() -> None:
    for fusion in FUSIONS.values():
        assert isinstance(fusion(), Fusion)
    for router in LEARNED.values():
        assert isinstance(router(seed=1), ScoringRouter)
        assert router.default_fusion in FUSIONS


def test_regressions_predict_in_the_dtype_of_their_features_and_means_in_double() -> None:
    text, _, (_, utility, cost) = synthetic(100)
    parts = embeddings(text, None)
    queries = Queries(
        ids=tuple(map(str, range(100))),
        questions=("",) * 100,
        images=(None,) * 100,
        mask=parts.mask,
        z=text,
        embeddings=parts,
        light=LightFeatures(
            text_length=np.zeros(100, np.int64), image_size=np.zeros((100, 2), np.int64), scenario=("",) * 100
        ),
        pool=(),
    )
    training = TrainingData(
        queries=queries, utility=utility, cost=cost, validation=np.zeros(100, np.bool_), cost_scale=1.0
    )
    for name, router in LEARNED.items():
        predicted = router(seed=0).fit(training).predict(queries)
        expected = np.float32 if name.startswith("linear") else np.float64
        assert (predicted.utility.dtype, predicted.cost.dtype) == (expected, expected), name
        again = router(seed=0).fit(training).predict(queries)
        assert np.array_equal(predicted.cost, again.cost), name
