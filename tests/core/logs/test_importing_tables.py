"""A log becomes a table in which every cell is what its record says, and nothing is made up."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmr_core.errors import DataError, UsageError
from mmr_core.logs import Record, Records, canonical_id
from mmr_core.logs.log_importer import import_log, inspect_log, notices_of
from mmr_core.logs.log_records import AMOUNTS, STATUS_OF, UNKNOWN_UTILITY
from mmr_core.outcomes import Status
from mmr_core.store import OutcomeStore

Write = Callable[..., Path]
Imports = Callable[..., Any]


def cell(instance: str = "1", model: str = "a", utility: float | None = 1.0, **more: Any) -> dict[str, Any]:
    return {"instance": instance, "model": model, "utility": utility, **more}


def test_every_record_becomes_its_cell(write: Write, imports: Imports) -> None:
    path = write(
        cell("1", "a", 1.0, cost=0.5, input_tokens=10, output_tokens=3, question="Q1", answer="A", category="c"),
        cell("2", "a", 0.25, cost=0.1),
        cell("2", "b", 0.0, cached_tokens=4, image_tokens=7),
    )
    table = imports(path).table
    assert table.instance_id.tolist() == ["toy_1", "toy_2"]
    assert [model.name for model in table.models] == ["a", "b"]
    np.testing.assert_array_equal(table.utility, [[1.0, np.nan], [0.25, 0.0]])
    np.testing.assert_array_equal(table.cost, [[0.5, np.nan], [0.1, np.nan]])
    np.testing.assert_array_equal(table.input_tokens, [[10, np.nan], [np.nan, np.nan]])
    np.testing.assert_array_equal(table.cached_tokens, [[np.nan, np.nan], [np.nan, 4]])
    np.testing.assert_array_equal(table.image_tokens, [[np.nan, np.nan], [np.nan, 7]])
    assert table.question.tolist() == ["Q1", ""]
    assert (table.answer[0], table.category[0]) == ("A", "c")
    assert table.status.tolist() == [[Status.OK, Status.MISSING], [Status.OK, Status.MISSING]]
    assert table.response is None


@pytest.mark.parametrize("word", STATUS_OF)
def test_a_status_keeps_its_word_and_decides_whether_there_is_a_utility(
    write: Write, imports: Imports, word: str
) -> None:
    done = imports(write(cell("1", utility=0.5, cost=1.0, status=word), cell("2", cost=1.0)))
    known = not math.isnan(done.table.utility[0, 0])
    assert known == (word not in UNKNOWN_UTILITY)
    assert done.table.status[0, 0] == STATUS_OF[word]
    assert done.origins("toy", "a").of("toy_1")["status"] == word
    assert done.table.cost[0, 0] == 1.0


def test_a_cell_without_a_label_is_unscored_and_never_zero(write: Write, imports: Imports) -> None:
    done = imports(write(cell("1", utility=None, cost=1.0), cell("2", cost=1.0)))
    assert math.isnan(done.table.utility[0, 0])
    assert done.table.status[0, 0] == Status.MISSING
    assert done.origins("toy", "a").of("toy_1")["status"] == "unscored"


def test_known_names_are_mapped_and_unknown_ones_are_told(write: Write, imports: Imports, context: Any) -> None:
    path = write(
        cell("3", "org/M-1-2025", dataset="mathy_test", image="pictures/3.png"),
        cell("4", "stranger", dataset="New Set!"),
    )
    table = imports(path).table
    assert table.instance_id.tolist() == ["MathY_3", "New_Set_4"]
    assert [(spec.name, spec.scenario) for spec in table.datasets] == [("mathy", "math"), ("new-set", "other")]
    assert [model.name for model in table.models] == ["m-1", "stranger"]
    assert table.columns == ("org/M-1-2025", "stranger")
    assert table.image.tolist() == [Path("pictures/3.png"), None]


def test_two_names_of_one_log_never_become_one_model(write: Write, imports: Imports) -> None:
    table = imports(write(cell("1", "m-1"), cell("1", "org/M-1-2025", 0.0))).table
    assert [model.name for model in table.models] == ["m-1", "org/M-1-2025"]
    np.testing.assert_array_equal(table.utility, [[1.0, 0.0]])


def test_responses_are_kept_where_they_are_wanted(write: Write, imports: Imports) -> None:
    path = write(cell("1", response="hello"), cell("2"))
    assert imports(path).table.response is None
    assert imports(path, responses=True).table.response.tolist() == [["hello"], [None]]


def test_origins_say_file_and_row_of_every_cell(write: Write, imports: Imports, tmp_path: Path) -> None:
    write(cell("1", run="r", judge="j", token_source="reported", reasoning_tokens=5), file="x/one.toy")
    path = write(cell("9", "b"), cell("1", "b", native_id="1.0"), file="y/two.toy")
    done = imports(path)
    OutcomeStore(tmp_path / "store").add(done.table, origins=done.origins)
    store = OutcomeStore.open(tmp_path / "store")
    first = store.origins("toy", "a").of("toy_1")  # type: ignore[union-attr]
    assert first is not None
    wanted = {"source": "x/one.toy", "row": 1, "run": "r", "judge": "j", "token_source": "reported"}
    assert wanted.items() <= first.items()
    assert (first["reasoning_tokens"], first["repeat"]) == (5, 1)
    second = store.origins("toy", "b").of("toy_1")  # type: ignore[union-attr]
    assert second is not None
    assert (second["source"], second["row"], second["native_id"]) == ("y/two.toy", 2, "1.0")
    assert store.origins("toy", "a").of("toy_9") is None  # type: ignore[union-attr]
    assert json.loads((tmp_path / "store" / "manifest.json").read_text())["schema_version"] == 2


def test_a_store_without_origins_stays_what_older_programs_read(table: Any, tmp_path: Path) -> None:
    OutcomeStore(tmp_path / "store").add(table(models=2, instances=10))
    text = (tmp_path / "store" / "manifest.json").read_text()
    assert json.loads(text)["schema_version"] == 1
    assert '"origins"' not in text
    store = OutcomeStore.open(tmp_path / "store")
    assert store.origins(*store.manifest().pairs()[0]) is None


def test_cached_tokens_survive_the_store(write: Write, imports: Imports, tmp_path: Path) -> None:
    table = imports(write(cell("1", cached_tokens=4), cell("1", "b"))).table
    OutcomeStore(tmp_path / "store").add(table)
    np.testing.assert_array_equal(OutcomeStore.open(tmp_path / "store").table().cached_tokens, [[4, np.nan]])


@pytest.mark.parametrize("damage", ["", "{", '{"instance": "3", "mod', "[1]\n", "\x00\x01", "null\n"])
def test_a_damaged_file_costs_what_is_damaged_and_no_more(
    write: Write, importer: Any, context: Any, damage: str
) -> None:
    write(cell("1"), text=damage)
    path = write(text=damage, file="b.toy")
    seen = inspect_log(importer, path, context)
    assert import_log(seen, context).assembled.table.instance_id.tolist() == ["toy_1"]
    lines = notices_of(seen)
    assert any(line.startswith("b.toy") for line in lines)
    assert any(line.startswith("a.toy, row 2") for line in lines) == bool(damage)


def test_a_log_with_nothing_usable_is_an_error(write: Write, importer: Any, context: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing that can be used.*a\.toy: is empty"):
        inspect_log(importer, write(), context)
    (tmp_path / "void").mkdir()
    with pytest.raises(DataError, match="no file of this format"):
        inspect_log(importer, tmp_path / "void", context)
    with pytest.raises(DataError, match="no such file"):
        inspect_log(importer, tmp_path / "absent", context)


def test_a_number_that_cannot_be_is_unknown_and_told(write: Write, importer: Any, context: Any) -> None:
    seen = inspect_log(importer, write(cell("1", utility=1.5, cost=-1.0), cell("2")), context)
    table = import_log(seen, context).assembled.table
    assert math.isnan(table.utility[0, 0])
    assert math.isnan(table.cost[0, 0])
    lines = "\n".join(notices_of(seen))
    assert "a.toy, row 1: utility 1.5 is outside [0, 1]" in lines
    assert "a.toy, row 1: cost -1.0 is negative" in lines


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "fine"},
        {"token_source": "guessed"},
        {"repeat": 0},
        {"run": None},
        {"dataset": ""},
        {"instance": 5},
        {"instance": ""},
        {"cost": "cheap"},
        {"row": "first"},
        {"model": ["a"]},
    ],
)
def test_a_batch_that_breaks_the_contract_is_a_fault_of_its_file(
    write: Write, importer: Any, context: Any, wrong: dict[str, Any]
) -> None:
    write({**cell("1"), **wrong})
    seen = inspect_log(importer, write(cell("2"), file="b.toy"), context)
    assert import_log(seen, context).assembled.table.instance_id.tolist() == ["toy_2"]
    assert any(line.startswith("a.toy: ") for line in notices_of(seen))


def test_instances_that_differ_between_files_are_told(write: Write, importer: Any, context: Any) -> None:
    path = write(cell("1", question="What?"), cell("1", "b", question="Why?"))
    imported = import_log(inspect_log(importer, path, context), context)
    assert imported.assembled.table.question.tolist() == ["What?"]
    assert any("1 instances have a different question" in line for line in imported.assembled.notices)


def test_a_log_that_grows_while_it_is_read_is_an_error(write: Write, importer: Any, context: Any) -> None:
    seen = inspect_log(importer, write(cell("1")), context)
    write(cell("2"))
    with pytest.raises(DataError, match="changed while it was read"):
        import_log(seen, context)


def test_reading_without_a_store_asks_where_there_is_something_to_choose(
    write: Write, importer: Any, context: Any
) -> None:
    path = write(cell("1", run="x"))
    assert len(importer.read(path, context)) == 1
    write(cell("1", run="y"))
    with pytest.raises(UsageError, match=r"something must be chosen first \(run\)"):
        importer.read(path, context)
    with pytest.raises(UsageError, match="give its path"):
        importer.read(None, context)


def test_columns_of_one_value_are_columns_of_many_alike() -> None:
    file = Path("x")
    records = Records(file=file, columns={"dataset": "d", "model": ("a", "b"), "instance": ["1", "2"], "cost": 3})
    assert records.values("dataset") == ["d", "d"]
    assert records.values("model") == ["a", "b"]
    assert records.numbers("cost").tolist() == [3.0, 3.0]
    assert np.isnan(records.numbers("utility")).all()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"dataset": "d", "model": "m"}, "'instance' is missing"),
        ({"dataset": "d", "model": "m", "instance": "1"}, "one value for all"),
        ({"dataset": "d", "model": ["m"], "instance": ["1", "2"]}, "expected 2 values, got 1"),
        ({"dataset": "d", "model": "m", "instance": ["1"], "x": 1}, "'x' is unknown"),
    ],
)
def test_a_batch_without_sense_is_an_error(columns: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Records(file=Path("x"), columns=columns)


@pytest.mark.parametrize(
    ("value", "text"),
    [("12.0", "12"), (12, "12"), (12.0, "12"), (" a ", "a"), ("1.50", "1.50"), ("-3.00", "-3"), (np.int64(4), "4")],
)
def test_an_id_is_written_in_one_way(value: Any, text: str) -> None:
    assert canonical_id(value) == text


@pytest.mark.parametrize("value", [None, "", " ", True, float("nan")])
def test_what_is_no_id_is_refused(value: Any) -> None:
    with pytest.raises(DataError):
        canonical_id(value)


UNIT = st.none() | st.floats(0, 1)
AMOUNT = st.none() | st.floats(0, 1e6)
LOGS = st.dictionaries(
    st.tuples(st.sampled_from(["d", "MathY"]), st.sampled_from(["1", "2", "10", "x y", "é"]), st.sampled_from("ab")),
    st.fixed_dictionaries(
        {
            "utility": UNIT,
            "status": st.sampled_from(["ok", "truncated", "infer_failed"]),
            **dict.fromkeys(AMOUNTS, AMOUNT),
        }
    ),
    min_size=1,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(log=LOGS)
def test_any_log_comes_back_from_the_store(
    importer: Any, context: Any, tmp_path_factory: pytest.TempPathFactory, log: dict[tuple[str, str, str], Any]
) -> None:
    """Log, table, store, table: every cell holds what its record held."""
    folder = tmp_path_factory.mktemp("log")
    rows = [{"dataset": d, "instance": i, "model": m, **facts} for (d, i, m), facts in log.items()]
    (folder / "x.toy").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = import_log(inspect_log(importer, folder, context), context).assembled
    silent = all(facts["utility"] is None or facts["status"] == "infer_failed" for facts in log.values())
    OutcomeStore(folder / "store").add(done.table, origins=done.origins)
    store = OutcomeStore.open(folder / "store")
    table = store.table()
    models = [model.name for model in table.models]
    at = {(d, i): row for row, (d, i) in enumerate(zip(table.dataset, table.instance_id, strict=True))}
    names = {"d": ("d", "d"), "MathY": ("mathy", "MathY")}
    stored = store.manifest().pairs()
    assert silent == bool(np.isnan(table.utility).all())
    for line, ((dataset, instance, model), facts) in enumerate(log.items(), start=1):
        name, prefix = names[dataset]
        position = at[name, f"{prefix}_{instance}"], models.index(model)
        utility = None if facts["status"] == "infer_failed" else facts["utility"]
        for column in ("utility", "cost", "input_tokens", "image_tokens", "output_tokens", "cached_tokens"):
            wanted = utility if column == "utility" else facts[column]
            array = getattr(table, column)
            found = np.nan if array is None else array[position]
            assert (wanted is None and np.isnan(found)) or wanted == found, column
        if (name, model) not in stored:
            assert np.isnan(table.cost[position])  # Nothing at all is known of the pair.
            continue
        origins = store.origins(name, model)
        assert origins is not None
        origin = origins.of(f"{prefix}_{instance}")
        assert origin is not None
        assert (origin["source"], origin["row"]) == ("x.toy", line)


def test_a_record_has_no_fields_that_batches_lack() -> None:
    record = Record(dataset="d", model="m", instance="1")
    columns = {name: [value] for name, value in record._asdict().items()}
    assert len(Records(file=Path("x"), columns=columns)) == 1
    assert replace(Records(file=Path("x"), columns=columns), file=Path("y")).file == Path("y")
