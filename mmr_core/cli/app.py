"""Puts the commands together, mounts those of plugins, and turns errors into one line and an exit code."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import click
import typer
from rich.markup import escape
from typer.core import TyperGroup

from mmr_core.cli import compare, data, encode, plugins, run
from mmr_core.cli.console import messages, registry
from mmr_core.errors import WORK_FAILED, MMRError, PluginError
from mmr_core.registry import Registered
from mmr_core.specs import CommandSpec

DEBUG = "--debug"
INTERRUPTED = 130


class MmrGroup(TyperGroup):
    """The root command: knows the commands of plugins without importing them, and how to end when one fails."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The engine's own commands, then those that plugins mount."""
        own = super().list_commands(ctx)
        return own + [name for name in registry().commands.names() if name not in own]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """An own command, or a stand-in for a plugin's that is imported when it runs."""
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in registry().commands.names():
            return own
        return _mounted(registry().commands.find(cmd_name), wanted=ctx.resilient_parsing or cmd_name in sys.argv)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> Any:
        """Runs a command; an `MMRError` becomes one line on stderr and the error's exit code."""
        given = list(sys.argv[1:] if args is None else args)
        debug = DEBUG in given
        try:
            return super().main([word for word in given if word != DEBUG], *rest, **options)
        except MMRError as error:
            _end(str(error), error, error.exit_code, debug=debug)
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            _end(f"{place}{error.strerror or error}", error, WORK_FAILED, debug=debug)
        except KeyboardInterrupt as error:
            _end("interrupted", error, INTERRUPTED, debug=debug)


app = typer.Typer(
    name="mmr",
    cls=MmrGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("compare")(compare.compare)
app.command("encode")(encode.encode)
app.add_typer(data.app, name="data")
app.add_typer(plugins.app, name="plugins")


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an error; works anywhere.")] = False,
) -> None:
    """Benchmark and leaderboard for routing between multimodal LLMs."""


def main() -> None:
    """The entry point of the command `mmr`."""
    if "--version" in sys.argv[1:2]:
        from importlib.metadata import version

        print(f"mmr-bench {version('mmr-bench')}")
        return
    app()


def _mounted(item: Registered[CommandSpec], *, wanted: bool) -> click.Command:
    if not wanted:
        return click.Command(item.name, help=item.spec.help)
    module, _, attribute = item.spec.target.partition(":")
    try:
        target = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"command {item.name!r} cannot be loaded: {error}",
            where=str(item.provider),
            details="".join(traceback.format_exception(error)),
        ) from error
    if isinstance(target, typer.Typer):
        return typer.main.get_command(target)
    single = typer.Typer(add_completion=False)
    single.command(item.name, help=item.spec.help)(target)
    return typer.main.get_command(single)


def _end(line: str, error: BaseException, code: int, *, debug: bool) -> NoReturn:
    screen = messages()
    if debug:
        traceback.print_exception(error)
    details = error.details if isinstance(error, PluginError) else ""
    if details:
        screen.print(escape(details.rstrip()), soft_wrap=True, highlight=False, style="dim")
    screen.print(f"[bold red]error:[/bold red] {escape(line)}", soft_wrap=True, highlight=False)
    sys.exit(code)
