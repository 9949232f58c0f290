"""Faults of encoders, fusions, importers, datasets and models are found; both front ends make the same checks."""

from __future__ import annotations

import importlib
import itertools
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import mmr_core.testing as kit
from mmr_core.errors import DataError, FeatureError, UnknownNameError, UsageError
from mmr_core.plugins import Contribution, Discovery, Provider
from mmr_core.registry import Registry
from mmr_core.specs import DatasetSpec, ModelSpec
from mmr_core.testing import CHECKS, Target, check_target, run_check, targets
from mmr_core.testing.practice_data import practice, questions
from mmr_core.testing.subjects import of_class

REGISTRY = Registry.discover()
NAMED = {word: {check.name: check for check in checks} for word, checks in CHECKS.items()}
COUNT = itertools.count()
CLASSES = {
    "router": kit.RouterConformance,
    "encoder": kit.EncoderConformance,
    "fusion": kit.FusionConformance,
    "importer": kit.ImporterConformance,
    "dataset": kit.DatasetConformance,
    "model": kit.ModelConformance,
}


class Letters:
    """Counts letters.

    :param letters: which.
    """

    modalities = ("text",)
    fingerprint = "letters"

    def __init__(self, *, letters="aeiou"):
        self.letters = letters

    def encode_text(self, texts):
        return np.array([[text.count(letter) for letter in self.letters] for text in texts], dtype=np.float32)


class Sum:
    """Adds the two modalities up."""

    def fit(self, embeddings):
        return self

    def transform(self, embeddings):
        parts = [part for part in (embeddings.text, embeddings.image) if part is not None]
        return np.sum(parts, axis=0).astype(np.float32)


class Empty:
    """Reads nothing that exists."""

    embedded = False

    def sniff(self, path):
        return False

    def read(self, path, context):
        raise DataError("there is nothing to read")


def outcome(word, factory, check, folder, **given):
    return run_check(NAMED[word][check], of_class(word, factory, REGISTRY, folder, **given))


def changed(base, **methods):
    return type("Faulty", (base,), {"__doc__": base.__doc__, **methods})


@pytest.mark.parametrize("word", CHECKS)
def test_every_check_says_where_its_contract_is_written(word):
    for check in CHECKS[word]:
        module, _, name = check.contract.rpartition(".")
        try:
            place = getattr(importlib.import_module(module), name)
        except AttributeError:
            place = importlib.import_module(check.contract)
        assert place.__doc__
        assert check.rule
        assert not check.rule.endswith(".")
    assert len(NAMED[word]) == len(CHECKS[word])


@pytest.mark.parametrize("word", CLASSES)
def test_a_class_has_one_test_for_each_check_of_its_kind_and_no_other(word):
    tests = {name for name in dir(CLASSES[word]) if name.startswith("test_")}
    assert tests == {f"test_{check.name.replace('-', '_')}" for check in CHECKS[word]}


def test_the_kit_needs_no_pytest():
    script = "import sys, mmr_core.testing; sys.exit('pytest' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_class_runs_skips_and_fails_as_pytest_expects():
    class Mine(kit.EncoderConformance):
        encoder = Letters

    class Other(Mine):
        encoder = changed(Letters, fingerprint="")

    for case in (Mine, Other):
        case.setup_class()
    try:
        Mine().test_finite_rows()
        with pytest.raises(kit.NotApplicable, match="it does not encode images"):
            Mine().test_strange_images()
        with pytest.raises(
            AssertionError, match=r"(?s)expected: a non-empty string.*came: .*contract: mmr_core.contracts.Encoder"
        ):
            Other().test_fingerprint()
    finally:
        for case in (Mine, Other):
            case.teardown_class()
    assert not Mine._workspace.exists()


def test_a_class_that_names_nothing_says_what_to_set():
    class Nothing(kit.FusionConformance):
        pass

    with pytest.raises(UsageError, match="set name to that of an installed fusion, or fusion to its class"):
        Nothing.setup_class()
    Nothing.teardown_class()


@pytest.mark.parametrize("check", NAMED["encoder"])
def test_an_encoder_without_faults_passes(check, tmp_path):
    skipped = {"strange-images", "broken-images", "save-and-load", "import-cost"}
    verdict = outcome("encoder", Letters, check, tmp_path).verdict
    assert verdict == ("skipped" if check in skipped else "passed")


@pytest.mark.parametrize(
    ("check", "methods", "came"),
    [
        ("interface", {"modalities": ["text"]}, "modalities is ['text']"),
        ("interface", {"modalities": ("text", "image")}, "no encode_image"),
        (
            "fingerprint",
            {"fingerprint": property(lambda self: str(next(COUNT)))},
            "two identical encoders",
        ),
        ("finite-rows", {"encode_text": lambda self, texts: np.ones((len(texts), 3))}, "float64 of shape (20, 3)"),
        (
            "batch-does-not-matter",
            {"encode_text": lambda self, texts: np.full((len(texts), 2), len(texts), dtype=np.float32)},
            "when each text was encoded alone, 20 of 20 rows changed",
        ),
        (
            "strange-texts",
            {"encode_text": lambda self, texts: np.array([[1 / len(t)] for t in texts], dtype=np.float32)},
            "ZeroDivisionError",
        ),
    ],
)
def test_faults_of_an_encoder_are_found(check, methods, came, tmp_path):
    found = outcome("encoder", changed(Letters, **methods), check, tmp_path)
    assert found.verdict == "failed"
    assert came in found.came


def test_an_encoder_that_hides_a_broken_image_is_found(tmp_path):
    def zeros(self, paths):
        return np.zeros((len(paths), 2), dtype=np.float32)

    def nameless(self, paths):
        raise FeatureError("a file is broken")

    for method, came in ((zeros, "for truncated.png: rows"), (nameless, "does not name it")):
        encoder = changed(Letters, modalities=("image",), encode_image=method)
        assert came in outcome("encoder", encoder, "broken-images", tmp_path).came


@pytest.mark.parametrize("check", NAMED["fusion"])
def test_a_fusion_without_faults_passes(check, tmp_path):
    skipped = {"save-and-load", "import-cost"}
    assert outcome("fusion", Sum, check, tmp_path).verdict == ("skipped" if check in skipped else "passed")


def _centred(self, embeddings):
    rows = Sum.transform(self, embeddings)
    return rows - rows.mean(axis=0)


def _overwrites(self, embeddings):
    embeddings.norms[:] = 1
    return Sum.transform(self, embeddings)


@pytest.mark.parametrize(
    ("check", "methods", "came"),
    [
        ("interface", {"fit": lambda self, embeddings: None}, "fit returned None"),
        ("finite-rows", {"transform": lambda self, embeddings: embeddings.text.astype(float)}, "float64"),
        ("batch-does-not-matter", {"transform": _centred}, "rows changed"),
        ("inputs-stay-as-they-are", {"transform": _overwrites}, "it changed norms"),
        ("missing-modalities", {"transform": lambda self, e: Sum.transform(self, e) / e.norms[:, :1]}, "non-finite"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_faults_of_a_fusion_are_found(check, methods, came, tmp_path):
    found = outcome("fusion", changed(Sum, **methods), check, tmp_path)
    assert found.verdict == "failed"
    assert came in found.came


def test_a_fusion_that_says_it_is_transductive_is_not_held_to_independence(tmp_path):
    fusion = changed(Sum, transform=_centred, transductive=True)
    assert outcome("fusion", fusion, "batch-does-not-matter", tmp_path).verdict == "skipped"
    assert "not allowed in rankings" in outcome("fusion", fusion, "interface", tmp_path).note


def test_faults_of_an_importer_are_found(tmp_path, table):
    def crashes(self, path):
        return path.read_text().startswith("{")

    unknown = table(instances=10, missing=0.3)
    hidden = replace(unknown, status=np.zeros_like(unknown.status))
    example = tmp_path / "example.any"
    example.write_text("outcomes")

    def reads(self, path, context):
        if path is None or not path.exists():
            raise DataError("nothing there")
        return hidden if path.read_bytes() == b"outcomes" else {}[path]

    sloppy = changed(Empty, sniff=lambda self, path: True, read=reads)
    found = {
        "sniffs-foreign-files": outcome("importer", changed(Empty, sniff=crashes), "sniffs-foreign-files", tmp_path),
        "nothing-there": outcome(
            "importer", changed(Empty, read=lambda self, path, context: unknown), "nothing-there", tmp_path
        ),
        "missing-is-missing": outcome("importer", sloppy, "missing-is-missing", tmp_path, example=example),
        "damaged-files": outcome("importer", sloppy, "damaged-files", tmp_path, example=example),
        "reads-its-format": outcome(
            "importer", changed(sloppy, sniff=Empty.sniff), "reads-its-format", tmp_path, example=example
        ),
    }
    assert {name: one.verdict for name, one in found.items()} == dict.fromkeys(found, "failed")
    assert "raised nothing" in found["nothing-there"].came
    assert "has status ok" in found["missing-is-missing"].came
    assert "cut in half: KeyError" in found["damaged-files"].came
    assert "does not accept the example" in found["reads-its-format"].came


def test_an_importer_without_an_example_is_asked_for_one(tmp_path):
    assert "--example PATH" in outcome("importer", Empty, "reads-its-format", tmp_path).note


def _registry(*specs):
    provider = Provider(plugin="facts", distribution="mmr-facts", version="1")
    words = {DatasetSpec: "dataset", ModelSpec: "model"}
    given = tuple(Contribution(word=words[type(spec)], spec=spec, provider=provider) for spec in specs)
    return Registry(Discovery(providers=(provider,), contributions=given, failures=()))


def _verdicts(registry, name, folder):
    (target,) = targets(name, registry)
    return {one.name: one for one in check_target(target, registry, folder)}


def test_faults_of_datasets_and_models_are_found(tmp_path):
    plain = {"scenario": "math", "modalities": ("text",)}
    registry = _registry(
        DatasetSpec(name="one", title=" ", id_prefix="Same", aliases=("uno",), **plain),
        DatasetSpec(name="two", title="Two", id_prefix="same", aliases=("one",), expected_instances=0, **plain),
        DatasetSpec(name="both", title="Both", members=("one", "absent"), **plain),
        ModelSpec(name="large", title="Large", csv_columns=("M", "m"), parameters_b=-1),
        ModelSpec(name="small", title="Small", csv_columns=("M",)),
    )
    one, two, both = (_verdicts(registry, name, tmp_path) for name in ("mmr-facts/one", "two", "both"))
    large, small = (_verdicts(registry, name, tmp_path) for name in ("large", "small"))
    assert one["described"].came == "its title is empty"
    assert one["own-id-prefix"].came == "mmr-facts/two also has the id prefix 'Same'"
    assert two["described"].came == "expected_instances is 0"
    assert two["found-by-its-names"].came == "'one' finds mmr-facts/one"
    assert "absent" in both["members-exist"].came
    assert large["described"].came == "parameters_b is -1"
    assert "name a column twice" in large["own-columns"].came
    assert small["own-columns"].came == "mmr-facts/large also has the column 'm'"
    assert {one["makes-a-table"].verdict, small["makes-a-table"].verdict} == {"passed"}


def test_a_name_is_that_of_a_component_or_of_a_distribution_with_all_it_provides(tmp_path):
    registry = _registry(
        DatasetSpec(name="same", title="S", scenario="math", modalities=("text",), id_prefix="S"),
        ModelSpec(name="same", title="S"),
    )
    assert [target.word for target in targets("mmr_facts", registry)] == ["dataset", "model"]
    assert [target.word for target in targets("mmr-facts", registry, "model")] == ["model"]
    assert targets("same", registry, "model")[0].contribution.canonical_id == "mmr-facts/same"
    with pytest.raises(
        UsageError, match="'same' exists in several kinds: dataset, model; choose one, such as --kind dataset"
    ):
        targets("same", registry)
    with pytest.raises(UnknownNameError, match="did you mean 'same'"):
        targets("sme", registry)
    with pytest.raises(UsageError, match="'modle' is not a kind that can be checked, did you mean 'model'"):
        targets("same", registry, "modle")
    with pytest.raises(UsageError, match="a model has no parameters"):
        list(check_target(targets("same", registry, "model")[0], registry, tmp_path, parameters={"a": 1}))


def test_practice_data_follow_from_their_arguments_alone(tmp_path):
    first, second = practice(tmp_path, models=3), practice(tmp_path, models=3, secret=1)
    np.testing.assert_array_equal(first.lesson.utility, second.lesson.utility)
    np.testing.assert_array_equal(first.asked.embeddings.text, second.asked.embeddings.text)
    assert (first.hidden.size, len(np.unique(second.hidden))) == (0, second.hidden.size)
    assert not np.intersect1d(second.hidden, practice(tmp_path, models=3, secret=2).hidden).size
    assert len(set(questions(200))) == 200
    assert set(map(tuple, first.lesson.features.embeddings.mask.tolist())) == {
        (a, b) for a in (True, False) for b in (True, False)
    }


def test_the_target_of_a_kind_has_its_checks():
    one = next(c for c in REGISTRY.discovery.contributions if c.word == "router")
    assert Target(word="router", contribution=one).checks == CHECKS["router"]
