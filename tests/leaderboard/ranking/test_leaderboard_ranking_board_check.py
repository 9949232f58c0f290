"""`--check` notices whatever a run determines, to the tolerance and no further, and nothing that it does not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_leaderboard.publish.choices import Choices, EntryChoices
from mmr_leaderboard.publish.publication import DOCUMENT, PAGE, publish, render
from mmr_leaderboard.ranking.board_check import TOLERANCE, choice_differences, differences, stale_files
from mmr_leaderboard.schema import Leaderboard

Place = tuple[str | int, ...]
Json = dict[str, Any]

UNDETERMINED = ("latency", "isolation", "commit")
COUNTED_ANEW = ("compared", "changed", "share")
FRONTIERS = ("frontier", "dataset_frontiers")
CURVES = (*FRONTIERS, "points")


@pytest.fixture(scope="module")
def plain(board: Leaderboard) -> Json:
    """The realistic document cut to three entries, a reference, a dataset, three models and short curves."""
    made: Json = board.model_dump(mode="json")
    kept = ("mlp-mf", "zz-hostile", "hand-made")
    made["entries"] = [entry for entry in made["entries"] if entry["slug"] in kept]
    made["references"] = made["references"][:1]
    for row in made["entries"] + made["references"]:
        for field in ("datasets", "scenarios", "dataset_frontiers"):
            row[field] = dict(list(row[field].items())[:1])
        row["dataset_frontiers"] = {name: curve[:6] for name, curve in row["dataset_frontiers"].items()}
        row.update({field: row[field][:6] for field in ("frontier", "points") if field in row})
    for models in (made["table"], made["table"]["datasets"][0]):
        models["models"] = models["models"][-3:]
    made["table"]["datasets"] = made["table"]["datasets"][:1]
    made["comparisons"] = [pair for pair in made["comparisons"] if pair["better"] in kept and pair["worse"] in kept]
    for entry in made["entries"]:
        entry["ties"] = [slug for slug in entry["ties"] if slug in kept]
    return made


def document(plain: Json) -> Leaderboard:
    return Leaderboard.model_validate_json(json.dumps(plain))


def leaves(part: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every leaf of a document by its place; an empty list or object is a leaf."""
    if isinstance(part, dict) and part:
        for key, value in part.items():
            yield from leaves(value, (*place, key))
    elif isinstance(part, list) and part:
        for at, value in enumerate(part):
            yield from leaves(value, (*place, at))
    else:
        yield place, part


def put(plain: Json, place: Place, value: Any) -> Json:
    made = copy.deepcopy(plain)
    inside: Any = made
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = value
    return made


def determined(place: Place) -> bool:
    words = [step for step in place if isinstance(step, str)]
    if place[0] == "settings" and "versions" in words:
        return False
    return not (
        place[0] == "entries" and (words[1] in UNDETERMINED or ("checks" in words and words[-1] in COUNTED_ANEW))
    )


def others(plain: Json, place: Place, value: Any) -> list[Any]:
    """What could stand in a leaf's place, clearly different; not all of it fits the schema."""
    siblings = [entry[place[2]] for entry in plain["entries"]] if place[0] == "entries" and len(place) == 3 else []
    siblings = [each for each in siblings if each != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 7, None]
    if isinstance(value, float):
        far = [value * 1.1] if {"cost", "cost_low", "cost_high"} & set(place) else [value + 0.3, value - 0.3]
        return [*far, None]
    if isinstance(value, str):
        words = ["decisions", "plugin", "text", "image", "multimodal", "self-reported", "unverified", "reproduced"]
        words += ["bubblewrap", "landlock"]
        return [f"{value}!", *(word for word in words if word != value and value in words)]
    if value is None:
        return [0.25, 3, "something", "landlock", *siblings]
    if isinstance(value, list):
        return [["something"], [{"code": "raised", "where": "x", "message": "y"}], *siblings]
    return [{"something": "new"}, {"something": 1.5}]


def accepted(plain: Json) -> Leaderboard | None:
    try:
        return document(plain)
    except ValueError:
        return None


def in_curve(place: Place) -> bool:
    return bool(set(CURVES) & set(place))


def test_a_document_does_not_differ_from_itself(board, plain):
    assert differences(board, board) == []
    assert differences(document(plain), document(plain)) == []


@pytest.mark.parametrize("part", ["title", "table", "settings", "entries", "references", "refused", "comparisons"])
def test_every_leaf_that_a_run_determines_is_noticed(plain, part):
    fresh, tried, unnoticed = document(plain), 0, []
    for place, value in leaves(plain[part], (part,)):
        if in_curve(place):
            continue  # compared as functions, below
        changed = [
            made for other in others(plain, place, value) if (made := accepted(put(plain, place, other))) is not None
        ]
        found = [differences(made, fresh) for made in changed]
        tried += len(changed)
        if determined(place):
            unnoticed += [".".join(map(str, place)) for lines in found if not lines]
        else:
            assert not any(found), place
    assert unnoticed == []
    assert tried > 0


def test_hardly_a_leaf_escapes_the_mutations(plain):
    """So that the test above cannot pass because nothing that it tries fits the schema."""
    untried = {
        place
        for place, value in leaves(plain)
        if not in_curve(place) and not any(accepted(put(plain, place, other)) for other in others(plain, place, value))
    }
    # A version that has one value alone, lists that have to agree with the figures beside them, and the ends of an
    # interval that is not there, or infinite: one of them cannot change alone.
    assert {str(place[-1]) for place in untried} == {"schema_version", "infinite", "low", "high"}
    assert not {place for place, value in leaves(plain) if place[-1] in ("low", "high") and value is not None} & untried


def test_a_figure_that_became_infinite_is_noticed(plain):
    figure = {"value": None, "low": None, "high": None, "infinite": ["value", "low", "high"], "reason": ""}
    nothing = {**figure, "infinite": [], "reason": "no draw gave a figure"}
    for one, other in (("entries", 0), ("references", 0)):
        made = [put(plain, (one, other, "metrics", "qnc"), each) for each in (figure, nothing)]
        assert len(differences(document(made[0]), document(plain))) > 0
        assert any("infinite" in line for line in differences(document(made[0]), document(made[1])))


@pytest.mark.parametrize(
    ("kind", "field"), [*(("entries", field) for field in CURVES), *(("references", field) for field in FRONTIERS)]
)
def test_a_curve_that_is_higher_anywhere_is_noticed(plain, kind, field):
    fresh = document(plain)
    curves = plain[kind][0][field]
    at = next(iter(curves)) if field == "dataset_frontiers" else None
    curve = curves if at is None else curves[at]
    place = (kind, 0, field) if at is None else (kind, 0, field, at)
    for corner, (cost, utility) in enumerate(curve):
        for lift, noticed in ((0.6 * TOLERANCE, False), (2 * TOLERANCE, True), (-2 * TOLERANCE, True)):
            made = document(put(plain, (*place, corner), [cost, utility + lift]))
            assert bool(differences(made, fresh)) is noticed, (corner, lift)


def test_a_corner_more_on_the_same_line_is_no_difference(plain):
    curve = plain["entries"][0]["frontier"]
    (c0, u0), (c1, u1) = curve[2:4]
    more = [*curve[:3], [(c0 + c1) / 2, (u0 + u1) / 2], *curve[3:]]
    assert differences(document(put(plain, ("entries", 0, "frontier"), more)), document(plain)) == []


@pytest.mark.parametrize("kept", [slice(None, -1), slice(1, None), slice(0, 0)])
def test_a_frontier_over_other_costs_is_noticed_even_where_it_is_flat(plain, kept):
    flat = [[1e-6 * 10**k, 0.7] for k in range(4)]
    fresh = put(plain, ("entries", 0, "frontier"), flat)
    made = put(plain, ("entries", 0, "frontier"), flat[kept])
    [line] = differences(document(made), document(fresh))
    assert line.startswith("entry 'mlp-mf', frontier: ")


@given(share=st.floats(-3, 3), figure=st.sampled_from(["nauc", "skill", "peak"]), end=st.sampled_from(["value", "low"]))
@settings(max_examples=60, deadline=None)
def test_figures_differ_from_a_thousandth_on(plain, share, figure, end):
    place = ("entries", 0, "metrics", figure, end)
    value = plain["entries"][0]["metrics"][figure][end]
    made = document(put(plain, place, value + share * TOLERANCE))
    found = [line for line in differences(made, document(plain)) if figure in line]
    if abs(share) < 0.99:
        assert found == []
    elif abs(share) > 1.01:
        assert len(found) == 1


@given(share=st.floats(-3, 3))
@settings(max_examples=60, deadline=None)
def test_costs_differ_from_a_thousandth_of_themselves_on_however_small(plain, share):
    place = ("table", "models", -1, "cost")  # 7.1e-6 USD: far below any absolute tolerance
    made = document(put(plain, place, plain["table"]["models"][-1]["cost"] * (1 + share * TOLERANCE)))
    found = differences(made, document(plain))
    if abs(share) < 0.99:
        assert found == []
    elif abs(share) > 1.01:
        assert len(found) == 1


def test_a_field_that_only_one_document_has_is_noticed_even_if_it_is_null(plain):
    statistics = plain["entries"][0]["audit"]["statistics"]
    made = put(plain, ("entries", 0, "audit", "statistics"), {**statistics, "extra": None})
    assert len(differences(document(made), document(plain))) == 1
    assert len(differences(document(plain), document(made))) == 1


def without(plain: Json, slug: str) -> Json:
    made = copy.deepcopy(plain)
    made["entries"] = [entry for entry in made["entries"] if entry["slug"] != slug]
    made["comparisons"] = [pair for pair in made["comparisons"] if slug not in (pair["better"], pair["worse"])]
    return made


def test_entries_that_one_side_has_are_named(plain):
    assert differences(document(without(plain, "hand-made")), document(plain)) == ["entry 'hand-made' is not published"]
    assert differences(document(plain), document(without(plain, "hand-made"))) == [
        "entry 'hand-made' is published and a fresh run has none"
    ]
    assert "entry 'mlp-mf' is not published" in differences(document(without(plain, "mlp-mf")), document(plain))
    gone = differences(document(plain), document(without(plain, "mlp-mf")))
    assert gone == ["entry 'mlp-mf' is published and a fresh run has none"]


def test_an_entry_that_is_published_twice_is_noticed(plain):
    made = copy.deepcopy(plain)
    made["entries"].insert(0, {**made["entries"][0], "display_name": "Another name"})
    assert "entry 'mlp-mf' is published 2 times" in differences(document(made), document(plain))


def swapped(board: Leaderboard, one: str, other: str) -> Leaderboard:
    entries = list(board.entries)
    i, j = ([entry.slug for entry in entries].index(slug) for slug in (one, other))
    entries[i], entries[j] = entries[j], entries[i]
    return board.model_copy(update={"entries": tuple(entries)})


def test_order_among_ties_is_no_difference_and_across_decided_pairs_it_is(board):
    assert differences(swapped(board, "mlp-mf", "myidea"), board) == []
    assert "entry 'linear-mf' stands before 'mlp-mf', which is clearly better" in differences(
        swapped(board, "mlp-mf", "linear-mf"), board
    )


def test_an_unranked_entry_stands_below_all_that_are_ranked(board):
    assert "entry 'lookup-table' stands among the ranked" in differences(swapped(board, "mlp", "lookup-table"), board)


def test_unranked_entries_stand_by_their_figures(board):
    found = differences(swapped(board, "lookup-table", "unsafe-trial"), board)
    assert any("stands before" in line and "greater nAUC" in line for line in found)


def with_pair(board: Leaderboard, slugs: tuple[str, str], **changes: Any) -> Leaderboard:
    pairs = tuple(
        pair.model_copy(update=changes) if (pair.better, pair.worse) == slugs else pair for pair in board.comparisons
    )
    return board.model_copy(update={"comparisons": pairs})


FIRST = ("mlp-mf", "myidea")


def test_ranks_may_follow_a_pair_that_only_just_became_decided(board):
    fresh = with_pair(board, FIRST, p=0.049, p_holm=0.0504, decided=False)
    just = with_pair(board, FIRST, p=0.049, p_holm=0.0497, decided=True)
    entries = tuple(
        entry.model_copy(update={"ties": (), "rank": 2 if entry.slug == "myidea" else entry.rank})
        for entry in just.entries
    )
    made = just.model_copy(update={"entries": entries})
    assert differences(made, fresh) == []
    assert any(
        "ties" in line for line in differences(made.model_copy(update={"comparisons": board.comparisons}), board)
    )


def test_a_pair_that_turned_over_within_the_tolerance_is_no_difference(board):
    fresh = with_pair(board, FIRST, difference=0.0002, low=-0.005, high=0.0054, p=0.94, p_holm=1.0)
    turned = with_pair(
        board, FIRST, better="myidea", worse="mlp-mf", difference=0.0002, low=-0.0054, high=0.005,
        p=0.94, p_holm=1.0,
    )  # fmt: skip
    assert differences(turned, fresh) == []


def test_a_published_folder_is_stale_where_a_file_is_changed_gone_or_more(board, tmp_path):
    publish(board, tmp_path)
    rendered = render(board)
    assert stale_files(tmp_path, rendered) == []
    (tmp_path / PAGE).write_text("another page")
    (tmp_path / "site" / "index.html").unlink()
    (tmp_path / "site" / "more.html").write_text("<script>")
    (tmp_path / "site" / "link").symlink_to(tmp_path)
    (tmp_path / "audit.jsonl").write_text("")
    assert stale_files(tmp_path, rendered) == [
        f"{PAGE} is not what leaderboard.json gives",
        "site/index.html is missing",
        "site/link does not belong: leaderboard.json gives no such file",
        "site/more.html does not belong: leaderboard.json gives no such file",
    ]


def test_the_document_itself_is_stale_where_its_text_is_not_what_a_run_writes(board, tmp_path):
    publish(board, tmp_path)
    file = tmp_path / DOCUMENT
    file.write_text(json.dumps(json.loads(file.read_text())))
    assert stale_files(tmp_path, render(board)) == [f"{DOCUMENT} is not what leaderboard.json gives"]


@pytest.fixture
def choices() -> Callable[..., Choices]:
    def make(flips: int = 0, **changes: Any) -> Choices:
        point = tuple([1] * flips + [0] * (2000 - flips))
        entry = {"digest": "d", "points": (point, point), "superseded": (point,)}
        head = {"table": "t", "split_digest": "s", "models": ("a", "b")}
        own = {key: value for key, value in changes.items() if key in entry}
        entries = changes.get("entries", {"x": EntryChoices(**{**entry, **own})})
        return Choices(**{**head, **{k: v for k, v in changes.items() if k in head}}, entries=entries)

    return make


def test_choices_may_turn_over_in_one_decision_of_a_thousand(choices):
    assert choice_differences(choices(), choices()) == []
    assert choice_differences(choices(2), choices()) == []
    assert choice_differences(choices(3), choices()) == ["choices.json, entry 'x' is not what a fresh run gives"]


@pytest.mark.parametrize(
    "changes",
    [
        {"digest": "e"},
        {"points": ((0,) * 2000,)},
        {"points": ((0,) * 1999, (0,) * 2000)},
        {"superseded": ()},
        {"superseded": ((1,) * 2000,)},
        {"entries": {}},
        {"table": "u"},
        {"split_digest": "u"},
        {"models": ("b", "a")},
    ],
)
def test_choices_of_something_else_are_noticed(choices, changes):
    assert len(choice_differences(choices(**changes), choices())) == 1


def test_an_entry_that_has_no_choices_in_a_fresh_run_is_noticed(choices):
    assert choice_differences(choices(), choices(entries={})) == [
        "choices.json, entry 'x' is not what a fresh run gives"
    ]


def test_absent_choices_are_a_difference(choices):
    assert choice_differences(None, choices()) == ["choices.json is missing, or cannot be read"]
