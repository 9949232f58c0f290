"""`mmr route`: chooses a model for one query, or for each of a stream.

A stream is answered line by line, each line before the next is read, and nothing is kept between lines, so it may be
endless. A line that cannot be answered gets an answer that says why, and the rest continue.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from mmr_core.cli.arguments import registry
from mmr_core.errors import WORK_FAILED, DataError, MMRError, PluginError, UsageError
from mmr_core.render.console import console, print_json, warn

if TYPE_CHECKING:
    from mmr_core.trained import Query, RoutingDecision

STDIN = "-"
LONGEST_LINE = 16 * 2**20
FIELDS = ("id", "question", "image", "scenario")


def route(
    file: Annotated[Path, typer.Argument(help="A file written by 'mmr train'.")],
    question: Annotated[str | None, typer.Option(help="The question.")] = None,
    image: Annotated[Path | None, typer.Option(help="The image file.")] = None,
    scenario: Annotated[
        str, typer.Option(help="The task tag. (default: that of training, if there was only one)")
    ] = "",
    queries: Annotated[
        str | None, typer.Option(help="A file of queries, one JSON object per line; - reads stdin.")
    ] = None,
    budget: Annotated[float | None, typer.Option(help="Maximum predicted cost per query, in USD.")] = None,
    trade_off: Annotated[float | None, typer.Option(help="Utility that one unit of normalised cost is worth.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON and nothing else; always the case for --queries.")
    ] = False,
) -> None:
    """Choose a model for a query, with the predicted utility and cost of every model."""
    from threadpoolctl import threadpool_limits

    from mmr_core.trained import Query, decide, decision_rule, load

    if (queries is None) == (question is None and image is None):
        raise UsageError(
            "--queries excludes --question and --image" if queries else "there is no query",
            fix="give --question, --image or both, or --queries FILE",
        )
    trained = load(file, registry(), warn=warn)
    rule = decision_rule(trained, budget=budget, trade_off=trade_off)
    with threadpool_limits(limits=1):  # as in training: the order of summation is the same on every machine
        if queries is None:
            decision = decide(trained, Query(question=question or "", image=image, scenario=scenario), rule)
            if as_json:
                print_json(_document(decision))
            else:
                _print(decision)
        elif not answer_stream(queries, scenario, lambda query: _document(decide(trained, query, rule))):
            raise typer.Exit(WORK_FAILED)


def _document(decision: RoutingDecision) -> dict[str, Any]:
    """A decision as JSON; an infinite trade-off weight is null."""
    value = decision.rule.value
    return {
        "model": decision.model,
        "rule": decision.rule.kind,
        "value": None if value == float("inf") else value,
        "within_budget": decision.within_budget,
        "seen": list(decision.seen),
        "models": [vars(forecast) for forecast in decision.forecasts],
    }


def _print(decision: RoutingDecision) -> None:
    from rich.table import Table

    predicted = decision.forecasts[0].utility is not None
    headings = ("predicted utility", "predicted cost, USD") if predicted else ("probability",)
    table = Table("", "model", *headings)
    for one in decision.forecasts:
        numbers = (one.utility, one.cost) if predicted else (one.probability,)
        shown = [f"{number:.6g}" for number in numbers if number is not None]
        table.add_row("*" if one.model == decision.model else "", one.model, *shown)
    screen = console()
    screen.print(decision.model, markup=False, highlight=False)
    screen.print(table)
    rule = decision.rule
    unit = "USD per query" if rule.kind == "budget" else "per unit of normalised cost"
    screen.print(f"by {rule.kind}: {rule.value:.6g} {unit}; looked at {' and '.join(decision.seen)}")
    if decision.within_budget is False:
        warn(f"no model is predicted to cost at most {rule.value:.6g} USD; this is the cheapest")


def answer_stream(source: str, scenario: str, answer: Callable[[Query], dict[str, Any]]) -> bool:
    """Prints one line of JSON for each query as soon as it is answered; returns whether every line had an answer.

    :param source: a file of JSON lines, or "-".
    :param scenario: for queries without one.
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
            except MMRError as error:
                result["error"], good = str(error), False
            except Exception as error:  # a plugin may raise anything, and the other lines must go on
                failure = PluginError(f"a component failed ({type(error).__name__}: {error})")
                result["error"], good = str(failure), False
            print(json.dumps(result, allow_nan=False), flush=True)
    return good


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    if source == STDIN:
        if sys.stdin is None:  # Python sets it to None if the caller closed it
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
    """Line numbers from 1, and the lines; None for a line that is too long. Blank lines are skipped."""
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
    """The query, and its id or None.

    :raises DataError: if the line is not a query.
    """
    from mmr_core.trained import Query

    def error(what: str, fix: str = "write one JSON object per line, with question, image or both") -> DataError:
        return DataError(what, where="line", fix=fix)

    if line is None:
        raise error(f"is longer than {LONGEST_LINE} bytes")
    try:
        given = json.loads(line, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as reason:
        raise error(f"is not JSON ({reason})") from reason
    if not isinstance(given, dict):
        raise error("is not a JSON object")
    for name in given:
        if name not in FIELDS:
            raise error(f"has an unknown field {name!r:.80}", fix=f"the fields are {', '.join(FIELDS)}")
    for name in ("question", "image", "scenario"):
        if not isinstance(given.get(name), str | None):
            raise error(f"has a {name} that is not text")
    if not isinstance(given.get("id"), str | int | None):
        raise error("has an id that is neither text nor an integer")
    image = given.get("image")
    if image is not None and (not image or "\0" in image):
        raise error("has an image that is not a path", fix="leave the field out if there is no image")
    query = Query(
        question=given.get("question") or "",
        image=None if image is None else Path(image),
        scenario=given.get("scenario") or scenario,
    )
    return given.get("id"), query


def _reject_constant(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")
