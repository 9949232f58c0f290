"""The built-in fusions against slow twins, written row by row straight from the paper's equations."""

from __future__ import annotations

from dataclasses import replace
from math import exp, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mmr_core.contracts import IMAGE, TEXT, Embeddings, Fusion
from mmr_core.errors import PluginError, UsageError
from mmr_plugins.fusions.adaptive import AdaptiveFusion
from mmr_plugins.fusions.plain import AverageFusion, ConcatFusion, ImageFusion, TextFusion

FUSIONS = (AverageFusion, ConcatFusion, TextFusion, ImageFusion, AdaptiveFusion)


def embeddings_of(text: Any, image: Any, mask: Any = None) -> Embeddings:
    text = None if text is None else np.asarray(text, dtype=np.float32)
    image = None if image is None else np.asarray(image, dtype=np.float32)
    n = len(text if text is not None else image)
    bits = np.ones((n, 2), dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    norms = np.zeros((n, 2), dtype=np.float32)
    for column, rows in ((TEXT, text), (IMAGE, image)):
        if rows is None:
            bits[:, column] = False
        else:
            rows[~bits[:, column]] = 0
            norms[:, column] = np.linalg.norm(rows.astype(np.float64), axis=1)
    return Embeddings(text=text, image=image, norms=norms, mask=bits)


def drawn(n: int = 12, d: int = 6, seed: int = 0, *, missing: bool = True) -> Embeddings:
    rng = np.random.default_rng(seed)
    mask = np.ones((n, 2), dtype=bool)
    if missing:
        mask[rng.random((n, 2)) < 0.3] = False
    scale = rng.uniform(0.1, 10, (n, 1))
    return embeddings_of(scale * rng.normal(size=(n, d)), rng.normal(size=(n, d)) + 0.5, mask)


def rows_of(embeddings: Embeddings, rows: Any) -> Embeddings:
    return Embeddings(
        text=None if embeddings.text is None else embeddings.text[rows],
        image=None if embeddings.image is None else embeddings.image[rows],
        norms=embeddings.norms[rows],
        mask=embeddings.mask[rows],
    )


@st.composite
def embeddings(draw: st.DrawFn, width: int = 3) -> Embeddings:
    """Small integers over powers of ten, so that zero rows, equal rows and opposite rows are common."""
    n = draw(st.integers(1, 6))
    number = st.integers(-3, 3)
    row = st.lists(number, min_size=width, max_size=width)
    scale = draw(st.sampled_from([1e-20, 1e-3, 1.0, 1e4, 1e15]))
    text = draw(st.lists(row, min_size=n, max_size=n))
    image = draw(st.lists(row, min_size=n, max_size=n))
    mask = draw(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=n, max_size=n))
    return embeddings_of(np.array(text) * scale, np.array(image) * scale, mask)


def unit(row: Any) -> list[float]:
    length = sqrt(sum(float(x) ** 2 for x in row))
    return [float(x) / length if length else 0.0 for x in row]


def unit_pair(embeddings: Embeddings, i: int) -> tuple[list[float], list[float]]:
    assert embeddings.text is not None
    assert embeddings.image is not None
    pair = []
    for column, rows in ((TEXT, embeddings.text), (IMAGE, embeddings.image)):
        pair.append(unit(rows[i]) if embeddings.mask[i, column] else [0.0] * rows.shape[1])
    return pair[0], pair[1]


def slow_confidence(own: list[float], norm: float, others: list[list[float]], norms: list[float]) -> float:
    """Eqs. S2-S4 for one row and one modality, given the training rows that have the modality."""
    if not others:
        return 0.5
    prototype = unit([sum(column) / len(others) for column in zip(*others, strict=True)])
    cosine = sum(a * b for a, b in zip(own, prototype, strict=True))
    mean = sum(norms) / len(norms)
    deviation = sqrt(sum((r - mean) ** 2 for r in norms) / len(norms))
    by_norm = 0.5 if deviation / mean < 1e-6 else 1 / (1 + exp(-max(-700.0, min(700.0, (norm - mean) / deviation))))
    return min(1.0, max(0.0, 0.5 * (cosine + 1) / 2 + 0.5 * by_norm))


def slow_adaptive(
    training: Embeddings, queries: Embeddings, eta: float = 5.0, alpha: float = 0.5, beta: float = 0.5
) -> list[list[float]]:
    known: list[tuple[list[list[float]], list[float]]] = []
    for modality in (TEXT, IMAGE):
        pairs = [(unit_pair(training, i)[modality], float(training.norms[i, modality])) for i in range(len(training))]
        having = [(row, norm) for row, norm in pairs if any(row)]
        known.append(([row for row, _ in having], [norm for _, norm in having]))
    fused = []
    for i in range(len(queries)):
        t, v = unit_pair(queries, i)
        if not any(t) or not any(v):
            fused.append([a + b for a, b in zip(t, v, strict=True)])
            continue
        c_text = slow_confidence(t, float(queries.norms[i, TEXT]), *known[TEXT])
        c_image = slow_confidence(v, float(queries.norms[i, IMAGE]), *known[IMAGE])
        w_text = exp(eta * c_text) / (exp(eta * c_text) + exp(eta * c_image))
        w_image = exp(eta * c_image) / (exp(eta * c_text) + exp(eta * c_image))
        z = [w_text * a + w_image * b + alpha * a * b + beta * abs(a - b) for a, b in zip(t, v, strict=True)]
        fused.append(unit(z))
    return fused


@given(embeddings(), embeddings())
def test_adaptive_follows_the_equations_row_by_row(training: Embeddings, queries: Embeddings) -> None:
    # Whether almost cancelling prototypes count as none is a matter of rounding, in the twin too.
    for modality, rows in ((TEXT, training.text), (IMAGE, training.image)):
        units = [unit_pair(training, i)[modality] for i in range(len(training))]
        mean = np.array([row for row in units if any(row)] or [[1.0]]).mean(axis=0)
        assume(rows is None or np.linalg.norm(mean) > 1e-9)
    z = AdaptiveFusion().fit(training).transform(queries)
    np.testing.assert_allclose(z, slow_adaptive(training, queries), rtol=0, atol=2e-6)


@given(embeddings(), st.floats(0, 20), st.floats(-2, 2), st.floats(-2, 2))
def test_adaptive_is_never_nan_and_has_length_one_or_zero(
    rows: Embeddings, eta: float, alpha: float, beta: float
) -> None:
    z = AdaptiveFusion(eta=eta, alpha=alpha, beta=beta).fit(rows).transform(rows)
    length = np.linalg.norm(z.astype(np.float64), axis=1)
    assert np.all((np.abs(length - 1) < 1e-5) | (length == 0))


def test_adaptive_uses_its_parameters() -> None:
    rows = drawn(missing=False)
    z = AdaptiveFusion(eta=1.5, alpha=0.2, beta=0.9).fit(rows).transform(rows)
    np.testing.assert_allclose(z, slow_adaptive(rows, rows, 1.5, 0.2, 0.9), atol=1e-6)


@given(embeddings())
def test_average_is_half_the_sum_of_the_unit_embeddings(rows: Embeddings) -> None:
    z = AverageFusion().fit(rows).transform(rows)
    for i in range(len(rows)):
        t, v = unit_pair(rows, i)
        np.testing.assert_allclose(z[i], [(a + b) / 2 for a, b in zip(t, v, strict=True)], atol=1e-7)


@given(embeddings())
def test_concat_text_and_image_give_unit_embeddings(rows: Embeddings) -> None:
    both = ConcatFusion().fit(rows).transform(rows)
    text, image = TextFusion().fit(rows).transform(rows), ImageFusion().fit(rows).transform(rows)
    for i in range(len(rows)):
        t, v = unit_pair(rows, i)
        np.testing.assert_allclose(both[i], t + v, atol=1e-7)
        np.testing.assert_allclose(text[i], t, atol=1e-7)
        np.testing.assert_allclose(image[i], v, atol=1e-7)


def test_concat_takes_unequal_widths() -> None:
    rows = embeddings_of(np.ones((2, 3)), np.ones((2, 5)))
    assert ConcatFusion().fit(rows).transform(rows).shape == (2, 8)


@pytest.mark.parametrize("fusion", FUSIONS)
@settings(max_examples=25)
@given(seed=st.integers(0, 1000))
def test_a_feature_depends_on_its_own_row_alone(fusion: type[Any], seed: int) -> None:
    training, queries = drawn(seed=seed), drawn(n=9, seed=seed + 1)
    fitted = fusion().fit(training)
    together = fitted.transform(queries)
    order = np.random.default_rng(seed).permutation(len(queries))
    np.testing.assert_allclose(fitted.transform(rows_of(queries, order)), together[order], atol=1e-6)
    for i in range(len(queries)):
        np.testing.assert_allclose(fitted.transform(rows_of(queries, [i]))[0], together[i], atol=1e-6)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_features_are_contiguous_float32_and_inputs_stay_as_they_were(fusion: type[Any]) -> None:
    rows = drawn()
    assert rows.text is not None
    before = rows.text.copy()
    fitted = fusion().fit(rows)
    z = fitted.transform(rows)
    assert isinstance(fitted, Fusion)
    assert z.dtype == np.float32
    assert z.flags.c_contiguous
    np.testing.assert_array_equal(rows.text, before)
    assert fitted.transductive is False


@pytest.mark.parametrize("fusion", FUSIONS)
def test_no_rows_give_no_features(fusion: type[Any]) -> None:
    rows = drawn()
    z = fusion().fit(rows).transform(rows_of(rows, []))
    assert len(z) == 0
    assert z.shape[1] > 0


def test_scaling_a_whole_modality_changes_nothing() -> None:
    rows = drawn(missing=False)
    assert rows.text is not None
    louder = embeddings_of(rows.text * 7, rows.image, rows.mask)
    for fusion in FUSIONS:
        np.testing.assert_allclose(
            fusion().fit(rows).transform(rows), fusion().fit(louder).transform(louder), atol=1e-6
        )


def test_the_norm_of_the_raw_embedding_matters_to_adaptive() -> None:
    rows = drawn(missing=False)
    fitted = AdaptiveFusion().fit(rows)
    louder = replace(rows, norms=rows.norms * np.float32([3, 1]))
    assert not np.allclose(fitted.transform(rows), fitted.transform(louder), atol=1e-3)


def test_a_row_with_one_modality_gets_that_unit_vector_from_adaptive() -> None:
    rows = drawn(n=3, missing=False)
    assert rows.text is not None
    assert rows.image is not None
    partial = embeddings_of(rows.text, rows.image, [[True, False], [False, True], [False, False]])
    z = AdaptiveFusion().fit(rows).transform(partial)
    np.testing.assert_allclose(z, [unit(rows.text[0]), unit(rows.image[1]), [0.0] * 6], atol=1e-7)


def test_a_zero_embedding_counts_as_missing_though_its_bit_is_set() -> None:
    rows = embeddings_of([[0, 0], [3, 4]], [[0, 2], [1, 0]])
    assert rows.mask.all()
    z = AdaptiveFusion().fit(rows).transform(rows)
    np.testing.assert_allclose(z[0], [0, 1])
    np.testing.assert_allclose(AverageFusion().fit(rows).transform(rows)[0], [0, 0.5])


def test_statistics_come_from_the_training_rows_and_stay() -> None:
    training, few, many = drawn(seed=1), drawn(n=2, seed=2), drawn(n=50, seed=3)
    fitted = AdaptiveFusion().fit(training)
    first = fitted.transform(few)
    fitted.transform(many)
    np.testing.assert_array_equal(fitted.transform(few), first)


def test_scope_batch_takes_the_statistics_of_the_batch_and_says_so() -> None:
    training, queries = drawn(seed=1, missing=False), drawn(seed=2, missing=False)
    literal = AdaptiveFusion(scope="batch").fit(training)
    assert literal.transductive is True
    np.testing.assert_allclose(literal.transform(queries), slow_adaptive(queries, queries), atol=1e-6)


def test_training_norms_that_are_all_the_same_give_neutral_confidence() -> None:
    rng = np.random.default_rng(5)
    unit_text = rng.normal(size=(20, 8))
    unit_text = (unit_text / np.linalg.norm(unit_text, axis=1, keepdims=True)).astype(np.float32)
    training = embeddings_of(unit_text, rng.normal(size=(20, 8)))
    assert training.norms[:, TEXT].std() > 0 or np.all(training.norms[:, TEXT] == 1)
    fitted = AdaptiveFusion().fit(training)
    shaken = replace(training, norms=training.norms * np.float32([1 + 1e-6, 1]))
    np.testing.assert_allclose(fitted.transform(training), fitted.transform(shaken), atol=1e-7)


def test_a_modality_that_no_training_row_has_is_met_with_neutral_confidence() -> None:
    rows = drawn(n=4, missing=False)
    assert rows.text is not None
    assert rows.image is not None
    text_only = embeddings_of(rows.text, rows.image.copy(), [[True, False]] * 4)
    z = AdaptiveFusion().fit(text_only).transform(rows)
    np.testing.assert_allclose(z, slow_adaptive(text_only, rows), atol=1e-6)


@pytest.mark.parametrize("modality", ["text", "image"])
def test_where_one_modality_was_embedded_fusions_live_with_it(modality: str) -> None:
    raw = drawn(missing=False).text
    rows = embeddings_of(raw, None) if modality == "text" else embeddings_of(None, raw)
    unit_embeddings = np.array([unit(row) for row in raw])
    np.testing.assert_allclose(AverageFusion().fit(rows).transform(rows), unit_embeddings / 2, atol=1e-7)
    np.testing.assert_allclose(AdaptiveFusion().fit(rows).transform(rows), unit_embeddings, atol=1e-7)
    np.testing.assert_allclose(ConcatFusion().fit(rows).transform(rows), unit_embeddings, atol=1e-7)


def test_a_fusion_of_what_was_not_embedded_is_refused() -> None:
    raw = np.ones((2, 3))
    with pytest.raises(UsageError, match="text-encoder"):
        TextFusion().fit(embeddings_of(None, raw)).transform(embeddings_of(None, raw))
    with pytest.raises(UsageError, match="image-encoder"):
        ImageFusion().fit(embeddings_of(raw, None)).transform(embeddings_of(raw, None))
    nothing = Embeddings(text=None, image=None, norms=np.zeros((2, 2), np.float32), mask=np.zeros((2, 2), bool))
    for fusion in (AverageFusion, ConcatFusion, AdaptiveFusion):
        with pytest.raises(UsageError, match="no embeddings"):
            fusion().fit(nothing).transform(nothing)


@pytest.mark.parametrize("fusion", [AverageFusion, AdaptiveFusion])
def test_unequal_widths_are_refused_with_the_way_out(fusion: type[Any]) -> None:
    rows = embeddings_of(np.ones((2, 3)), np.ones((2, 5)))
    with pytest.raises(UsageError, match=r"3 dimensions and image embeddings 5; .*--align"):
        fusion().fit(rows).transform(rows)


def test_adaptive_refuses_rows_of_another_width_than_it_was_fitted_on() -> None:
    with pytest.raises(UsageError, match="fitted on 6 dimensions and is given 4"):
        AdaptiveFusion().fit(drawn(d=6)).transform(drawn(d=4, missing=False))


def test_adaptive_refuses_to_transform_before_it_was_fitted() -> None:
    with pytest.raises(PluginError, match="before it was fitted"):
        AdaptiveFusion().transform(drawn())


@pytest.mark.parametrize("wrong", [{"scope": "test"}, {"eta": float("nan")}, {"alpha": float("inf")}])
def test_adaptive_refuses_parameters_without_meaning(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="adaptive fusion"):
        AdaptiveFusion(**wrong)
