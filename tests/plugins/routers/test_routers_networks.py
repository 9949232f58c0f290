"""The networks: what they compute, what they learn, and what they leave alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mmr_core.errors import FeatureError, UsageError  # noqa: E402
from mmr_plugins.routers.cmr import CrossModalRouter  # noqa: E402
from mmr_plugins.routers.cross_modal_network import AttentionLayer, CrossModalShape, OneDNNLinear  # noqa: E402
from mmr_plugins.routers.mlp import MLPMFRouter, MLPRouter  # noqa: E402
from mmr_plugins.routers.torch_training import observed_mean_loss, observed_targets  # noqa: E402
from mmr_plugins.routers.training_targets import centre_and_spread, standardised  # noqa: E402

CPU = torch.device("cpu")


def small_cmr(**parameters):
    return CrossModalRouter(**{"width": 16, "heads": 2, "epochs": 3, "learning_rate": 1e-3, **parameters})


def small(kind):
    if kind is CrossModalRouter:
        return small_cmr()
    return kind(hidden=[16], epochs=4)


every_network = pytest.mark.parametrize("kind", [MLPRouter, MLPMFRouter, CrossModalRouter])


def test_the_loss_is_the_mean_over_observed_entries_whatever_stands_in_the_others():
    values = np.array([[1.0, np.nan], [0.0, 4.0]])
    targets, weights = observed_targets(values, CPU)
    predicted = torch.tensor([[0.5, 123.0], [1.0, 1.0]])
    loss = observed_mean_loss((predicted - targets).square(), weights)
    assert loss.item() == pytest.approx((0.25 + 1.0 + 9.0) / 3)
    predicted[0, 1] = -7.0
    assert observed_mean_loss((predicted - targets).square(), weights).item() == loss.item()


def test_a_batch_without_outcomes_has_no_loss():
    targets, weights = observed_targets(np.full((2, 3), np.nan), CPU)
    assert observed_mean_loss(targets + 5.0, weights).item() == 0.0


@every_network
def test_rows_without_any_outcome_teach_nothing_about_a_model_but_do_not_hurt(kind, make):
    training = make.split(40)
    training.utility[:20] = training.cost[:20] = np.nan
    prediction = small(kind).fit(training).predict(training.queries)
    assert np.isfinite(prediction.utility).all()
    assert np.isfinite(prediction.cost).all()


def test_standardised_costs_have_mean_0_and_spread_1_where_they_vary():
    cost = np.array([[1e-6, 5.0, np.nan], [3e-6, 5.0, np.nan], [np.nan, 5.0, np.nan]])
    centre, spread = centre_and_spread(cost, np.array([9.0, 9.0, 7.0]))
    np.testing.assert_allclose(centre, [2e-6, 5.0, 7.0])
    np.testing.assert_allclose(spread, [1e-6, 0.0, 0.0])
    expected = [[-1.0, 0.0, np.nan], [1.0, 0.0, np.nan], [np.nan, 0.0, np.nan]]
    np.testing.assert_allclose(standardised(cost, centre, spread), expected)


@pytest.mark.parametrize("kind", [MLPRouter, MLPMFRouter])
def test_the_perceptrons_compute_what_torch_layers_compute(kind, make):
    training = make.split(30)
    router = small(kind).fit(training)
    prediction = router.predict(training.queries)
    x = torch.tensor(training.queries.z).double()
    outputs = []
    for twin in (0, 1):
        layers = []
        for i in range(len(router.weights_) // 2):
            weight, bias = router.weights_[f"weight_{i}"][twin], router.weights_[f"bias_{i}"][twin, 0]
            layer = torch.nn.Linear(*weight.shape)
            layer.weight.data, layer.bias.data = torch.tensor(weight.T), torch.tensor(bias)
            layers += [layer, torch.nn.ReLU()]
        kept = layers[:-1] if kind is MLPRouter else [*layers[:-3], layers[-2]]
        outputs.append(torch.nn.Sequential(*kept).double()(x).detach().numpy())
    np.testing.assert_allclose(prediction.utility, outputs[0], rtol=1e-10)
    np.testing.assert_allclose(prediction.cost, router.cost_centre_ + router.cost_spread_ * outputs[1], rtol=1e-10)


def test_mlp_mf_utilities_are_of_the_rank_of_its_factors(make):
    training = make.split(50, models=8)
    router = MLPMFRouter(latent=2, hidden=[16], epochs=5).fit(training)
    centred = router.predict(training.queries).utility - router.weights_["bias_2"][0]
    assert np.linalg.matrix_rank(centred, tol=1e-8) == 2


@pytest.mark.parametrize("kind", [MLPRouter, MLPMFRouter])
def test_utility_and_cost_are_learned_apart(kind, make):
    training = make.split(40)
    other = replace(training, cost=training.cost[::-1].copy())
    one, two = (small(kind).fit(split).predict(training.queries) for split in (training, other))
    np.testing.assert_allclose(one.utility, two.utility, rtol=1e-12)
    assert not np.allclose(one.cost, two.cost, rtol=1e-3)


@pytest.mark.parametrize("kind", [MLPRouter, MLPMFRouter])
def test_costs_of_a_ten_millionth_dollar_are_learned(kind, make):
    rng = np.random.default_rng(0)
    z = rng.integers(0, 2, (200, 4)).astype(float)
    training = make.split(200, z=z)
    training.cost[:] = 1e-7 * (1 + 9 * z[:, :3])
    predicted = kind().fit(training).predict(training.queries).cost
    for j in range(3):
        for level in (0, 1):
            rows = z[:, j] == level
            assert predicted[rows, j].mean() == pytest.approx(1e-7 * (1 + 9 * level), rel=0.2)


@every_network
def test_training_leaves_torchs_random_state_and_threads_as_they_were(kind, make):
    torch.manual_seed(5)
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    training = make.split(20)
    small(kind).fit(training).predict(training.queries)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads


@every_network
def test_the_callers_number_of_threads_changes_no_number(kind, make):
    training = make.split(70)
    before = torch.get_num_threads()
    found = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            found.append(small(kind).fit(training).predict(training.queries))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0].utility, found[1].utility)
    np.testing.assert_array_equal(found[0].cost, found[1].cost)


def test_an_attention_layer_computes_what_torchs_transformer_layer_computes():
    shape = CrossModalShape(inputs=(), models=1, width=24, layers=1, heads=4, feed_forward=4, dropout=0.0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        mine = AttentionLayer(shape).eval().double()
        x = torch.randn(7, 3, 24, dtype=torch.float64)
    twin = torch.nn.TransformerEncoderLayer(24, 4, 96, 0.0, "gelu", batch_first=True, dtype=torch.float64)
    for theirs, ours in (
        (twin.linear1, mine.widen),
        (twin.linear2, mine.narrow),
        (twin.norm1, mine.attention_norm),
        (twin.norm2, mine.feed_forward_norm),
        (twin.self_attn.out_proj, mine.mix),
    ):
        theirs.load_state_dict(ours.state_dict())
    twin.self_attn.in_proj_weight.data = mine.query_key_value.weight.data
    twin.self_attn.in_proj_bias.data = mine.query_key_value.bias.data
    present = torch.tensor([[True, True, True], [True, False, True], [False, True, False]])[[0, 1, 2, 0, 1, 2, 0]]
    expected = twin.train()(x, src_key_padding_mask=~present)
    assert torch.allclose(mine(x, present)[present], expected[present], rtol=1e-9)


def test_a_quick_linear_layer_has_the_values_and_gradients_of_a_plain_one():
    x = torch.linspace(-1, 1, 5 * 2 * 12).reshape(5, 2, 12)
    found = []
    for kind in (torch.nn.Linear, OneDNNLinear):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            layer = kind(12, 7)
        inputs = x.clone().requires_grad_()
        outputs = layer(inputs)
        outputs.square().sum().backward()
        found.append((outputs, inputs.grad, layer.weight.grad, layer.bias.grad))
        assert layer.double()(x.double()).dtype == torch.float64
    for plain, quick in zip(*found, strict=True):
        torch.testing.assert_close(quick, plain, rtol=1e-4, atol=1e-5)


def test_cmr_learns_where_the_image_decides(make):
    def image_decides(n, seed):
        split = make.split(n, models=2, seed=seed, text=8, image=8)
        right = split.queries.embeddings.image[:, 0] > 0
        split.utility[:] = np.stack([right, ~right], axis=1)
        split.cost[:] = 1e-7 * (1 + 9 * split.utility)
        return split

    router = CrossModalRouter(width=64, heads=4, epochs=40, learning_rate=1e-3)
    test = image_decides(200, 1)
    prediction = router.fit(image_decides(200, 0)).predict(test.queries)
    assert (prediction.utility.argmax(axis=1) == test.utility.argmax(axis=1)).mean() > 0.9
    for level in (0.0, 1.0):
        assert prediction.cost[test.utility == level].mean() == pytest.approx(1e-7 * (1 + 9 * level), abs=1e-7)


@pytest.mark.slow
def test_cmr_of_the_released_size_learns_what_is_plain(make):
    training = make.split(128, models=2)
    plain = training.queries.embeddings.text[:, 0] > 0
    training.utility[:] = np.stack([plain, ~plain], axis=1)
    prediction = CrossModalRouter().fit(training).predict(training.queries)
    assert (prediction.utility.argmax(axis=1) == training.utility.argmax(axis=1)).mean() > 0.8


def test_a_missing_modality_has_no_token_so_that_its_row_counts_for_nothing(make):
    mask = np.array([[True, True], [True, False], [False, True], [False, False]] * 15)
    training = make.split(60, mask=mask)
    router = small_cmr().fit(training)
    before = router.predict(training.queries)
    embeddings = training.queries.embeddings
    garbage = replace(
        embeddings,
        text=np.where(mask[:, :1], embeddings.text, np.float32(1e9)),
        image=np.where(mask[:, 1:], embeddings.image, np.float32(np.nan)),
    )
    queries = replace(training.queries, embeddings=garbage)
    for fitted in (router, small_cmr().fit(replace(training, queries=queries))):
        after = fitted.predict(queries)
        np.testing.assert_array_equal(after.utility, before.utility)
        np.testing.assert_array_equal(after.cost, before.cost)
    assert np.ptp(before.utility[3::4], axis=0).max() < 1e-12
    assert np.ptp(before.utility[1::4], axis=0).min() > 1e-6


@pytest.mark.parametrize("absent", ["text", "image"])
def test_a_modality_that_was_not_encoded_is_as_good_as_missing(absent, make):
    training = make.split(40)
    column = ("text", "image").index(absent)
    mask = np.ones((40, 2), dtype=bool)
    mask[:, column] = False
    masked = replace(training.queries, embeddings=replace(training.queries.embeddings, mask=mask))
    dropped = replace(masked, embeddings=replace(masked.embeddings, **{absent: None}))
    router = small_cmr().fit(training)
    np.testing.assert_allclose(router.predict(dropped).utility, router.predict(masked).utility, rtol=1e-12)
    alone = small_cmr().fit(replace(training, queries=dropped))
    assert list(alone.widths_) == [("image", "text")[column]]
    np.testing.assert_allclose(alone.predict(training.queries).utility, alone.predict(dropped).utility, rtol=1e-12)


def test_queries_without_any_embedding_are_predicted_all_the_same(make):
    training = make.split(30, mask=np.zeros((30, 2), dtype=bool))
    nothing = replace(training.queries.embeddings, text=None, image=None)
    for embeddings in (training.queries.embeddings, nothing):
        queries = replace(training.queries, embeddings=embeddings)
        prediction = small_cmr(epochs=60).fit(replace(training, queries=queries)).predict(queries)
        np.testing.assert_allclose(prediction.utility, np.tile(prediction.utility[0], (30, 1)), rtol=1e-12)
        np.testing.assert_allclose(prediction.utility[0], training.utility.mean(axis=0), atol=0.15)


def test_the_length_of_an_embedding_says_nothing_to_cmr(make):
    training = make.split(30)
    router = small_cmr().fit(training)
    kept = training.queries.embeddings
    longer = replace(training.queries, embeddings=replace(kept, text=kept.text * 7, image=kept.image / 3))
    np.testing.assert_allclose(router.predict(longer).utility, router.predict(training.queries).utility, rtol=1e-5)


def test_fractional_utilities_are_learned_as_probabilities(make):
    training = make.split(60)
    training.utility[:] = [0.2, 0.5, 0.9]
    predicted = small_cmr(epochs=250).fit(training).predict(training.queries).utility
    np.testing.assert_allclose(predicted.mean(axis=0), [0.2, 0.5, 0.9], atol=0.05)


def two_sorts_of_query(n, make):
    """Queries whose embeddings are all alike but for one that is turned round on every second row."""
    training = make.split(n)
    training.queries.embeddings.text[:] = training.queries.embeddings.image[:] = 1.0
    training.queries.embeddings.text[::2] = -1.0
    return training


def test_pos_weight_counts_successes_and_failures_alike(make):
    training = two_sorts_of_query(80, make)
    training.utility[:] = 0.0
    training.utility[:16, 0] = 1.0
    plain, balanced = (
        small_cmr(epochs=120, pos_weight=pos_weight).fit(training).predict(training.queries).utility
        for pos_weight in (False, True)
    )
    np.testing.assert_allclose(plain, np.tile([0.2, 0.0, 0.0], (80, 1)), atol=0.08)
    np.testing.assert_allclose(balanced, np.tile([0.5, 0.0, 0.0], (80, 1)), atol=0.08)


@pytest.mark.parametrize("log_cost", [False, True])
def test_skewed_costs_come_back_in_usd_with_and_without_the_logarithm(log_cost, make):
    training = two_sorts_of_query(80, make)
    training.cost[:] = np.where(np.arange(80) % 2, 5e-6, 1e-7)[:, None] * [1.0, 10.0, 0.0]
    predicted = small_cmr(epochs=120, log_cost=log_cost).fit(training).predict(training.queries).cost
    dearest = np.array([5e-6, 5e-5])
    np.testing.assert_allclose(predicted[:, :2] / dearest, training.cost[:, :2] / dearest, atol=0.05)
    np.testing.assert_array_equal(predicted[:, 2], 0.0)


def test_cmr_names_what_is_wrong_with_embeddings(make):
    training = make.split(20)
    router = small_cmr().fit(training)
    with pytest.raises(UsageError, match="text: expected embeddings of width 6, as in the fit, got 9; use the encoder"):
        router.predict(make.split(5, text=9).queries)
    broken = np.array(training.queries.embeddings.image)
    broken[3, 1] = np.inf
    queries = replace(training.queries, embeddings=replace(training.queries.embeddings, image=broken))
    with pytest.raises(FeatureError, match="row 3: image embeddings are not finite"):
        router.predict(queries)
