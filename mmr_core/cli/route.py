"""`mmr route`: asks a trained router about one query, or about a stream of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mmr_core.cli.arguments import registry
from mmr_core.render.console import console, warn

if TYPE_CHECKING:
    from mmr_core.trained import Answer


def route(
    file: Annotated[Path, typer.Argument(help="A file of 'mmr train'.")],
    question: Annotated[str | None, typer.Option(help="The question.")] = None,
    image: Annotated[Path | None, typer.Option(help="The file of its image.")] = None,
    scenario: Annotated[str, typer.Option(help="The task tag. (default: that of the training, if it was one)")] = "",
    queries: Annotated[str | None, typer.Option(help="A file of queries, one JSON object a line; - is stdin.")] = None,
    budget: Annotated[float | None, typer.Option(help="Most that a query is predicted to cost, in USD.")] = None,
    trade_off: Annotated[float | None, typer.Option(help="Utility that a unit of normalised cost is worth.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else; always so for --queries.")] = False,
) -> None:
    """Choose a model for a query, with the predicted utility and cost of every model."""
    from threadpoolctl import threadpool_limits

    from mmr_core.errors import WORK_FAILED, UsageError
    from mmr_core.trained import Query, ask_about, load, rule_for

    if (queries is None) == (question is None and image is None):
        raise UsageError(
            "one query and a stream of them are two ways to ask" if queries else "there is nothing to ask about",
            fix="give --question and --image, or --queries FILE",
        )
    trained = load(file, registry(), warn=warn)
    rule = rule_for(trained, budget=budget, trade_off=trade_off)
    with threadpool_limits(limits=1):  # as in training: sums then have one order on every machine
        if queries is None:
            answer = ask_about(trained, Query(question=question or "", image=image, scenario=scenario), rule)
            _print(answer, as_json=json)
        else:
            from mmr_core.cli.routing import answer_stream

            if not answer_stream(queries, scenario, lambda query: _document(ask_about(trained, query, rule))):
                raise typer.Exit(WORK_FAILED)


def _document(answer: Answer) -> dict[str, Any]:
    """An answer as JSON has it; an infinite trade-off weight is null."""
    value = answer.rule.value
    return {
        "model": answer.model,
        "rule": answer.rule.kind,
        "value": None if value == float("inf") else value,
        "within_budget": answer.within_budget,
        "seen": list(answer.seen),
        "models": [vars(expected) for expected in answer.expected],
    }


def _print(answer: Answer, *, as_json: bool) -> None:
    from mmr_core.render.console import print_json

    if as_json:
        print_json(_document(answer))
        return
    from rich.table import Table

    predicted = answer.expected[0].utility is not None
    headings = ("predicted utility", "predicted cost, USD") if predicted else ("probability",)
    table = Table("", "model", *headings)
    for one in answer.expected:
        numbers = (one.utility, one.cost) if predicted else (one.probability,)
        shown = [f"{number:.6g}" for number in numbers if number is not None]
        table.add_row("*" if one.model == answer.model else "", one.model, *shown)
    screen = console()
    screen.print(answer.model, markup=False, highlight=False)
    screen.print(table)
    unit = "USD per query" if answer.rule.kind == "budget" else "per unit of normalised cost"
    screen.print(f"by {answer.rule.kind}: {answer.rule.value:.6g} {unit}; looked at {' and '.join(answer.seen)}")
    if answer.within_budget is False:
        warn(f"no model is predicted to cost at most {answer.rule.value:.6g} USD, so this is the cheapest")
