"""`mmr leaderboard`: the commands, each in a module of its own that imports nothing heavy."""

from __future__ import annotations

import typer

from mmr_leaderboard.cli import initialise, running, validating

app = typer.Typer(name="leaderboard", no_args_is_help=True, help="Start, validate, run and publish submissions.")


@app.callback()
def leaderboard() -> None:
    """Start, validate, run and publish submissions."""


app.command("init")(initialise.init)
app.command("validate")(validating.validate)
app.command("run")(running.run)
app.command("publish")(running.publish)
app.command("sign-off")(running.sign_off)
