"""CONTRIBUTING.md works when it is pasted: its commands run, in order, in a copy of the repository."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

from mmr_core.cli import main

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"<!-- command: ([\w-]+) -->\n```bash\n(.*?)\n```", TEXT, flags=re.DOTALL))
SUBMITTER = ("copy", "build", "init", "decisions", "rehearse", "send")
MAINTAINER = ("review", "look", "try", "publish", "sign", "check")
KEPT = {"baseline-kmeans", "baseline-linear"}
"""Entries that the copy keeps: the commands are the same with all of them, and take longer."""


def run(script: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)


def git(folder: Path, *words: str) -> str:
    answer = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return answer.stdout.strip()


@pytest.fixture(scope="module")
def environment(program_cache: str) -> dict[str, str]:
    """What a contributor's shell has; builds take what is installed, for tests have no network."""
    person = {"NAME": "A person", "EMAIL": "person@example.org"}
    return {
        **os.environ,
        **{f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in person.items()},
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "MMR_CACHE_DIR": program_cache,
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of a copy of the tracked files, with a virtual environment that sees what is installed here."""
    home = tmp_path_factory.mktemp("home")
    origin, own = home / "origin", home / "mmr-bench"
    origin.mkdir()
    for name in filter(None, git(ROOT, "ls-files", "-z").split("\0")):
        parts = Path(name).parts
        other = parts[0] == "submissions" and len(parts) > 2 and parts[1] not in KEPT
        if not other and (ROOT / name).is_file():
            (origin / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, origin / name)
    shutil.rmtree(origin / "leaderboard" / "published", ignore_errors=True)
    person = ("-c", "user.name=A person", "-c", "user.email=person@example.org")
    git(origin, "init", "-q", "-b", "main")
    git(origin, "add", "--all")
    git(origin, *person, "commit", "-q", "-m", "As it stands")
    git(home, "clone", "-q", str(origin), str(own))
    subprocess.run([sys.executable, "-m", "venv", str(own / ".venv")], check=True)
    [packages] = (own / ".venv" / "lib").glob("python*/site-packages")
    lines = [f"import site; site.addsitedir({folder!r})\n" for folder in site.getsitepackages()]
    (packages / "installed_here.pth").write_text("".join(lines))
    command = own / ".venv" / "bin" / "mmr"
    command.write_text(f"#!{own}/.venv/bin/python\nimport sys\n\nfrom mmr_core.cli import main\n\nsys.exit(main())\n")
    command.chmod(0o755)
    return own


def test_the_commands_are_those_that_are_pasted_here():
    assert tuple(BLOCKS) == (*SUBMITTER, *MAINTAINER)


def test_every_command_of_the_leaderboard_exists_with_its_options(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    for command in sorted(set(re.findall(r"mmr leaderboard ([a-z-]+)", TEXT))):
        assert main(["leaderboard", command, "--help"]) == 0
        page = capsys.readouterr().out
        for line in re.findall(rf"mmr leaderboard {command} (.*)", TEXT):
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line.split("`")[0]):
                assert option in page, (command, option)


def test_every_link_leads_somewhere():
    places = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)$", TEXT, re.M)}
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        file, _, place = target.partition("#")
        assert (ROOT / file).exists() if file else place in places, target


def test_every_code_it_names_is_one():
    from mmr_leaderboard.findings import CODES

    for code in ("isolation-impossible", "placebo-skill", "changed-without-supersedes"):
        assert f"`{code}`" in TEXT
        assert code in CODES


def test_every_file_of_the_map_is_there():
    [places] = re.findall(r"^## Where things are\n(.*?)^## ", TEXT, flags=re.DOTALL | re.MULTILINE)
    named = set(re.findall(r"`((?:mmr_core|plugins|leaderboard|tests)/[\w./-]+)`", places))
    assert len(named) > 15
    assert not [path for path in named if not (ROOT / path).exists()]


def test_the_map_has_the_rooms_of_the_engine_from_top_to_bottom():
    own = ast.parse((ROOT / "tests" / "core" / "test_layers.py").read_text("utf-8"))
    [levels] = [
        ast.literal_eval(node.value)
        for node in own.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "LEVELS"
    ]
    [table] = re.findall(r"\| room of `mmr_core` .*?\n\n", TEXT, flags=re.DOTALL)
    rows = [set(re.findall(r"`(\w+)`", line.split("|")[1])) for line in table.splitlines()[2:] if line]
    assert rows == levels


@pytest.mark.slow
def test_a_submitter_and_then_a_maintainer_paste_every_command(checkout, environment):
    own = checkout
    for name in SUBMITTER:
        answer = run(BLOCKS[name], own, environment)
        assert answer.returncode == 0, f"{name}: {answer.stdout[-2000:]}{answer.stderr[-3000:]}"
    board = json.loads((own.parent / "rehearsal" / "board" / "leaderboard.json").read_text())
    [row] = board["entries"]
    assert (row["slug"], row["tier"], row["rank"]) == ("my-idea", "reproduced", 1)
    assert git(own, "diff", "--name-only", "main...HEAD").splitlines() == [
        "submissions/my-idea/submission.toml",
        "submissions/my-idea/wheels/mmr_router_my_idea-0.1.0-py3-none-any.whl",
    ]

    git(own, "push", "-q", "origin", "HEAD:refs/pull/1/head")
    answer = run("\n".join(f"echo '== {name}'\n{BLOCKS[name]}" for name in MAINTAINER), own, environment)
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    published = json.loads((own / "leaderboard" / "published" / "leaderboard.json").read_text())
    entries = {entry["slug"]: entry for entry in published["entries"]}
    assert {*entries} == {*KEPT, "my-idea", "my-choices"}
    assert (entries["my-choices"]["tier"], entries["my-choices"]["rank"]) == ("self-reported", None)
    assert entries["my-idea"]["rank"] is not None
    record = [json.loads(line) for line in (own / "leaderboard/published/audit.jsonl").read_text().splitlines()]
    [signed] = [event for event in record if event["event"] == "signed off"]
    assert (signed["slug"], signed["code"], signed["by"]) == ("my-idea", "placebo-skill", "Your Name")
    assert signed["digest"] == entries["my-idea"]["digest"]
