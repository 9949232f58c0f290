"""What a manifest states is read strictly, judged against the board, and told by field."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.errors import DataError
from mmr_core.outcomes import OutcomeTable, object_array
from mmr_core.runner.options import Options
from mmr_core.runner.prepare import prepare
from mmr_core.splits import split_digest
from mmr_leaderboard.submission.manifest import Pins, read_manifest
from mmr_leaderboard.submission.pins import Expected, expected_of, expected_without_features, pool_digest
from mmr_leaderboard.submission.skeleton import write_skeleton
from mmr_leaderboard.submission.statements import names_test_split
from mmr_leaderboard.submission.validation import Submission, judge, judge_all

EXPECTED = Expected(
    pins=Pins(table="1" * 32, split="2" * 32, pool="3" * 32),
    test_ids=("Toy_1", "Toy_2"),
    pool=("small", "large"),
    references=("oracle", "model:small"),
)
VALID = """
schema_version = 1
slug = "my-entry"
display_name = "Mine"
authors = ["A. Author"]
contact = "a@example.org"
kind = "plugin"
track = "text"
[router]
requirement = "mmr-bench==0.1.0"
name = "knn"
[pins]
table = "11111111111111111111111111111111"
split = "22222222222222222222222222222222"
pool = "33333333333333333333333333333333"
"""
Build = Callable[..., OutcomeTable]


def wrong(text: str | bytes) -> list[tuple[str, str]]:
    manifest, findings = read_manifest(text.encode() if isinstance(text, str) else text)
    assert (manifest is None) == bool(findings)
    assert all(found.code == "bad-manifest" for found in findings)
    return [(found.where.removeprefix("submission.toml").removeprefix(", "), found.message) for found in findings]


def test_a_valid_manifest_is_read_with_lines_ended_either_way() -> None:
    assert wrong(VALID) == []
    assert wrong(VALID.replace("\n", "\r\n")) == []


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("schema_version = 1", "schema_version = 2", "schema_version", "should be 1"),
        ("schema_version = 1", "schema_version = true", "schema_version", "should be 1"),
        ('slug = "my-entry"', 'slug = "My entry"', "slug", "match pattern"),
        ('authors = ["A. Author"]', 'authors = "A. Author"', "authors", "valid array"),
        ('authors = ["A. Author"]', "", "authors", "Field required"),
        ('authors = ["A. Author"]', 'authors = ["A", "B\\u202ec"]', "authors[1]", "U+202E"),
        ('display_name = "Mine"', 'display_name = "a\\u001b[31m"', "display_name", "U+001B"),
        ('display_name = "Mine"', 'display_name = "a\\nb"', "display_name", "one line"),
        ('kind = "plugin"', 'kind = "magic"', "kind", "'plugin' or 'decisions'"),
        ('kind = "plugin"', 'kind = "decisions"', "", "no [router]"),
        ('name = "knn"', 'name = "knn"\nseed = "5"', "router.seed", "valid integer"),
        ('name = "knn"', 'name = "knn"\nseed = -1', "router.seed", "greater than or equal to 0"),
        ('name = "knn"', 'name = "knn"\nsede = 1', "router.sede", "not permitted"),
        ('name = "knn"', 'name = "knn"\nparams = {a = nan}', "router.params.a", "finite"),
        ('name = "knn"', 'name = "knn"\nparams = {a = [1, 2020-01-01]}', "router.params.a[1]", "date"),
        ('name = "knn"', 'name = "knn"\nhashes = ["md5:0"]', "router.hashes[0]", "match pattern"),
        ('"mmr-bench==0.1.0"', '"mmr-bench>=0.1"', "router.requirement", "match pattern"),
        ('"mmr-bench==0.1.0"', '"mmr-bench==0.1.0\\n--index-url=x"', "router.requirement", "match pattern"),
        ("[pins]", '[source]\nurl = "javascript:alert(1)"\n[pins]', "source.url", "match pattern"),
        ("[pins]", '[source]\nurl = "https://x"\nopen_source = "yes"\n[pins]', "source.open_source", "valid boolean"),
        ("[pins]", "[pins", "", "line 12"),
        ('slug = "my-entry"', "slug = 'a'\nslug = 'b'", "", "line 4"),
    ],
)
def test_a_wrong_field_is_told_by_its_path_and_by_what_is_due(old: str, new: str, place: str, said: str) -> None:
    assert old in VALID
    findings = wrong(VALID.replace(old, new))
    assert findings[0][0] == place
    assert said in findings[0][1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Field required"),
        (VALID.encode("utf-16"), "UTF-8"),
        (b"a = 1\nb = '\xff'", "UTF-8"),
        (b"a = " + b"[" * 30_000, "deeply"),
        (b"a" + b".a" * 20_000 + b" = 1", "deeply"),
        (b"[" + b'"a" . ' * 10_000 + b"a]", "deeply"),
        (b"x = {a" + b".a" * 20_000 + b" = 1}", "deeply"),
        (b"a = " + b"9" * 5_000, "not TOML"),
        (b"\0", "not TOML"),
        (b"\xef\xbb\xbf" + VALID.encode(), "not TOML"),
    ],
)
def test_what_is_no_manifest_at_all_is_told_on_one_line(content: bytes, said: str) -> None:
    assert said in wrong(content)[0][1]


def test_bytes_that_are_no_text_are_told_by_their_line() -> None:
    assert wrong(b"a = 1\nb = '\xff'")[0][0] == "line 2"


def test_of_a_thousand_wrong_fields_a_few_are_told() -> None:
    findings = wrong("".join(f"x{i} = 1\n" for i in range(1000)))
    assert len(findings) == 21
    assert "more fields are wrong" in findings[-1][1]


WORDS = st.sampled_from(["slug", "router", "pins", "params", "x", "authors", "source", "kind", "schema_version"])
VALUES = st.recursive(
    st.one_of(st.integers(), st.booleans(), st.floats(), st.text(max_size=8).map(repr), st.just('"plugin"')),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(map(str, items))}]"),
    max_leaves=4,
)
LINES = st.one_of(
    st.builds("{} = {}".format, WORDS, VALUES),
    WORDS.map("[{}]".format),
    WORDS.map("[[{}]]".format),
    st.text(max_size=9),
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.lists(LINES, max_size=8).map(lambda lines: "\n".join(lines).encode())))
def test_no_bytes_make_reading_a_manifest_raise(content: bytes) -> None:
    _, findings = read_manifest(content)
    assert all(str(found).isprintable() for found in findings)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_change_of_a_valid_manifest_makes_reading_raise(data: st.DataObject) -> None:
    content = bytearray(VALID.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    _, findings = read_manifest(bytes(content))
    assert all(str(found).isprintable() for found in findings)


@pytest.mark.parametrize(
    "said",
    [
        "test",
        "Test Split",
        "mmr-v1  TEST",
        "test_split",
        "testset",
        "mmr-v1-test",
        "train+test",
        "train/test splits",
        "evaluation split",
        "Eval-set",
        "held-out rows",
        "all data",
        "the full MMR-Bench table",
        "whole dataset",
        "everything",
        "not the test split",
        "ＴＥＳＴ",
        "t\u200best",
        "MathVista testmini",
    ],
)
def test_the_test_split_is_known_by_its_names(said: str) -> None:
    assert names_test_split(said)


@pytest.mark.parametrize(
    "said",
    [
        "mmr-v1 training split",
        "validation part of mmr-v1",
        "latest",
        "contest logs",
        "protest",
        "attestation",
        "MMLU-test-taking",
        "all data of the training split",
        "full, training part",
        "human evaluation of answers",
        "A/B testing logs",
        "all-MiniLM-L6 embeddings",
        "LLaVA instructions",
    ],
)
def test_other_words_do_not_name_the_test_split(said: str) -> None:
    assert not names_test_split(said)


def entry(folder: Path, slug: str = "my-entry", text: str = VALID) -> Path:
    (folder / slug).mkdir()
    (folder / slug / "submission.toml").write_text(text.replace("my-entry", slug))
    return folder / slug


def decided(folder: Path, slug: str, order: tuple[int, ...] = (0, 1), point: str = "a") -> Path:
    """A valid submission of decisions."""
    write_skeleton(slug, folder, EXPECTED, "decisions")
    rows = [f"Toy_1,{point},small\n", f"Toy_2,{point},large\n"]
    text = "instance_id,operating_point,model\n" + "".join(rows[i] for i in order)
    (folder / slug / "decisions.csv.gz").write_bytes(gzip.compress(text.encode()))
    return folder / slug


def codes(submission: Submission) -> list[str]:
    return [found.code for found in submission.findings]


def test_a_stale_pin_is_reported_with_the_expected_one(tmp_path: Path) -> None:
    stale = judge(entry(tmp_path, text=VALID.replace("3" * 32, "4" * 32)), EXPECTED, pinned=True)
    assert codes(stale) == ["stale-pins"]
    assert stale.findings[0].where == "submission.toml, pins.pool"
    assert stale.findings[0].message == f"expected {'3' * 32}, got {'4' * 32}"
    assert stale.refused


def test_on_a_table_that_nobody_pins_only_decisions_must_be_made_for_it(tmp_path: Path) -> None:
    other = replace(EXPECTED, pins=Pins(table="7" * 32, split="2" * 32, pool="3" * 32))
    assert codes(judge(entry(tmp_path), other, pinned=False)) == []
    assert codes(judge(decided(tmp_path, "others"), other, pinned=False)) == ["stale-pins"]


@pytest.mark.parametrize(
    "name", ["oracle", "Oracle", "best-single", "model:small", "random", "mmr-bench/random", "constant"]
)
def test_a_reference_row_is_no_router(tmp_path: Path, name: str) -> None:
    assert codes(judge(entry(tmp_path, text=VALID.replace("knn", name)), EXPECTED, pinned=True)) == ["reference-row"]


def test_a_third_party_may_call_its_router_random_under_its_own_name(tmp_path: Path) -> None:
    assert codes(judge(entry(tmp_path, text=VALID.replace("knn", "theirs/random")), EXPECTED, pinned=True)) == []


@pytest.mark.parametrize("setting", ['params = {scope = "batch"}', 'fusion_params = {Scope = " BATCH "}'])
def test_statistics_of_the_batch_are_transductive(tmp_path: Path, setting: str) -> None:
    text = VALID.replace('name = "knn"', f'name = "knn"\n{setting}')
    assert codes(judge(entry(tmp_path, text=text), EXPECTED, pinned=True)) == ["transductive"]


def test_a_plugin_brings_no_decisions_and_decisions_bring_no_wheels(tmp_path: Path) -> None:
    plugin, choice = entry(tmp_path), decided(tmp_path, "others")
    (plugin / "decisions.csv.gz").write_bytes(b"whatever")
    (choice / "wheels").mkdir()
    (choice / "wheels" / "a-1-py3-none-any.whl").write_bytes(b"PK")
    assert codes(judge(plugin, EXPECTED, pinned=True)) == ["unexpected-file"]
    assert codes(judge(choice, EXPECTED, pinned=True)) == ["unexpected-file"]


def test_an_entry_without_manifest_or_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my-entry").mkdir()
    assert codes(judge(tmp_path / "my-entry", EXPECTED, pinned=True)) == ["bad-manifest"]
    assert "bad-slug" in codes(judge(tmp_path / "nothing", EXPECTED, pinned=True))


def test_of_two_entries_with_the_same_decisions_the_published_one_stays(tmp_path: Path) -> None:
    folders = [decided(tmp_path, "first-entry"), decided(tmp_path, "second-entry", order=(1, 0), point="z")]
    neither = judge_all(folders, EXPECTED, {}, pinned=True)
    assert [codes(one) for one in neither] == [["duplicate-entry"], ["duplicate-entry"]]
    assert "second-entry" in neither[0].findings[0].message
    assert "first-entry" in neither[1].findings[0].message
    one = judge_all(folders, EXPECTED, {"second-entry": neither[1].digest}, pinned=True)
    assert [codes(each) for each in one] == [["duplicate-entry"], []]


def test_the_same_router_made_the_same_way_is_one_entry(tmp_path: Path) -> None:
    first, second = entry(tmp_path), entry(tmp_path, "other-entry")
    other = entry(tmp_path, "third-entry", VALID.replace('name = "knn"', 'name = "knn"\nparams = {neighbours = 7}'))
    found = judge_all([first, second, other], EXPECTED, {}, pinned=True)
    assert [codes(one) for one in found] == [["duplicate-entry"], ["duplicate-entry"], []]


def test_versions_form_a_chain(tmp_path: Path) -> None:
    path = decided(tmp_path, "my-entry")
    first = judge_all([path], EXPECTED, {}, pinned=True)[0].digest
    assert codes(judge_all([path], EXPECTED, {"my-entry": first}, pinned=True)[0]) == []

    manifest = path / "submission.toml"
    original = manifest.read_text()
    manifest.write_text(original.replace('notes = ""', 'notes = "better"'))
    changed = judge_all([path], EXPECTED, {"my-entry": first}, pinned=True)[0]
    assert codes(changed) == ["changed-without-supersedes"]
    assert first in changed.findings[0].message

    manifest.write_text(f'supersedes = "{first}"\n{original}')
    second = judge_all([path], EXPECTED, {"my-entry": first}, pinned=True)[0]
    assert codes(second) == []
    assert second.digest != first

    manifest.write_text(f'supersedes = "{second.digest}"\n{original}')
    third = judge_all([path], EXPECTED, {"my-entry": second.digest}, pinned=True)[0]
    assert codes(third) == []
    assert third.digest not in (first, second.digest)


def test_what_is_expected_is_the_same_with_and_without_features(table: Build, tmp_path: Path) -> None:
    from mmr_core.features import FeatureCache
    from mmr_core.features.selection import FeatureChoice, feature_source
    from mmr_core.registry import Registry

    made = table(models=3, instances=60, missing=0.01)
    spec = made.spec_of("alpha")
    registry = Registry.discover(trusts=lambda distribution: distribution == "mmr-bench")
    source = feature_source(FeatureChoice(encoder="lite"), registry, cache=FeatureCache(tmp_path))
    prepared = prepare(made, spec, source, Options(allow_incomplete=True))
    expected = expected_of(prepared, made)
    assert expected == expected_without_features(made, spec)
    own = made.take(np.flatnonzero(made.dataset == "alpha"))
    assert expected.pins.table == made.digest()
    assert expected.pins.split == split_digest(own.dataset, own.instance_id)
    assert expected.pins.pool == pool_digest(["model-0", "model-1", "model-2"])
    assert len(expected.test_ids) == int(prepared.test.sum())
    assert "model:model-2" in expected.references


def test_the_pool_is_pinned_in_its_order() -> None:
    assert pool_digest(["a", "b"]) != pool_digest(["b", "a"]) != pool_digest(["ab"])


def test_ids_of_two_datasets_are_told_apart(table: Build) -> None:
    made = table(models=2, instances=80)
    shared = replace(made, instance_id=object_array(f"Toy_{i // 2}" for i in range(80)))
    spec = replace(made.spec_of("alpha"), name="both", id_prefix="Both", members=("alpha", "beta"))
    ids = expected_without_features(shared, spec).test_ids
    assert len(set(ids)) == len(ids)
    assert any(name.startswith("alpha/Toy_") for name in ids)
    with pytest.raises(DataError, match="2 test instances are called"):
        Expected(pins=EXPECTED.pins, test_ids=("a", "a"), pool=("b",), references=())
