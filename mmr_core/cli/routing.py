"""Carries out `mmr route --queries`: line by line, each answered before the next is read.

A line that cannot be answered gets an answer that says why, and the others go on. Nothing is kept between lines, so a
stream may be endless.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mmr_core.errors import DataError, MMRError, PluginError
from mmr_core.trained import Query

STDIN = "-"
LONGEST_LINE = 16 * 2**20
FIELDS = ("id", "question", "image", "scenario")


def answer_stream(source: str, scenario: str, answer: Callable[[Query], dict[str, Any]]) -> bool:
    """Prints one line of JSON for each query, at once; whether every line had an answer.

    :param source: a file of JSON lines, or "-".
    :param scenario: of queries that name none.
    :raises DataError: if the file cannot be read.
    """
    good = True
    with _opened(source) as stream:
        for number, line in _lines(stream):
            result: dict[str, Any] = {"line": number}
            try:
                identity, query = _query(line, scenario)
                if identity is not None:
                    result["id"] = identity
                result |= answer(query)
            except Exception as error:  # a plugin may raise anything, and the other lines are to go on
                result["error"] = _reason(error)
                good = False
            print(json.dumps(result, allow_nan=False), flush=True)
    return good


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    if source == STDIN:
        if sys.stdin is None:  # as Python has it where the caller closed it
            raise DataError("standard input is closed", where="--queries -", fix="pipe the queries in, or name a file")
        yield sys.stdin.buffer
        return
    try:
        stream = open(source, "rb")  # noqa: SIM115
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error})", where=source) from error
    with stream:
        yield stream


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Numbers from 1 and lines; None for one that is too long; lines of white space are passed over."""
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = stream.readline(LONGEST_LINE)
            yield number, None
        elif line.strip():
            yield number, line


def _query(line: bytes | None, scenario: str) -> tuple[Any, Query]:
    """The id of a query, None where it has none, and the query.

    :raises DataError: if the line is none.
    """
    fix = "write one JSON object a line, with question, image or both"
    if line is None:
        raise DataError(f"is longer than {LONGEST_LINE} bytes", where="line", fix=fix)
    try:
        given = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is no JSON ({error})", where="line", fix=fix) from error
    if not isinstance(given, dict):
        raise DataError("is no JSON object", where="line", fix=fix)
    strange = [name for name in given if name not in FIELDS]
    if strange:
        raise DataError(
            f"has an unknown field {strange[0]!r:.80}", where="line", fix=f"a query has {', '.join(FIELDS)}"
        )
    for name in ("question", "image", "scenario"):
        if not isinstance(given.get(name), str | None):
            raise DataError(f"has a {name} that is no text", where="line", fix=fix)
    if not isinstance(given.get("id"), str | int | None):
        raise DataError("has an id that is neither text nor a whole number", where="line", fix=fix)
    image = given.get("image")
    if image is not None and (not image or "\0" in image):
        raise DataError("has an image that is no path", where="line", fix="leave it out where there is none")
    query = Query(
        question=given.get("question") or "",
        image=None if image is None else Path(image),
        scenario=given.get("scenario") or scenario,
    )
    return given.get("id"), query


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _reason(error: Exception) -> str:
    """One line."""
    if isinstance(error, MMRError):
        return str(error)
    return str(PluginError(f"a component failed ({type(error).__name__}: {error})"))
