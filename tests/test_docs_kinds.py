"""The pages of the kinds stay true: every hook has its documentation, and an example on its page, which is run here."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mmr_core import hookspecs
from mmr_core.hookspecs import HOOKS
from mmr_core.store import OutcomeStore

DOCS = Path(__file__).parents[1] / "docs"
VERSION = "0.3"


class Reader:
    """Somebody who has installed the example of one page.

    :param word: the kind.
    """

    def __init__(self, word: str, folder: Path, build_table: Callable[..., object]) -> None:
        page = (DOCS / "kinds" / f"{word}.md").read_text("utf-8")
        [source] = re.findall(r"^```python\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
        [section] = re.findall(r"^```toml\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
        group, name, module = re.fullmatch(r'\[project\.entry-points\."(.+)"\]\n(\w+) = "(\w+)"\n', section).groups()
        self.source, self.distribution = source, module.replace("_", "-")
        self.folder, self.build_table = folder, build_table
        (folder / f"{module}.py").write_text(source)
        information = folder / f"{module}-{VERSION}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {self.distribution}\nVersion: {VERSION}\n")
        (information / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")

    def runs(self, *words: str) -> str:
        """What `mmr` prints; it must not fail, and the plugin must not be left out."""
        program = "import sys; from mmr_core.cli import main; sys.exit(main())"
        environment = {**os.environ, "PYTHONPATH": str(self.folder), "MMR_STRICT_PLUGINS": "1", "COLUMNS": "200"}
        answer = subprocess.run(
            [sys.executable, "-c", program, *words], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
        return answer.stdout

    def checks(self, *words: str, but: tuple[str, ...] = ("save-and-load",)) -> None:
        """`mmr plugins check` finds every promise kept, and skips no check but those for what is optional."""
        report = json.loads(self.runs("plugins", "check", self.distribution, "--json", *words))
        assert report["passed"]
        skipped = {c["name"] for part in report["components"] for c in part["checks"] if c["verdict"] == "skipped"}
        assert skipped <= set(but)

    def store(self) -> Path:
        """A small store."""
        OutcomeStore(self.folder / "store").add(self.build_table(models=3, instances=150, datasets=("alpha", "beta")))
        return self.folder / "store"


def router(reader: Reader) -> None:
    reader.checks()


def encoder(reader: Reader) -> None:
    reader.checks(but=("save-and-load", "strange-images", "broken-images"))


def fusion(reader: Reader) -> None:
    reader.checks()


def dataset(reader: Reader) -> None:
    reader.checks(but=("members-exist", "own-id-prefix", "makes-a-table"))


def model(reader: Reader) -> None:
    reader.checks()


def importer(reader: Reader) -> None:
    lines = ["dataset,id,model,score,usd", "sums,1,small,0,1e-5", "sums,1,large,1,", "sums,2,small,1,1e-5"]
    example = reader.folder / "run.scores.csv"
    example.write_text("\n".join([*lines, "sums,2,large,,2e-4", "sums,3,small,0.5,1e-5", "sums,3,large,1,2e-4"]) + "\n")
    reader.checks("--example", str(example))
    reader.runs("data", "import", "scores", str(example), "--out", str(reader.folder / "store"))
    table = OutcomeStore.open(reader.folder / "store").table()
    assert (len(table), int(table.complete.sum())) == (3, 1)


def study(reader: Reader) -> None:
    reader.checks()
    out = reader.folder / "report"
    reader.runs(
        *("reproduce", "skills", "--data", str(reader.store()), "--router", "linear,knn", "--seeds", "1"),
        *("--draws", "20", "--jobs", "1", "--out", str(out)),
    )
    lines = (out / "skills.md").read_text().splitlines()
    assert any(line.startswith("| knn |") for line in lines)
    assert any("Alpha" in line and "Beta" in line for line in lines)


def command(reader: Reader) -> None:
    assert "The cheapest model of each dataset." in reader.runs("--help")
    said = reader.runs("cheapest", str(reader.store())).splitlines()
    assert [re.sub(r"[\d.]+ USD", "x USD", line) for line in said] == [
        f"{name}: model-0, x USD per 1,000 queries" for name in ("alpha", "beta")
    ]


EXERCISES = {one.__name__: one for one in (router, encoder, fusion, dataset, model, importer, study, command)}


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_its_documentation(hook):
    text = inspect.getdoc(getattr(hookspecs, hook))
    first, blank, *rest = text.splitlines()
    assert first.endswith((".", ":"))
    assert blank == ""
    assert " ".join(rest).startswith("Each is a `specs.")
    page = (DOCS / "kinds" / f"{HOOKS[hook].word}.md").read_text("utf-8")
    for heading in ("## Contract", "## Example", "## Common mistakes"):
        assert f"\n{heading}\n" in page
    assert HOOKS[hook].spec_type.__name__ in page


def test_every_hook_that_is_specified_is_called():
    specified = {name for name in vars(hookspecs) if name.startswith("mmr_register_")}
    assert specified == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_of_a_hook_works(hook, tmp_path, table):
    word = HOOKS[hook].word
    reader = Reader(word, tmp_path, table)
    assert f"@hookimpl\ndef {hook}():" in reader.source
    EXERCISES[word](reader)
