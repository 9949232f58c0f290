"""Opens decisions.parquet."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmr_leaderboard.findings import finding
from mmr_leaderboard.submission.decision_file import (
    PORTION_ROWS,
    UNPACKED,
    DecisionFile,
    DecisionsRefused,
    bomb,
    in_portions,
    reading,
    unreadable,
    what_it_is,
)

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC, ENCRYPTED = b"PAR1", b"PARE"
FOOTER = 16 << 20
ROW_GROUPS = 10_000
NUMBERS = ("FLOAT", "DOUBLE", "INT32", "INT64", "BOOLEAN")
TEXT = "BYTE_ARRAY"
PYTHON_TYPE = b"arrow.py_extension_type"
"""Marks an Arrow type that is stored as a pickle."""


def open_parquet(name: str, content: bytes, most_rows: int) -> DecisionFile:
    """Opens Parquet and judges it by its footer alone.

    :param most_rows: a file that declares more is not read.
    :raises DecisionsRefused: if it is not Parquet, is nested or encrypted, or declares more than allowed.
    """
    if ENCRYPTED in (content[:4], content[-4:]):
        raise unreadable(name, "it is encrypted")
    if content[:4] != MAGIC:
        raise unreadable(name, f"it is not a Parquet file{what_it_is(content)}")
    if len(content) < 12 or content[-4:] != MAGIC:
        raise unreadable(name, "it does not end like a Parquet file; it may be truncated")
    if int.from_bytes(content[-8:-4], "little") > FOOTER:
        raise unreadable(name, f"its footer is larger than {FOOTER:,} bytes")
    with reading(name):
        metadata = _file(content).metadata
        leaves = [metadata.schema.column(i) for i in range(metadata.num_columns)]
        kinds = [(str(leaf.path), str(leaf.physical_type)) for leaf in leaves]
        nested = [leaf.path for leaf in leaves if _is_nested(leaf)]
        _demand_no_pickle(name, metadata.metadata or {})
        _demand_bounds(name, metadata, most_rows)
    if nested:
        raise unreadable(name, "columns are nested", nested)
    odd = [f"{column} ({kind})" for column, kind in kinds if kind not in (*NUMBERS, TEXT)]
    if odd:
        raise unreadable(name, "columns are neither text nor integers nor floats", odd)

    def portions(text: Sequence[str], numbers: Sequence[str]) -> Iterator[pa.Table]:
        # As dictionaries, so that a long word stored once and used a million times is held once.
        packed = [column for column, kind in kinds if column in text and kind == TEXT]
        with reading(name):
            batches = _file(content, packed).iter_batches(batch_size=PORTION_ROWS, columns=[*text, *numbers])
            yield from in_portions(name, batches, most_rows)

    return DecisionFile(
        columns=tuple(column for column, _ in kinds),
        numbers=frozenset(column for column, kind in kinds if kind != TEXT),
        portions=portions,
    )


def _file(content: bytes, as_dictionaries: Sequence[str] = ()) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(
        pa.BufferReader(content),
        read_dictionary=list(as_dictionaries),
        thrift_string_size_limit=FOOTER,
        thrift_container_size_limit=1_000_000,
    )


def _is_nested(leaf: Any) -> bool:
    return bool(leaf.max_repetition_level or leaf.max_definition_level > 1 or leaf.path != leaf.name)


def _demand_no_pickle(name: str, notes: Mapping[bytes, bytes]) -> None:
    try:
        schema = b64decode(notes.get(b"ARROW:schema", b""))
    except Base64Error:
        raise unreadable(name, "its Arrow schema is damaged") from None
    if PYTHON_TYPE in schema:
        raise DecisionsRefused(finding("pickle", name, "a column has a type that is stored as a pickle"))


def _demand_bounds(name: str, metadata: Any, most_rows: int) -> None:
    groups = int(metadata.num_row_groups)
    if groups > ROW_GROUPS:
        raise unreadable(name, f"it has {groups:,} row groups, and at most {ROW_GROUPS:,} are read")
    parts = [metadata.row_group(i) for i in range(groups)]
    rows = max(int(metadata.num_rows), sum(int(part.num_rows) for part in parts))
    if rows > most_rows:
        raise bomb(name, f"it declares {rows:,} rows, and at most {most_rows:,} are read; none was read")
    if min([int(metadata.num_rows), *(int(part.num_rows) for part in parts)]) < 0:
        raise unreadable(name, "it declares a negative number of rows")
    unpacked = sum(int(part.total_byte_size) for part in parts)
    if unpacked > UNPACKED:
        raise bomb(name, f"it unpacks to {unpacked:,} bytes, and {UNPACKED:,} are allowed; nothing was read")
