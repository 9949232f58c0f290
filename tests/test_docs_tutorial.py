"""docs/tutorial.md works when it is pasted: its commands run and its files are written, in the order of the page."""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
STEP = re.compile(r"^<!-- (command|file): (\S+) -->\n```(?:bash|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
STEPS = STEP.findall(PAGE)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the tracked files, without anybody's submissions."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True)
    home = tmp_path / "mmr-bench"
    for name in filter(None, listed.stdout.split("\0")):
        if not name.startswith(("submissions/", "tests/", "leaderboard/published/")) and (ROOT / name).is_file():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, home / name)
    return home


def pasted(steps: list[tuple[str, str, str]], clone: Path) -> str:
    """The page as one script: files are written where their steps stand, and commands stand as they are.

    The one addition lets the new environment see what is installed here, for tests have no network.
    """
    folders = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    lines = "".join(f"import site; site.addsitedir({folder!r})\n" for folder in folders)
    (clone.parent / "installed_here.pth").write_text(lines)
    script = []
    for kind, name, text in steps:
        script.append(f"echo '== {name}'")
        if kind == "file":
            script.append(f"cat > {name} <<'END OF THE FILE'\n{text}END OF THE FILE")
        else:
            script.append(text.rstrip("\n"))
        if name == "venv":
            script.append('cp ../installed_here.pth "$VIRTUAL_ENV"/lib/python*/site-packages/')
    return "\n".join(script)


def test_the_page_has_all_its_steps_and_no_other_code():
    assert [name for kind, name, _ in STEPS if kind == "command"] == [
        *("venv", "install", "new", "before", "test", "after", "use", "submit")
    ]
    assert len(STEPS) == PAGE.count("\n```") // 2


@pytest.mark.slow
def test_the_tutorial_works_as_it_stands(clone, tmp_path, program_cache):
    environment = {
        **os.environ,
        # What a reader's pip fetches is installed here already.
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "MMR_CACHE_DIR": program_cache,
    }
    environment.pop("PYTHONPATH", None)
    script = pasted(STEPS, clone)
    words = ["bash", "-euo", "pipefail", "-c", script]
    answer = subprocess.run(words, cwd=clone, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    said = dict(re.findall(r"^== (\S+)\n(.*?)(?=^== |\Z)", answer.stdout, flags=re.DOTALL | re.MULTILINE))
    assert "mmr-router-myidea" in said["new"]
    assert " passed" in said["test"]
    assert " failed" not in said["test"]
    assert "skipped" not in said["test"]
    assert re.search(r"myidea.*(better|worse|undecided)", said["after"].replace("\n", " "))
    assert (clone / "submissions/myidea/submission.toml").is_file()
    assert list((clone / "submissions/myidea/wheels").glob("mmr_router_myidea-*.whl"))
    assert (tmp_path / "after/frontier.png").is_file()
    assert (tmp_path / "myidea.mmr").is_file()
