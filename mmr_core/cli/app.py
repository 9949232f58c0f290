"""Assembles the commands, mounts those of plugins, and turns errors into one line and an exit code."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape

from mmr_core.cli import compare, data, encode, plugin_commands, reproduce, route, run, savings, train
from mmr_core.cli.arguments import PROGRAM, registry
from mmr_core.errors import WORK_FAILED, MMRError, PluginError
from mmr_core.plugins import HOME, Contribution
from mmr_core.registry import Registry
from mmr_core.render.console import messages
from mmr_core.specs import CommandSpec

DEBUG = "--debug"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command `mmr` and returns its exit code: 0 done, 1 the work failed, 2 wrong use.

    :param arguments: the arguments after `mmr`; None means those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = [word for word in given if word != DEBUG]
    try:
        application(words)(args=words, prog_name=PROGRAM, obj=tuple(words))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else WORK_FAILED
    except MMRError as error:
        _explain(str(error), error, debug=DEBUG in given)
        return error.exit_code
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _explain(f"{place}{error.strerror or error}", error, debug=DEBUG in given)
        return WORK_FAILED
    return 0


def application(words: Sequence[str]) -> typer.Typer:
    """The application; the module of a plugin's command is imported only if the words name that command."""
    app = typer.Typer(
        name="mmr",
        callback=root,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command("run")(run.run)
    app.command("compare")(compare.compare)
    app.command("reproduce")(reproduce.reproduce)
    app.command("encode")(encode.encode)
    app.command("train")(train.train)
    app.command("route")(route.route)
    app.command("savings")(savings.savings)
    app.add_typer(data.app, name="data")
    app.add_typer(plugin_commands.app, name="plugins")
    own = {"run", "compare", "reproduce", "encode", "train", "route", "savings", "data", "plugins"}
    if words[:1] and words[0] in own:
        return app
    # A command of the benchmark itself may hold secrets (test outcomes), so no other plugin is imported for it.
    commands = Registry.discover(trusts=lambda distribution: distribution == HOME).commands
    if not {commands.label(item) for item in commands.specs()}.intersection(words[:1]):
        commands = registry().commands
    for item in commands.specs():
        name = commands.label(item)
        if name not in own:
            _mount(app, name, item, wanted=name in words[:1])
    return app


def root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=lambda asked: _version(asked))
    ] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an error; may stand anywhere.")] = False,
) -> None:
    """Benchmark and leaderboard for routing between multimodal LLMs."""


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"mmr-bench {version('mmr-bench')}")
        raise typer.Exit


def _mount(app: typer.Typer, name: str, item: Contribution[CommandSpec], *, wanted: bool) -> None:
    target = _loaded(item) if wanted else _stand_in()
    if isinstance(target, typer.Typer):
        app.add_typer(target, name=name, help=item.spec.help)
    else:
        app.command(name, help=item.spec.help)(target)


def _stand_in() -> Callable[[], None]:
    def command() -> None:
        """Placeholder for a command in `mmr --help`; never runs."""

    return command


def _loaded(item: Contribution[CommandSpec]) -> Any:
    module, _, attribute = item.spec.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"command {item.name!r} cannot be loaded: {type(error).__name__}: {error}",
            where=str(item.provider),
            details="".join(traceback.format_exception(error)),
        ) from error


def _explain(line: str, error: BaseException, *, debug: bool) -> None:
    screen = messages()
    if debug:
        traceback.print_exception(error)
    details = error.details if isinstance(error, PluginError) else ""
    if details:
        screen.print(escape(details.rstrip()), soft_wrap=True, highlight=False, style="dim")
    screen.print(f"[bold red]error:[/bold red] {escape(line)}", soft_wrap=True, highlight=False)
