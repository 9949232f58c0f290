"""Names on the board can be read, and pass for nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mmr_leaderboard.submission.manifest import Pins
from mmr_leaderboard.submission.names import REFERENCES, claims_to_be_the_benchmark, passes_for, skeleton, unreadable
from mmr_leaderboard.submission.pins import Expected
from mmr_leaderboard.submission.skeleton import write_skeleton
from mmr_leaderboard.submission.statements import names_test_split
from mmr_leaderboard.submission.validation import Submission, judge, judge_all

EXPECTED = Expected(
    pins=Pins(table="1" * 32, split="2" * 32, pool="3" * 32),
    test_ids=("Toy_1", "Toy_2"),
    pool=("GPT-4o", "large-2.5"),
    references=("oracle", "model:GPT-4o"),
)
Submit = Callable[..., Path]


@pytest.fixture
def submit(tmp_path: Path) -> Submit:
    def make(slug: str, name: str, authors: str = "Somebody", **router: str) -> Path:
        given = router or {"requirement": f"mmr-router-{slug}==1.0", "router": slug}
        write_skeleton(slug, tmp_path, EXPECTED, "plugin", **given)
        manifest = tmp_path / slug / "submission.toml"
        lines = manifest.read_text().splitlines()
        named = [f'display_name = "{name}"' if line.startswith("display_name") else line for line in lines]
        manifest.write_text("\n".join(named).replace("Your Name", authors))
        return tmp_path / slug

    return make


def codes(submission: Submission) -> list[str]:
    return [found.code for found in submission.findings]


@pytest.mark.parametrize(
    "name",
    [
        "Oracle, cost-aware",
        "\u041eracle",  # Cyrillic O
        "\u041eR\u0410\u0421\u013d\u0415",  # Cyrillic capitals and an L with a mark
        "O\U0001d5cbacle",  # a mathematical r
        "0RACLE (cost aware)",
        "Best single model",
        "GPT\u20114o",
        "Large 2.5",
    ],
)
def test_a_name_that_passes_for_a_reference_or_a_model_is_found_out(name):
    assert passes_for(name, (*EXPECTED.references, *EXPECTED.pool), REFERENCES)


@pytest.mark.parametrize(
    "name", ["Random forest", "GPT-4o cascade", "k-NN", "\u8def\u7531\u5668", "\u03bb-Router", "Na\u00efve"]
)
def test_a_name_of_its_own_is_left_alone(name):
    assert unreadable(name) == ""
    assert not passes_for(name, (*EXPECTED.references, *EXPECTED.pool), REFERENCES)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("\u2800", "show nothing"),
        ("a\u3164b", "show nothing"),
        ("Rou\u200bter", "show nothing"),
        ("...", "no letter"),
        ("a\u0301\u0302\u0303\u0304", "marks"),
        ("R\u043euter", "mixes Cyrillic and Latin"),
        ("\u13aa\u13a1", "not in everyday use"),
    ],
)
def test_a_name_that_cannot_be_read_is_refused_and_the_reason_told(submit, name, why):
    found = judge(submit("mine", name), EXPECTED, pinned=True)
    assert "misleading-name" in codes(found)
    assert any(why in each.message for each in found.findings)


def test_skeletons_are_equal_for_what_looks_alike():
    assert skeleton("K\u2011means") == skeleton("K-Means") == skeleton("\u041a-\u043c\u0435\u0430ns")
    assert skeleton("rnodel 10") == skeleton("model l0")
    assert skeleton("k-NN") != skeleton("k-NM")


@pytest.mark.parametrize("author", ["The MMR-Bench authors", "mmr bench team", "\u041c\u041cR-B\u0435n\u0441h"])
def test_only_built_in_routers_are_by_the_authors_of_the_benchmark(submit, author):
    assert claims_to_be_the_benchmark(author)
    assert "misleading-name" in codes(judge(submit("mine", "Mine", author), EXPECTED, pinned=True))
    own = submit("own", "Own", "The MMR-Bench authors", router="knn", requirement=_home())
    assert codes(judge(own, EXPECTED, pinned=True)) == []


def test_a_published_name_is_kept_from_new_entries(submit):
    folders = [submit("a-new-one", "\u041a-means"), submit("kmeans", "K-means")]
    one, other = judge_all(folders, EXPECTED, {"kmeans": judge(folders[1], EXPECTED, pinned=True).digest}, pinned=True)
    assert codes(one) == ["misleading-name"]
    assert codes(other) == []


def test_a_new_entry_costs_a_built_in_one_no_name(submit):
    folders = [submit("a-new-one", "K-means"), submit("kmeans", "K-means", router="kmeans", requirement=_home())]
    one, other = judge_all(folders, EXPECTED, {}, pinned=True)
    assert (codes(one), codes(other)) == (["misleading-name"], [])


@pytest.mark.parametrize(
    "said",
    ["mmr-v1 t e s t split", "te\u2800st", "\u0442\u0435\u0455\u0442 split", "t\u0332est", "te\tst", "h e l d o u t"],
)
def test_the_test_split_is_known_in_other_letters_and_torn_apart(said):
    assert names_test_split(said)


@pytest.mark.parametrize("said", ["the latest contest", "mmr-v1 training split", "a best of", "MMLU-test-taking"])
def test_other_words_are_not_the_test_split(said):
    assert not names_test_split(said)


@pytest.mark.parametrize(
    ("url", "commit", "license", "wrong"),
    [
        ("https://github.com/me/router", "a" * 40, "MIT", []),
        ("https://github.com/me/router", "a" * 40, "MIT OR Apache-2.0", []),
        ("https://github.com/me", "a" * 40, "MIT", ["source.url"]),
        ("https://github.com/me/router", "abcdef0", "MIT", ["source.commit"]),
        ("https://github.com/me/router", "a" * 40, "Mine", ["source.license"]),
        ("https://github.com/me/router", "a" * 40, "LicenseRef-Mine", ["source.license"]),
        ("https://me.org", "", "", ["source.license", "source.commit", "source.url"]),
    ],
)
def test_the_badge_needs_a_repository_a_whole_commit_and_a_known_licence(submit, url, commit, license, wrong):
    folder = submit("mine", "Mine")
    lines = f'[source]\nurl = "{url}"\ncommit = "{commit}"\nlicense = "{license}"\nopen_source = true\n[router]'
    manifest = folder / "submission.toml"
    manifest.write_text(manifest.read_text().replace("[router]", lines, 1))
    found = judge(folder, EXPECTED, pinned=True).findings
    assert [each.where.removeprefix("submission.toml, ") for each in found] == wrong
    assert {each.code for each in found} <= {"badge-without-source"}


def _home() -> str:
    from importlib.metadata import version

    return f"mmr-bench=={version('mmr-bench')}"
