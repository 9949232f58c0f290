"""What a trained router learned from, what its file holds, and what it must not hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmr_core.errors import DegenerateError, PluginError, UnknownNameError, UsageError
from mmr_core.features import EncodedFeatures
from mmr_core.outcomes import object_array
from mmr_core.runner.fit import answer
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.prepare import prepare
from mmr_core.splits import train_mask, validation_mask
from mmr_core.trained import save


def bytes_of(trained, tmp_path):
    save(trained, tmp_path / "router.mmr")
    return (tmp_path / "router.mmr").read_bytes()


def with_other_outcomes(table, rows):
    """The table with other utilities and costs in some rows."""
    utility, cost = table.utility.copy(), table.cost.copy()
    utility[rows], cost[rows] = 1.0 - utility[rows], 2.0 * cost[rows]
    return replace(table, utility=utility, cost=cost)


def without_digests(trained):
    """The manifest but for the digest of the whole table."""
    facts = trained.manifest.model_dump()
    facts["training"].pop("table_digest")
    return facts


@pytest.mark.parametrize("router", ["kmeans", "knn", "linear", "linear-mf", "random"])
def test_no_outcome_and_no_question_of_the_test_split_changes_a_file(router, pictured, learned_from):
    tested = ~train_mask(pictured.dataset, pictured.instance_id)
    other = with_other_outcomes(pictured, tested)
    question = other.question.copy()
    question[tested] = "something else"
    one, two = learned_from(pictured, router), learned_from(replace(other, question=question), router)
    assert one.manifest.training.table_digest != two.manifest.training.table_digest
    assert without_digests(one) == without_digests(two)
    assert list(one.arrays) == list(two.arrays)
    for name, array in one.arrays.items():
        assert array.tobytes() == two.arrays[name].tobytes()


def test_all_rows_are_learned_from_only_where_that_is_said_and_the_file_names_it(pictured, learned_from):
    train = train_mask(pictured.dataset, pictured.instance_id)
    split, everything = learned_from(pictured), learned_from(pictured, all_rows=True)
    facts = split.manifest.training, everything.manifest.training
    assert [fact.learned_from for fact in facts] == ["training split", "all rows"]
    assert [fact.rows for fact in facts] == [train.sum(), len(pictured)]
    assert [fact.rows_not_looked_at for fact in facts] == [(~train).sum(), 0]
    assert len(everything.arrays["router/utility"]) == len(pictured)
    validation = validation_mask(pictured.dataset, pictured.instance_id)
    assert facts[0].validation_rows == validation.sum()
    assert validation.sum() < facts[1].validation_rows < 0.3 * len(pictured)


def test_a_file_has_no_question_no_answer_no_id_and_no_path(pictured, learned_from, tmp_path):
    strange = object_array(f"Wie viel ist {i} Zebras {i * 7}?" for i in range(len(pictured)))
    for router in ("knn", "linear"):
        content = bytes_of(learned_from(replace(pictured, question=strange), router), tmp_path)
        for word in (b"Zebra", b"Wie viel", b"alpha_", b".png", str(pictured.image[0].parent).encode()):
            assert word not in content


def test_the_same_training_gives_the_same_bytes(pictured, learned_from, tmp_path):
    order = np.random.default_rng(0).permutation(len(pictured))
    first = bytes_of(learned_from(pictured, "kmeans", seed=4), tmp_path)
    assert bytes_of(learned_from(pictured, "kmeans", seed=4), tmp_path) == first
    assert bytes_of(learned_from(pictured.take(order), "kmeans", seed=4), tmp_path) == first
    assert bytes_of(learned_from(pictured, "kmeans", seed=5), tmp_path) != first


@pytest.mark.parametrize("router", ["kmeans", "knn", "linear", "random"])
def test_the_operating_point_is_the_one_that_an_evaluation_chooses(router, pictured, learned_from, known):
    own = pictured.take(pictured.dataset == "alpha")
    encoder = known.registry.encoders.create("lite")
    source = EncodedFeatures(text_encoder=encoder, image_encoder=encoder)
    options = Options(allow_incomplete=True)
    column = prepare(own, own.spec_of("alpha"), source, options)
    evaluated = answer(column, Entrant(name=router, parameters=known.settings[router]), 0, known.registry, options)
    point = learned_from(pictured, router, datasets=["alpha"]).manifest.operating_point
    assert point.trade_off == pytest.approx(evaluated.trade_off, rel=1e-9)
    assert point.instances == (column.validation & own.take(own.canonical_order()).complete).sum()


def test_without_validation_rows_there_is_no_operating_point(pictured, learned_from):
    validation = validation_mask(pictured.dataset, pictured.instance_id)
    assert learned_from(pictured.take(~validation)).manifest.operating_point is None


def test_a_file_says_what_it_was_made_of(pictured, learned_from):
    trained = learned_from(
        pictured,
        "linear",
        datasets=["beta"],
        fusion="concat",
        seed=3,
        price_sheet="2026-01",
        parameters={"linear": {"alpha": 0.5}, "lite": {"dimensions": 64}},
    )
    facts = trained.manifest
    assert facts.router.canonical_id == "mmr-bench/linear"
    assert facts.router.parameters == {"seed": 3, "alpha": 0.5}
    assert facts.fusion.canonical_id == "mmr-bench/concat"
    (encoder,) = facts.features.encoders
    assert (encoder.canonical_id, encoder.modalities, encoder.parameters) == (
        "mmr-bench/lite",
        ["text", "image"],
        {"dimensions": 64},
    )
    assert encoder.fingerprint == trained.encoders["text"].fingerprint
    assert facts.features.width == 64
    assert tuple(entry.spec() for entry in facts.pool) == pictured.models
    beta = pictured.take((pictured.dataset == "beta") & train_mask(pictured.dataset, pictured.instance_id))
    assert facts.cost_scale == np.nanmax(beta.cost)
    assert (facts.training.datasets, facts.training.scenarios) == (["beta"], ["ocr"])
    assert facts.training.price_sheet == "2026-01"
    assert {"python", "numpy", "mmr-bench"} <= set(facts.versions)


def test_nothing_to_learn_from_is_said(pictured, learned_from):
    tested = ~train_mask(pictured.dataset, pictured.instance_id)
    with pytest.raises(DegenerateError, match="is in the training split"):
        learned_from(pictured.take(tested))
    with pytest.raises(UnknownNameError, match="no instance of dataset 'beta'"):
        learned_from(pictured.take(pictured.dataset == "alpha"), datasets=()) and learned_from(
            replace(pictured.take(pictured.dataset == "alpha"), datasets=pictured.datasets), datasets=["beta"]
        )


def test_a_fusion_that_looks_at_all_queries_at_once_is_refused(pictured, learned_from):
    with pytest.raises(UsageError, match="needs all queries at once"):
        learned_from(pictured, "knn", parameters={"adaptive": {"scope": "batch"}})


PLUGIN = """
import numpy as np
from mmr_core.contracts import Prediction


class Plain:
    default_fusion = None

    def __init__(self, *, seed=0, shift=0.0):
        self.shift = shift

    def fit(self, training):
        self.means = np.nanmean(training.utility, axis=0), np.nanmean(training.cost, axis=0)
        self.extra = 0.25
        return self

    def predict(self, queries):
        rows = np.ones((len(queries), 1))
        return Prediction(utility=rows * self.means[0] + self.extra, cost=rows * self.means[1])


class Saved(Plain):
    def state(self):
        return {"utility": self.means[0], "cost": self.means[1], "extra": self.extra}

    def restore(self, state):
        self.means, self.extra = (state["utility"], state["cost"]), state["extra"]
        return self


class Forgetful(Saved):
    def restore(self, state):
        super().restore(state)
        self.extra = 0.0
        return self


class Objects(Saved):
    def state(self):
        return {"means": self.means, "who": object()}


class Pickled(Saved):
    def state(self):
        return {"means": np.array([self], dtype=object)}


class Climber(Saved):
    def state(self):
        return {"../means": self.means[0]}


class Listing(Saved):
    def state(self):
        return [1]


class Nothing(Saved):
    def restore(self, state):
        pass


class Lengths:
    modalities = ("text",)
    fingerprint = "lengths"
    unit = 1.0

    def fit(self, texts):
        self.unit = float(max(map(len, texts)))
        return self

    def encode_text(self, texts):
        return np.array([[len(text) / self.unit, 1.0] for text in texts], dtype=np.float32)


class SavedLengths(Lengths):
    def state(self):
        return {"unit": self.unit}

    def restore(self, state):
        self.unit = state["unit"]
        return self


class ForgetfulLengths(SavedLengths):
    def restore(self, state):
        return self
"""


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """The registry with the routers of a plugin that is not ours."""
    from mmr_core.registry import Registry

    (tmp_path / "strange_routers.py").write_text(
        PLUGIN
        + "from mmr_core.hookspecs import hookimpl\nfrom mmr_core.specs import ComponentSpec\n@hookimpl\n"
        + "def mmr_register_routers():\n    return [ComponentSpec(kind='router', name=c.lower(), summary='', "
        + "target='strange_routers:' + c) for c in "
        + "('Plain', 'Saved', 'Forgetful', 'Objects', 'Pickled', 'Climber', 'Listing', 'Nothing')]\n"
        + "@hookimpl\ndef mmr_register_encoders():\n"
        + "    return [ComponentSpec(kind='encoder', name=c.lower(), summary='', "
        + "target='strange_routers:' + c) for c in ('Lengths', 'SavedLengths', 'ForgetfulLengths')]\n"
    )
    info = tmp_path / "strange_routers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange-routers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mmr.plugins.v1]\nstrange = strange_routers\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Registry.discover()
    import sys

    sys.modules.pop("strange_routers", None)


def test_anybodys_router_with_both_methods_is_saved(pictured, learned_from, foreign):
    trained = learned_from(pictured, "saved", registry=foreign)
    assert trained.manifest.router.state == {"extra": 0.25}
    assert sorted(trained.arrays) == ["router/cost", "router/utility"]
    assert trained.router.extra == 0.25


def test_a_router_without_the_methods_is_refused_before_any_work(pictured, learned_from, foreign):
    with pytest.raises(UsageError) as caught:
        learned_from(pictured.take(np.zeros(len(pictured), dtype=bool)), "plain", registry=foreign)
    line = str(caught.value)
    assert "router 'plain' cannot be saved: it has no state and no restore" in line
    assert "mmr_core.contracts.Saveable" in line


@pytest.mark.parametrize(
    ("router", "reason"),
    [
        ("forgetful", "decides differently once restored"),
        ("objects", "state 'means' is .* neither an array nor JSON"),
        ("pickled", "state 'means': expected an array of plain numbers, got object"),
        ("climber", r"state has the name '\.\./means'"),
        ("listing", "expected a mapping from state\\(\\), got list"),
        ("nothing", "restore returned None"),
    ],
)
def test_a_router_that_breaks_the_contract_of_saving_is_told_how(router, reason, pictured, learned_from, foreign):
    with pytest.raises(PluginError, match=reason) as caught:
        learned_from(pictured, router, registry=foreign)
    assert "mmr_core.contracts.Saveable" in str(caught.value)


def test_an_encoder_that_learns_is_saved_if_it_can_be_and_comes_back_as_it_was(pictured, learned_from, foreign):
    how = {"modality": "text", "registry": foreign, "text": "savedlengths"}
    trained = learned_from(pictured, "linear", **how)
    assert trained.manifest.features.encoders[0].state == {"unit": trained.encoders["text"].unit}
    with pytest.raises(UsageError, match="encoder 'strange-routers/lengths' cannot be saved: it has no state"):
        learned_from(pictured, "linear", **{**how, "text": "lengths"})
    with pytest.raises(PluginError, match="ForgetfulLengths: encodes differently once restored"):
        learned_from(pictured, "linear", **{**how, "text": "forgetfullengths"})
