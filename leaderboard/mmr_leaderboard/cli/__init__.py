"""`mmr leaderboard`: one module per command, none of which imports anything heavy before it is called."""

from __future__ import annotations

import typer

from mmr_leaderboard.cli import init, publish, run, validate

app = typer.Typer(name="leaderboard", no_args_is_help=True, help="Start, validate, run and publish submissions.")


@app.callback()
def leaderboard() -> None:
    """Start, validate, run and publish submissions."""


app.command("init")(init.init)
app.command("validate")(validate.validate)
app.command("run")(run.run)
app.command("publish")(publish.publish)
app.command("sign-off")(publish.sign_off)
