"""Decisions are read whole, in any order, layout and format, or refused with everything that is wrong with them."""

from __future__ import annotations

import gzip
import io
import pickle
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_leaderboard.findings import Finding
from mmr_leaderboard.submission import zipped_csv
from mmr_leaderboard.submission.decision_file import DecisionsRefused
from mmr_leaderboard.submission.decisions import DecidedPoints, coverage, read_decisions
from mmr_leaderboard.submission.manifest import Pins
from mmr_leaderboard.submission.pins import Expected
from mmr_leaderboard.submission.zipped_csv import Unzipped

IDS = ("Toy_1", "Toy_2", "Toy_3")
POOL = ("small", "large-2.5")
EXPECTED = Expected(pins=Pins(table="1" * 32, split="2" * 32, pool="3" * 32), test_ids=IDS, pool=POOL, references=())
CHOSEN = {"instance_id": ["Toy_2", "Toy_1", "Toy_3"] * 2, "operating_point": ["10"] * 3 + ["9"] * 3}
MODELS = ["small", "large-2.5", "small", "small", "small", "small"]
LIKELY = {"small": [1.0, 0.25, 0.5, 1.0, 1.0, 1.0], "large-2.5": [0.0, 0.75, 0.5, 0.0, 0.0, 0.0]}

Read = tuple[DecidedPoints | None, list[Finding]]


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


def csv_text(columns: dict[str, Sequence[Any]]) -> str:
    lines = [",".join(columns), *(",".join(str(cell) for cell in row) for row in zip(*columns.values(), strict=True))]
    return "\n".join(lines) + "\n"


def as_parquet(content: bytes) -> Read:
    return read_decisions("decisions.parquet", content, EXPECTED)


def as_csv(content: bytes) -> Read:
    return read_decisions("decisions.csv.gz", content, EXPECTED)


def read_parquet(columns: dict[str, Any], **options: Any) -> Read:
    return as_parquet(parquet(columns, **options))


def read_csv(text: str | bytes) -> Read:
    content = text.encode() if isinstance(text, str) else text
    return as_csv(gzip.compress(content))


def valid(read: Read) -> DecidedPoints:
    decided, findings = read
    assert findings == []
    assert decided is not None
    return decided


def codes(read: Read) -> list[str]:
    decided, findings = read
    assert decided is None
    return [found.code for found in findings]


@pytest.mark.parametrize("read", [lambda c: read_parquet(c), lambda c: read_csv(csv_text(c))], ids=["parquet", "csv"])
def test_named_models_stand_in_the_order_of_the_test_instances_and_points_in_that_of_their_numbers(
    read: Callable[[dict[str, Any]], Read],
) -> None:
    decided = valid(read(CHOSEN | {"model": MODELS}))
    assert decided.points == ("9", "10")
    assert decided.choice is not None
    assert decided.choice.tolist() == [[0, 0, 0], [1, 0, 0]]
    policy = decided.policy()
    assert policy.trade_off.tolist() == [0, 1]
    assert policy.probabilities[1].tolist() == [[0, 1], [1, 0], [1, 0]]


@pytest.mark.parametrize("read", [lambda c: read_parquet(c), lambda c: read_csv(csv_text(c))], ids=["parquet", "csv"])
def test_probabilities_stand_in_the_order_of_instances_and_of_the_pool(
    read: Callable[[dict[str, Any]], Read],
) -> None:
    swapped = CHOSEN | {"large-2.5": LIKELY["large-2.5"], "small": LIKELY["small"]}
    decided = valid(read(swapped))
    assert decided.probabilities is not None
    assert decided.probabilities[1].tolist() == [[0.25, 0.75], [1, 0], [0.5, 0.5]]


STRANGE: dict[str, Callable[[], Read]] = {
    "large strings": lambda: read_parquet(CHOSEN | {"model": pa.array(MODELS, pa.large_string())}),
    "bytes": lambda: read_parquet(CHOSEN | {"model": pa.array([m.encode() for m in MODELS], pa.binary())}),
    "categories": lambda: read_parquet(CHOSEN | {"model": pa.array(MODELS).dictionary_encode()}),
    "plain pages": lambda: read_parquet(CHOSEN | {"model": MODELS}, use_dictionary=False),
    "many row groups": lambda: read_parquet(CHOSEN | {"model": MODELS}, row_group_size=1),
    "old version": lambda: read_parquet(CHOSEN | {"model": MODELS}, version="1.0", compression="gzip"),
    "numbered points": lambda: read_parquet(CHOSEN | {"operating_point": [10] * 3 + [9] * 3, "model": MODELS}),
    "float32": lambda: read_parquet(CHOSEN | {m: pa.array(p, pa.float32()) for m, p in LIKELY.items()}),
    "whole numbers": lambda: read_parquet(CHOSEN | {"small": [1] * 6, "large-2.5": [0] * 6}),
    "byte order mark": lambda: read_csv("\ufeff" + csv_text(CHOSEN | {"model": MODELS})),
    "CRLF": lambda: read_csv(csv_text(CHOSEN | {"model": MODELS}).replace("\n", "\r\n")),
    "quotes": lambda: read_csv(csv_text(CHOSEN | {"model": [f'"{m}"' for m in MODELS]})),
    "no last line end": lambda: read_csv(csv_text(CHOSEN | {"model": MODELS}).rstrip()),
    "two gzip members": lambda: as_csv(
        b"".join(gzip.compress(line.encode()) for line in csv_text(CHOSEN | {"model": MODELS}).splitlines(True)),
    ),
}


@pytest.mark.parametrize("how", STRANGE)
def test_other_ways_of_writing_the_same_are_read(how: str) -> None:
    assert valid(STRANGE[how]()).points == ("9", "10")


PLAIN = csv_text(CHOSEN | {"model": MODELS})
CHANCES = csv_text(CHOSEN | LIKELY)
NESTED = pa.array([{"name": model} for model in MODELS])
GOOD = parquet(CHOSEN | {"model": MODELS})
BAD: dict[str, tuple[Callable[[], Read], list[str]]] = {
    "an empty file": (lambda: as_parquet(b""), ["unreadable-decisions"]),
    "a cut file": (lambda: as_parquet(GOOD[:-20]), ["unreadable-decisions"]),
    "a zip": (lambda: as_parquet(b"PK\3\4" * 9), ["unreadable-decisions"]),
    "csv named parquet": (lambda: as_parquet(PLAIN.encode()), ["unreadable-decisions"]),
    "parquet named csv": (lambda: as_csv(GOOD), ["unreadable-decisions"]),
    "a wide footer": (
        lambda: as_parquet(b"PAR1" + b"\0" * 9 + b"\xff\xff\xff\x7fPAR1"),
        ["unreadable-decisions"],
    ),
    "an encrypted file": (lambda: as_parquet(b"PARE" + GOOD[4:]), ["unreadable-decisions"]),
    "nested columns": (lambda: read_parquet(CHOSEN | {"model": NESTED}), ["unreadable-decisions"]),
    "lists": (lambda: read_parquet(CHOSEN | {"model": [["small"]] * 6}), ["unreadable-decisions"]),
    "decimals": (
        lambda: read_parquet(CHOSEN | {m: pa.array([1, 0, 1, 0, 1, 0], pa.decimal128(20, 2)) for m in POOL}),
        ["unreadable-decisions"],
    ),
    "words for probabilities": (lambda: read_parquet(CHOSEN | {m: ["1"] * 6 for m in POOL}), ["bad-probability"]),
    "indices of models": (lambda: read_parquet(CHOSEN | {"model": [0, 1, 0, 0, 0, 0]}), ["model-not-in-pool"]),
    "no rows": (lambda: read_csv(PLAIN.split("\n")[0] + "\n"), ["missing-instance"]),
    "no text": (lambda: read_csv(""), ["unreadable-decisions"]),
    "a blank header": (lambda: read_csv("\n" + PLAIN), ["unreadable-decisions"]),
    "a header of NUL": (lambda: read_csv("\0\n" + PLAIN), ["unreadable-decisions"]),
    "a header twice": (
        lambda: read_csv(PLAIN.split("\n")[0] + "\n" + PLAIN),
        ["unknown-instance", "model-not-in-pool", "missing-instance"],
    ),
    "a column twice": (lambda: read_csv(PLAIN.replace("operating_point", "model")), ["extra-column", "missing-column"]),
    "UTF-16": (lambda: read_csv(PLAIN.encode("utf-16")), ["unreadable-decisions"]),
    "Latin-1": (lambda: read_csv(PLAIN.replace("Toy_3", "Toÿ_3").encode("latin-1")), ["unreadable-decisions"]),
    "semicolons": (lambda: read_csv(PLAIN.replace(",", ";")), ["extra-column", "missing-column"]),
    "ragged lines": (lambda: read_csv(PLAIN + "Toy_1,9\n"), ["unreadable-decisions"]),
    "a long header": (lambda: read_csv("x" * 70_000), ["unreadable-decisions"]),
    "a long line": (lambda: read_csv(PLAIN + "x" * 9_000_000), ["unreadable-decisions"]),
    "gzip in the middle": (
        lambda: as_csv(gzip.compress(PLAIN.encode())[:-9]),
        ["unreadable-decisions"],
    ),
    "a wrong checksum": (
        lambda: as_csv(gzip.compress(PLAIN.encode())[:-8] + b"\0" * 8),
        ["unreadable-decisions"],
    ),
    "something behind": (
        lambda: as_csv(gzip.compress(PLAIN.encode()) + b"more"),
        ["unreadable-decisions"],
    ),
    "one byte behind": (
        lambda: as_csv(gzip.compress(PLAIN.encode()) + b"\x1f"),
        ["unreadable-decisions"],
    ),
    "many gzip members": (
        lambda: as_csv(gzip.compress(b"") * 10_001 + gzip.compress(b"a")),
        ["unreadable-decisions"],
    ),
    "a zipped pickle": (lambda: read_csv(pickle.dumps([1])), ["pickle"]),
    "text for a number": (lambda: read_csv(CHANCES.replace("0.25", "a quarter")), ["bad-probability"]),
    "numbers that are none": (lambda: read_csv(CHANCES.replace("0.25", "nan")), ["bad-probability"]),
    "infinity": (lambda: read_csv(CHANCES.replace("0.25", "inf")), ["bad-probability"]),
    "an empty probability": (lambda: read_csv(CHANCES.replace("0.25", "")), ["null-decision"]),
    "half a pool": (lambda: read_parquet(CHOSEN | {"small": [1.0] * 6}), ["missing-column"]),
    "both layouts": (lambda: read_parquet(CHOSEN | {"model": MODELS} | LIKELY), ["extra-column"]),
    "costs": (lambda: read_parquet(CHOSEN | {"model": MODELS, "cost": [0.0] * 6}), ["extra-column"]),
    "a point that is nothing": (
        lambda: read_parquet(CHOSEN | {"operating_point": [None] * 6, "model": MODELS}),
        ["null-decision", "missing-instance"],
    ),
    "a hidden letter": (
        lambda: read_csv(PLAIN.replace("Toy_3", "Toy_3\u200b")),
        ["unknown-instance", "missing-instance"],
    ),
    "bytes that are no text": (
        lambda: read_parquet(CHOSEN | {"model": pa.array([b"\xff\xfe"] * 6, pa.binary())}),
        ["model-not-in-pool"],
    ),
    "more points than are counted": (
        lambda: read_parquet(
            {"instance_id": ["Toy_1"] * 10_001, "operating_point": list(range(10_001)), "model": ["small"] * 10_001}
        ),
        ["too-many-points"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_right_is_told_on_one_line_each(what: str) -> None:
    make, due = BAD[what]
    decided, findings = make()
    assert decided is None
    assert [found.code for found in findings] == due
    for found in findings:
        line = str(found)
        assert line.isprintable()
        assert len(line) < 5000


def test_everything_that_is_wrong_is_told_at_once() -> None:
    rows = ["Toy_1,a,small,1", "Toy_1,a,large-2.5,1", "Toy_9,a,small,1", "Toy_2,a,,1", "Toy_2,b,medium,1", ",b,small,1"]
    read = read_csv("instance_id,operating_point,model,tokens\n" + "\n".join(rows) + "\n")
    found = {one.code: one for one in read[1]}
    assert Counter(codes(read)) == Counter(
        {
            "extra-column": 1,
            "null-decision": 2,
            "unknown-instance": 1,
            "model-not-in-pool": 1,
            "missing-instance": 1,
            "two-decisions": 1,
        }
    )
    assert found["unknown-instance"].examples == ("'Toy_9' in row 3",)
    assert found["missing-instance"].count == 3
    assert found["missing-instance"].examples == ("'Toy_3' at 'a'", "'Toy_1' at 'b'", "'Toy_3' at 'b'")
    assert found["two-decisions"].examples == ("'Toy_1' at 'a'",)


def test_ten_examples_are_shown_and_all_are_counted() -> None:
    rows = "".join(f"Other_{i},a,small\n" for i in range(1234))
    found = next(one for one in read_csv("instance_id,operating_point,model\n" + rows)[1] if "unknown" in one.code)
    assert (found.count, len(found.examples)) == (1234, 10)


def test_probabilities_may_be_off_by_a_millionth() -> None:
    close = CHOSEN | {"small": [0.5] * 6, "large-2.5": [0.5000009] * 6}
    off = CHOSEN | {"small": [0.5] * 6, "large-2.5": [0.5000011] * 6}
    valid(read_parquet(close))
    assert codes(read_parquet(off)) == ["bad-probability"]


def test_content_knows_the_same_decisions_in_another_dress() -> None:
    plain = valid(read_csv(PLAIN)).content()
    one_hot = {m: [float(model == m) for model in MODELS] for m in POOL}
    renamed = CHOSEN | {"operating_point": ["x"] * 3 + ["y"] * 3, "model": MODELS}
    again = {name: [*cells, *cells[:3]] for name, cells in (CHOSEN | {"model": MODELS}).items()}
    again["operating_point"][-3:] = ["8"] * 3
    for columns in (CHOSEN | one_hot, renamed, again):
        assert valid(read_parquet(columns)).content() == plain
    assert valid(read_parquet(CHOSEN | {"model": [*MODELS[:5], "large-2.5"]})).content() != plain


def test_content_of_probabilities_is_that_of_their_first_six_digits() -> None:
    wide = valid(read_parquet(CHOSEN | LIKELY)).content()
    narrow = valid(read_parquet(CHOSEN | {m: pa.array(p, pa.float32()) for m, p in LIKELY.items()})).content()
    assert wide == narrow


def test_a_word_that_is_stored_once_and_meant_often_is_not_unfolded() -> None:
    rows = 200_000
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), ["x" * 1_000_000])
    before = pa.total_allocated_bytes()
    read = read_parquet({"instance_id": long, "operating_point": ["a"] * rows, "model": ["small"] * rows})
    assert codes(read) == ["unknown-instance", "missing-instance"]
    assert max(len(example) for example in read[1][0].examples) <= 300
    assert pa.total_allocated_bytes() - before < 100 << 20


def test_unpacking_stops_at_its_bound() -> None:
    stream = Unzipped("decisions.csv.gz", gzip.compress(b"\0" * (8 << 20)), most=4 << 20)
    with pytest.raises(DecisionsRefused) as refused:
        list(iter(stream.read, b""))
    assert refused.value.found.code == "archive-bomb"


def test_a_csv_that_unpacks_to_too_much_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipped_csv.Unzipped.__init__, "__defaults__", (1 << 20,))
    assert codes(read_csv(PLAIN + "Toy_1,a,small\n" * 200_000)) == ["archive-bomb"]


def test_more_rows_than_can_be_right_are_not_read() -> None:
    assert codes(read_csv(PLAIN + "Toy_1,a,small\n" * 1_000_000)) == ["archive-bomb"]


@given(st.binary(max_size=200), st.integers(1, 300), st.lists(st.integers(1, 40), max_size=6))
def test_unpacked_bytes_are_those_that_were_packed(content: bytes, times: int, sizes: list[int]) -> None:
    whole = content * times
    packed = gzip.compress(whole[: len(whole) // 2]) + gzip.compress(whole[len(whole) // 2 :])
    stream = Unzipped("x", packed)
    read = b""
    while part := stream.read(sizes[len(read) % len(sizes)] if sizes else -1):
        read += part
    assert read == whole


@given(st.lists(st.integers(0, 19), max_size=60), st.integers(20, 24))
def test_coverage_counts_as_counting_cell_by_cell_does(taken: list[int], size: int) -> None:
    found = coverage(np.array(taken, dtype=np.int64), size)
    times = Counter(taken)
    missing = [cell for cell in range(size) if cell not in times]
    repeated = sorted(cell for cell in times if times[cell] > 1)
    assert found.missing == len(missing)
    assert found.first_missing.tolist() == missing[:10]
    assert found.repeated == sum(times[cell] - 1 for cell in repeated)
    assert found.first_repeated.tolist() == repeated[:10]
    assert found.exact == (sorted(taken) == list(range(size)))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_parquet_file_is_told_or_read_and_raises_nothing(data: st.DataObject) -> None:
    content = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    decided, findings = as_parquet(bytes(content))
    assert (decided is None) == bool(findings)
    assert all(str(found).isprintable() for found in findings)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_csv_is_told_or_read_and_raises_nothing(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([PLAIN, CHANCES])).encode())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(bytes(content)) + packer.flush()
    decided, findings = as_csv(packed)
    assert (decided is None) == bool(findings)
    assert all(str(found).isprintable() for found in findings)
