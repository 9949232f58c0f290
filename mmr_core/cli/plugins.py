"""`mmr plugins`: what is installed and what was left out, whether it keeps its promises, and new ones."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mmr_core.cli import checking, scaffolding
from mmr_core.cli.arguments import registry
from mmr_core.plugins import PluginFailure
from mmr_core.registry import Registry
from mmr_core.render.console import console, print_json

app = typer.Typer(name="plugins", no_args_is_help=True, help="List, check and make plugins.")
app.command("check")(checking.check)
app.command("new")(scaffolding.new)


@app.callback()
def plugins() -> None:
    """List, check and make plugins."""


@app.command("list")
def list_plugins(
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """List every dataset, model and component with its provider, and the plugins that were left out."""
    found = registry()
    if json:
        print_json(
            {
                "components": _rows(found),
                "failures": [_failure(failure) for failure in found.failures],
                "seconds": _seconds(found),
            }
        )
        return
    from rich.table import Table

    screen = console()
    table = Table("kind", "name", "provider", "what", box=None, header_style="bold")
    for row in _rows(found):
        table.add_row(row["kind"], row["name"], f"{row['distribution']} {row['version']}", row["summary"])
    screen.print(table)
    for failure in found.failures:
        screen.print(str(failure), style="red", markup=False)
        screen.print(failure.traceback.rstrip(), style="dim", markup=False)


def _rows(found: Registry) -> list[dict[str, Any]]:
    return [
        {
            "kind": contribution.word,
            "name": contribution.spec.name,
            "id": contribution.canonical_id,
            "plugin": contribution.provider.plugin,
            "distribution": contribution.provider.distribution,
            "version": contribution.provider.version,
            "summary": _summary(contribution.spec),
        }
        for contribution in found.discovery.contributions
    ]


def _summary(spec: object) -> str:
    protocol = getattr(spec, "protocol", "paper")
    text = getattr(spec, "summary", "") or getattr(spec, "title", "") or getattr(spec, "help", "")
    return text if protocol == "paper" else f"{text} (--protocol {protocol})"


def _seconds(found: Registry) -> list[dict[str, Any]]:
    return [
        {"plugin": provider.plugin, "distribution": provider.distribution, "seconds": round(seconds, 4)}
        for provider, seconds in found.discovery.seconds.items()
    ]


def _failure(failure: PluginFailure) -> dict[str, str]:
    return {
        "plugin": failure.provider.plugin,
        "distribution": failure.provider.distribution,
        "version": failure.provider.version,
        "stage": failure.stage,
        "reason": failure.reason,
        "traceback": failure.traceback,
    }
