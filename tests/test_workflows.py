"""The workflows keep their promises: few rights, no stranger's words in a shell, submissions taken as data.

Rules are checked on what PyYAML reads; what takes a submission out of a pull request, and what writes the comment about
it, is run on hostile ones.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / ".github" / "scripts"
WORKFLOWS = {path.name: path for path in sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))}

# What a `run:` may take from GitHub without going through the environment: nothing, so far.
ALLOWED_IN_RUN: frozenset[str] = frozenset()
# What may be given to a step's environment or to an action: own facts, numbers and commits; never a stranger's words.
ALLOWED_ELSEWHERE = frozenset(
    {
        "github.event.pull_request.number",
        "github.event.pull_request.base.sha",
        "github.event.pull_request.head.sha",
        "github.event.repository.default_branch",
        "github.event.workflow_run.id",
        "github.event.workflow_run.head_sha",
        "github.ref",
        "github.token",
        "github.workspace",
        "matrix.python",
        "needs.run.outputs.status",
        "runner.temp",
        "steps.deployment.outputs.page_url",
        "steps.run.outputs.status",
        "steps.validate.outputs.status",
    }
)
WRITERS = {("comment-verdict.yml", "comment"), ("leaderboard.yml", "publish"), ("leaderboard.yml", "site")}
RUNS_SUBMISSIONS = re.compile(r"leaderboard run|submissions/|wheels/|--wheelhouse|/whl|\.whl")


@dataclass(frozen=True)
class Job:
    """One job of one workflow."""

    workflow: str
    name: str
    facts: Mapping[str, Any]

    @property
    def steps(self) -> list[dict[str, Any]]:
        return list(self.facts["steps"])

    @property
    def scripts(self) -> list[str]:
        return [step["run"] for step in self.steps if "run" in step]

    @property
    def writes(self) -> bool:
        return "write" in self.facts["permissions"].values()

    def __str__(self) -> str:
        return f"{self.workflow}:{self.name}"


def read(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)  # "on" stays a word, and "false" too


def jobs() -> Iterator[Job]:
    for name, path in WORKFLOWS.items():
        for job, facts in read(path)["jobs"].items():
            yield Job(name, job, facts)


JOBS = list(jobs())
each_job = pytest.mark.parametrize("job", JOBS, ids=str)
each_workflow = pytest.mark.parametrize("path", WORKFLOWS.values(), ids=list(WORKFLOWS))


def expressions(node: Any) -> Iterator[str]:
    """Every `${{ }}` below a node."""
    if isinstance(node, str):
        yield from (found.strip() for found in re.findall(r"\$\{\{(.*?)\}\}", node, flags=re.DOTALL))
    elif isinstance(node, Mapping):
        for key, value in node.items():
            yield from expressions(key)
            yield from expressions(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value)


# Rules on all workflows


def test_the_workflows_of_the_leaderboard_are_there():
    assert {"validate-submission.yml", "comment-verdict.yml", "leaderboard.yml", "check-leaderboard.yml"} <= {
        *WORKFLOWS
    }


@each_workflow
def test_no_workflow_runs_a_strangers_commit_with_rights(path):
    on = read(path)["on"]
    assert "pull_request_target" not in path.read_text()
    assert {*on} <= {"push", "pull_request", "workflow_run", "schedule", "workflow_dispatch"}
    if "pull_request" in on:
        assert not any(job.writes for job in JOBS if job.workflow == path.name)


@each_workflow
def test_a_workflow_gives_its_jobs_no_rights_beyond_reading(path):
    assert read(path)["permissions"] in ({}, {"contents": "read"})


@each_job
def test_each_job_states_its_rights(job):
    rights = job.facts["permissions"]
    assert isinstance(rights, Mapping)
    assert {*rights.values()} <= {"read", "write", "none"}
    assert job.writes == ((job.workflow, job.name) in WRITERS)


def test_each_job_that_writes_may_write_one_thing():
    rights = {
        str(job): {right for right, access in job.facts["permissions"].items() if access == "write"}
        for job in JOBS
        if job.writes
    }
    assert rights == {
        "comment-verdict.yml:comment": {"pull-requests"},
        "leaderboard.yml:publish": {"contents"},
        "leaderboard.yml:site": {"pages", "id-token"},
    }


@each_job
def test_a_job_that_writes_runs_nothing_that_was_submitted(job):
    if not job.writes:
        return
    for script in job.scripts:
        assert not RUNS_SUBMISSIONS.search(script), script
        for line in script.splitlines():
            if "pip" in line:
                assert line.endswith("install -q ."), line


@each_job
def test_each_job_ends_by_itself(job):
    assert int(job.facts["timeout-minutes"]) <= 120


@each_job
def test_no_job_is_handed_a_secret(job):
    assert "secrets" not in json.dumps(job.facts)


@each_job
def test_nothing_is_written_into_a_shell_by_github(job):
    for script in job.scripts:
        assert set(expressions(script)) <= ALLOWED_IN_RUN, script


@each_workflow
def test_no_strangers_words_are_handed_to_a_step(path):
    assert set(expressions(read(path))) <= ALLOWED_ELSEWHERE


@each_job
def test_the_environment_is_quoted_in_the_shell(job):
    for step in job.steps:
        for name in step.get("env", {}):
            uses = re.findall(rf"(.?)\$\{{?{name}\b", step.get("run", ""))
            assert all(before in ('"', "/") for before in uses), (name, step["run"])


@each_job
def test_a_checkout_leaves_no_credentials_but_where_it_pushes(job):
    checkouts = [step for step in job.steps if step.get("uses", "").startswith("actions/checkout@")]
    expected = "true" if (job.workflow, job.name) == ("leaderboard.yml", "publish") else "false"
    assert {step["with"]["persist-credentials"] for step in checkouts} <= {expected}


@each_job
def test_every_action_is_githubs_own_and_pinned_to_a_commit(job):
    for step in job.steps:
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), step["uses"]


def test_an_action_is_pinned_to_one_commit_throughout():
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS.values():
        for action, pin in re.findall(r"uses: (\S+)@(.+)", path.read_text()):
            pins.setdefault(action, set()).add(pin)
    assert all(len(found) == 1 for found in pins.values()), pins


@each_job
def test_a_shell_script_has_no_faults(job, tmp_path):
    checker = shutil.which("shellcheck")
    if checker is None:
        pytest.skip("shellcheck is not installed")
    for script in job.scripts:
        answer = subprocess.run([checker, "--shell=bash", "-"], input=script, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("path", [*sorted(SCRIPTS.glob("*.sh")), ROOT / ".ci" / "run"], ids=lambda path: path.name)
def test_a_committed_shell_script_has_no_faults(path):
    checker = shutil.which("shellcheck")
    if checker is None:
        pytest.skip("shellcheck is not installed")
    answer = subprocess.run([checker, str(path)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


@each_job
def test_every_script_that_a_job_starts_is_committed(job):
    for script in job.scripts:
        for name in re.findall(r"\.github/scripts/([\w.]+)", script):
            assert (SCRIPTS / name).is_file()
        for name in re.findall(r"^\.github/scripts/([\w.]+)", script):
            assert os.access(SCRIPTS / name, os.X_OK)


# Rules on each workflow


def job_of(workflow: str, name: str) -> Job:
    [found] = [job for job in JOBS if (job.workflow, job.name) == (workflow, name)]
    return found


def test_validation_checks_out_the_base_commit_and_nothing_else():
    job = job_of("validate-submission.yml", "validate")
    assert job.facts["permissions"] == {"contents": "read"}
    [checkout] = [step for step in job.steps if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    words = " ".join(job.scripts)
    assert "git checkout" not in words
    assert re.findall(r"pip install (.*)", words) == ["-q ./base"]
    assert "python -I base/.github/scripts/take_submission.py" in words


def test_running_submissions_and_publishing_are_two_jobs_with_data_between_them():
    run, publish = job_of("leaderboard.yml", "run"), job_of("leaderboard.yml", "publish")
    assert run.facts["permissions"] == {"contents": "read"}
    assert "leaderboard run" in " ".join(run.scripts)
    assert publish.facts["needs"] == "run"
    assert "leaderboard publish" in " ".join(publish.scripts)
    [kept] = [step["with"]["path"].split() for step in run.steps if "upload-artifact" in step.get("uses", "")]
    assert kept == ["work/leaderboard.json", "work/choices.json"]


def test_only_the_main_branch_is_published():
    for name in ("publish", "site"):
        job = job_of("leaderboard.yml", name)
        assert job.facts.get("if") == "github.ref == 'refs/heads/main'" or job.facts["needs"] == "publish"


def test_a_week_never_passes_without_a_check():
    assert re.fullmatch(r"\d+ \d+ \* \* \d", read(WORKFLOWS["check-leaderboard.yml"])["on"]["schedule"][0]["cron"])
    assert "leaderboard run --check" in " ".join(job_of("check-leaderboard.yml", "check").scripts)


def test_the_gate_has_isolation_a_browser_and_latex_or_fails():
    job = job_of("ci.yml", "gate")
    assert job.facts["env"] == {
        "MMR_ISOLATION_REQUIRED": "1",
        "MMR_BROWSER_REQUIRED": "1",
        "MMR_LATEX_REQUIRED": "1",
    }
    assert job.scripts == [".github/scripts/prepare_runner.sh browser", ".ci/run"]
    prepared = (SCRIPTS / "prepare_runner.sh").read_text()
    for needed in ("bubblewrap", "chromium", "kernel.apparmor_restrict_unprivileged_userns=0", "bwrap --unshare-all"):
        assert needed in prepared


# Taking a submission out of a pull request

HOSTILE_FOR_SHELLS = ("a b.csv", "line\nbreak", "$(touch pwned)", "`touch pwned`", "-rf", "--help", "x;touch pwned",
                      "'quoted\"", "*", "\u202egnp", "tab\there", "caf\u00e9", ".gitattributes", ".hidden")  # fmt: skip


class Repository:
    """A repository with a base and a pull request."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "A person")
        self.git("config", "user.email", "person@example.org")

    def git(self, *words: str, given: bytes | None = None) -> str:
        answer = subprocess.run(["git", "-C", str(self.folder), *words], input=given, capture_output=True, check=True)
        return answer.stdout.decode().strip()

    def write(self, path: str, content: str = "content\n") -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)

    def link(self, path: str, target: str) -> None:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def commit(self) -> str:
        self.git("add", "--all", "--force")
        self.git("commit", "-q", "--allow-empty", "-m", "a change")
        return self.git("rev-parse", "HEAD")

    def raw_commit(self, tree: str, parent: str) -> str:
        """A commit of a tree that `git add` would never make."""
        return self.git("commit-tree", tree, "-p", parent, "-m", "crafted")


@dataclass(frozen=True)
class Taken:
    status: int
    files: dict[str, bytes]
    changed: list[bytes]
    left: list[dict[str, str]]
    said: str

    @property
    def codes(self) -> set[str]:
        return {one["code"] for one in self.left}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository")
    made.write("pyproject.toml", "the base's\n")
    made.write("submissions/one/submission.toml", "one\n")
    made.write("submissions/one/README.md", "old\n")
    made.write("submissions/two/submission.toml", "two\n")
    return made


@pytest.fixture
def take(tmp_path: Path) -> Callable[[Repository, str, str], Taken]:
    def taking(made: Repository, base: str, head: str) -> Taken:
        into = tmp_path / "taken" / "submissions"
        changed, left = tmp_path / "changed", tmp_path / "left.json"
        words = [sys.executable, "-I", str(SCRIPTS / "take_submission.py"), "--repository", str(made.folder)]
        words += ["--base", base, "--head", head]
        words += ["--into", str(into), "--changed", str(changed), "--left", str(left)]
        answer = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
        files = {}
        for place in into.rglob("*"):
            assert not place.is_symlink()
            assert place.is_dir() or place.is_file()
            if place.is_file():
                assert place.stat().st_mode & 0o111 == 0
                files[place.relative_to(into).as_posix()] = place.read_bytes()
        assert not list(tmp_path.rglob("pwned"))
        return Taken(
            answer.returncode,
            files,
            changed.read_bytes().split(b"\0")[:-1] if changed.exists() else [],
            json.loads(left.read_text()) if left.exists() else [],
            answer.stderr,
        )

    return taking


def test_the_files_of_one_submission_arrive_beside_those_of_the_base(repository, take):
    base = repository.commit()
    repository.write("submissions/new/submission.toml", "new\n")
    repository.write("submissions/new/wheels/x-1-py3-none-any.whl", "wheel\n")
    found = take(repository, base, repository.commit())
    assert (found.status, found.left) == (0, [])
    assert found.changed == [b"submissions/new/submission.toml", b"submissions/new/wheels/x-1-py3-none-any.whl"]
    assert found.files == {
        "new/submission.toml": b"new\n",
        "new/wheels/x-1-py3-none-any.whl": b"wheel\n",
        "one/README.md": b"old\n",
        "one/submission.toml": b"one\n",
        "two/submission.toml": b"two\n",
    }


def test_a_changed_entry_keeps_what_the_change_does_not_touch_and_loses_what_it_removes(repository, take):
    base = repository.commit()
    repository.write("submissions/one/submission.toml", "better\n")
    (repository.folder / "submissions/one/README.md").unlink()
    found = take(repository, base, repository.commit())
    assert found.files == {"one/submission.toml": b"better\n", "two/submission.toml": b"two\n"}


def test_what_the_base_gained_since_the_fork_is_no_change_of_the_pull_request(repository, take):
    fork = repository.commit()
    repository.write("submissions/new/submission.toml", "new\n")
    head = repository.commit()
    repository.git("checkout", "-q", "-B", "main", fork)
    repository.write("submissions/two/submission.toml", "two, later\n")
    repository.write("mmr_core/sweep.py")
    found = take(repository, repository.commit(), head)
    assert found.changed == [b"submissions/new/submission.toml"]
    assert found.files["two/submission.toml"] == b"two, later\n"
    assert found.files["new/submission.toml"] == b"new\n"


def test_files_outside_the_submission_are_listed_and_stay_away(repository, take):
    base = repository.commit()
    for path in ("pyproject.toml", ".github/workflows/ci.yml", "submissions/loose.toml", "sitecustomize.py"):
        repository.write(path, "hostile\n")
    repository.write("submissions/new/submission.toml", "new\n")
    found = take(repository, base, repository.commit())
    assert {b"pyproject.toml", b".github/workflows/ci.yml", b"submissions/loose.toml"} < {*found.changed}
    assert {name for name in found.files if name.startswith(("new", "loose", "sitecustomize"))} == {
        "new/submission.toml"
    }


@pytest.mark.parametrize("name", HOSTILE_FOR_SHELLS)
def test_a_hostile_file_name_is_left_and_named_and_reaches_no_shell(name, repository, take):
    base = repository.commit()
    repository.write("submissions/new/submission.toml", "new\n")
    repository.write(f"submissions/new/{name}", "hostile\n")
    found = take(repository, base, repository.commit())
    assert found.status == 1
    assert found.codes == {"strange-name"}
    assert f"submissions/new/{name}".encode() in found.changed
    assert [path for path in found.files if path.startswith("new/")] == ["new/submission.toml"]
    assert all(line.startswith("left: ") and line.isascii() for line in found.said.splitlines())


def test_a_hostile_folder_name_is_no_submission(repository, take):
    base = repository.commit()
    repository.write("submissions/$(touch pwned)/submission.toml")
    repository.write("submissions/-x/submission.toml")
    repository.write("submissions/a b/submission.toml")
    found = take(repository, base, repository.commit())
    assert len(found.changed) == 3
    assert {name.split("/")[0] for name in found.files} == {"one", "two"}


@pytest.mark.parametrize("target", ["/etc/passwd", "../one/submission.toml", "submission.toml", "/proc/self/environ"])
def test_a_symbolic_link_is_left_and_named(target, repository, take):
    base = repository.commit()
    repository.write("submissions/new/submission.toml", "new\n")
    repository.link("submissions/new/README.md", target)
    found = take(repository, base, repository.commit())
    assert (found.status, found.codes) == (1, {"not-a-plain-file"})
    assert "new/README.md" not in found.files


def test_a_link_to_a_folder_does_not_lead_out(repository, take, tmp_path):
    base = repository.commit()
    (tmp_path / "elsewhere").mkdir()
    repository.write("submissions/new/submission.toml", "new\n")
    repository.link("submissions/new/wheels", str(tmp_path / "elsewhere"))
    repository.link("submissions/three", str(tmp_path / "elsewhere"))
    found = take(repository, base, repository.commit())
    assert found.codes == {"not-a-plain-file"}
    assert b"submissions/three" in found.changed
    assert not {name for name in found.files if name.startswith(("three", "new/wheels"))}


def test_a_link_of_the_base_is_replaced_and_not_written_through(repository, take, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    repository.link("submissions/one/notes", str(victim))
    base = repository.commit()
    (repository.folder / "submissions/one/notes").unlink()
    repository.write("submissions/one/notes", "hostile")
    found = take(repository, base, repository.commit())
    assert found.files["one/notes"] == b"hostile"
    assert victim.read_text() == "as it was"


def test_a_submodule_is_left_and_named(repository, take):
    base = repository.commit()
    repository.write("submissions/new/submission.toml", "new\n")
    repository.git("add", "--all")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{base},submissions/new/wheels")
    repository.git("commit", "-q", "-m", "a submodule")
    found = take(repository, base, repository.git("rev-parse", "HEAD"))
    assert (found.status, found.codes) == (1, {"not-a-plain-file"})


@pytest.mark.parametrize("escape", ["..", ".", ".git"])
def test_a_tree_that_git_would_not_make_writes_nowhere_else(escape, repository, take, tmp_path):
    base = repository.commit()
    blob = repository.git("hash-object", "-w", "--stdin", given=b"hostile\n")

    def tree(name: str, what: str, mode: str = "40000", beside: bytes = b"") -> str:
        content = f"{mode} {name}".encode() + b"\0" + bytes.fromhex(what) + beside
        return repository.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", given=content)

    words = ["git", "-C", str(repository.folder), "cat-file", "tree", f"{base}:submissions"]
    others = subprocess.run(words, capture_output=True, check=True).stdout
    crafted = tree("new", tree(escape, tree("escaped", blob, "100644")), beside=others)
    head = repository.raw_commit(tree("submissions", crafted), base)
    found = take(repository, base, head)
    assert (found.status, found.codes) == (1, {"strange-name"})
    assert not {name for name in found.files if "escaped" in name}
    assert not [path for path in tmp_path.rglob("escaped") if repository.folder not in path.parents]


def test_two_submissions_at_once_are_listed_and_neither_is_taken(repository, take):
    base = repository.commit()
    repository.write("submissions/new/submission.toml", "new\n")
    repository.write("submissions/two/submission.toml", "hostile\n")
    found = take(repository, base, repository.commit())
    assert len(found.changed) == 2
    assert found.files == {
        "one/README.md": b"old\n",
        "one/submission.toml": b"one\n",
        "two/submission.toml": b"two\n",
    }


def test_filters_and_hooks_of_the_pull_request_do_not_run(repository, take):
    base = repository.commit()
    repository.write("submissions/new/submission.toml", "$Id$\n")
    head_before = repository.commit()
    repository.write(".gitattributes", "* filter=evil ident eol=crlf\n")
    repository.git("config", "filter.evil.clean", "cat")
    head = repository.commit()
    repository.git("config", "filter.evil.smudge", "touch pwned; cat")
    found = take(repository, base, head)
    assert head != head_before
    assert found.files["new/submission.toml"] == b"$Id$\n"


def test_too_many_files_and_folders_too_deep_are_refused(repository, take):
    base = repository.commit()
    repository.write("submissions/new/wheels/deep/x.whl")
    assert take(repository, base, repository.commit()).codes == {"unexpected-file"}


def test_a_flood_of_files_is_refused_before_any_is_read(repository, take):
    base = repository.commit()
    for i in range(65):
        repository.write(f"submissions/new/file{i}")
    found = take(repository, base, repository.commit())
    assert (found.status, found.codes, len(found.changed)) == (1, {"unexpected-file"}, 65)
    assert not {name for name in found.files if name.startswith("new")}


def test_a_large_file_is_refused_by_its_size_alone(repository, monkeypatch):
    script = load("take_submission")
    monkeypatch.setattr(script, "LARGEST", 100)
    base = repository.commit()
    repository.write("submissions/new/decisions.parquet", "x" * 101)
    _, left = script.sort_out(repository.folder, script.changed(repository.folder, base, repository.commit()))
    assert [(one.code, one.why) for one in left] == [("too-large", "101 bytes")]


@pytest.mark.parametrize("commit", ["main", "--output=pwned", "HEAD; touch pwned", "0" * 40])
def test_a_commit_that_is_none_takes_nothing(commit, repository, take):
    base = repository.commit()
    found = take(repository, base, commit)
    assert (found.status, found.files, found.changed) == (2, {}, [])
    assert "take_submission" in found.said


# The comment


def load(name: str) -> ModuleType:
    """A committed script as a module."""
    spec = importlib.util.spec_from_file_location(f"workflow_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def verdict(tmp_path: Path) -> Callable[..., Path]:
    """A folder with a verdict of these findings."""

    def making(
        *findings: Mapping[str, Any],
        slug: str = "new",
        valid: bool = False,
        withdrawn: Any = (),
        change: Any = (),
        left: Any = (),
        raw: bytes | None = None,
    ) -> Path:
        judged = {"slug": slug, "valid": valid, "kind": "plugin", "digest": "", "findings": list(findings)}
        content = {"submissions": [judged], "withdrawn": list(withdrawn), "change": list(change)}
        (tmp_path / "verdict.json").write_bytes(raw if raw is not None else json.dumps(content).encode())
        (tmp_path / "left.json").write_text(json.dumps(list(left)))
        return tmp_path

    return making


def finding(**changes: Any) -> dict[str, Any]:
    return {"code": "bad-manifest", "where": "submission.toml", "message": "a field", **changes}


HOSTILE_FOR_READERS = (
    "@octocat please merge",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "```\n# heading\n```",
    "`code` @octocat",
    "</code> @octocat <code>",
    "[click](https://example.org)",
    "![x](https://example.org/x.png)",
    "https://example.org and www.example.org",
    "someone@example.org",
    "closes #1, octo/repo#2, deadbeef",
    "| a | b |\n|---|---|",
    "&lt;b&gt; &#64;octocat",
    "<!-- mmr-leaderboard-verdict -->",
    ":tada: **bold** ~~gone~~ $x^2$",
    "\u202emoc.elpmaxe",
    "\u0000\u001b[31mred",
)


@pytest.mark.parametrize("text", HOSTILE_FOR_READERS)
@pytest.mark.parametrize("place", ["where", "message", "slug", "example"])
def test_a_strangers_words_are_shown_as_words(text, place, verdict):
    changes = {"examples": [text]} if place == "example" else {place: text}
    slug = changes.pop("slug", "new")
    body, good = load("verdict_comment").comment(verdict(finding(**changes), slug=slug), finished=True)
    assert not good
    [row] = [line for line in body.splitlines() if "bad-manifest" in line]
    words = re.findall(r"<code>(.*?)</code>", row)
    for word in words:
        assert re.fullmatch(r"(?:[A-Za-z0-9 ]|&#\d+;)*", word)
    bare = re.sub(r"<code>.*?</code>", "", row)
    assert set(bare) <= set("| bad-manifest")
    assert body.count("<!--") == 1
    kept = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    assert kept in [unescape(word) for word in words]


def test_a_valid_submission_is_told_so(verdict):
    body, good = load("verdict_comment").comment(verdict(valid=True), finished=True)
    assert good
    assert "**Valid.**" in body


def test_a_finding_of_a_valid_submission_is_noted(verdict):
    folder = verdict(finding(code="image-flips"), valid=True)
    body, good = load("verdict_comment").comment(folder, finished=True)
    assert good
    assert "image-flips (noted)" in body


def test_what_is_wrong_with_the_change_refuses_it(verdict):
    folder = verdict(valid=True, change=[finding(code="change-outside")])
    body, good = load("verdict_comment").comment(folder, finished=True)
    assert not good
    assert "change-outside" in body


def test_a_submission_that_is_called_refused_is_so_without_a_finding_too(verdict):
    assert not load("verdict_comment").comment(verdict(valid=False), finished=True)[1]


def test_a_withdrawal_is_told(verdict):
    body, good = load("verdict_comment").comment(verdict(valid=True, withdrawn=["old-entry"]), finished=True)
    assert good
    assert "withdraws <code>old&#45;entry</code>" in body


def test_a_validation_that_failed_is_never_called_valid(verdict):
    body, good = load("verdict_comment").comment(verdict(valid=True), finished=False)
    assert not good
    assert "**Valid" not in body


def test_what_was_left_in_the_pull_request_refuses_it(verdict):
    left = [{"where": "submissions/new/x", "code": "not-a-plain-file", "message": "it is a symbolic link"}]
    body, good = load("verdict_comment").comment(verdict(valid=True, left=left), finished=True)
    assert not good
    assert "not-a-plain-file" in body


def test_what_else_the_pull_request_changes_hides_its_verdict(verdict):
    body, good = load("verdict_comment").comment(verdict(valid=True), finished=True, outside=True)
    assert not good
    assert "change-outside" in body
    assert "**Valid" not in body


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"[" * 200_000,
        *(
            json.dumps({"submissions": [], "withdrawn": [], "change": [], **changes}).encode()
            for changes in (
                {"submissions": {}},
                {"submissions": [{"slug": 1, "valid": True, "findings": []}]},
                {"submissions": [{"slug": "x", "valid": "yes", "findings": []}]},
                {"submissions": [{"slug": "x", "valid": True, "findings": [{}]}]},
                {"withdrawn": "everything"},
                {"withdrawn": [None]},
                {"change": None},
                {"change": [{"code": "<b>", "where": "", "message": ""}]},
                {"change": [{"code": "bad-slug", "where": "", "message": "", "count": True}]},
                {"change": [{"code": "bad-slug", "where": "", "message": "", "count": -1}]},
                {"change": [{"code": "bad-slug", "where": "", "message": "", "examples": "x"}]},
                {"more": "x" * (1 << 20)},
            )
        ),
    ],
    ids=lambda raw: raw[:80].decode("latin-1"),
)
def test_a_file_that_is_no_verdict_gives_no_verdict(raw, verdict):
    body, good = load("verdict_comment").comment(verdict(raw=raw), finished=True)
    assert not good
    assert "**No verdict.**" in body
    assert len(body) < 1000


def test_a_verdict_that_is_absent_or_a_link_gives_no_verdict(tmp_path, verdict):
    script = load("verdict_comment")
    assert "there is no verdict.json" in script.comment(tmp_path, finished=True)[0]
    folder = verdict()
    (folder / "verdict.json").rename(folder / "real.json")
    (folder / "verdict.json").symlink_to(folder / "real.json")
    assert "there is no verdict.json" in script.comment(folder, finished=True)[0]


def test_a_comment_of_many_findings_fits_and_says_how_many_it_leaves_out(verdict):
    long = finding(message="é" * 300, where="é" * 300, examples=["é" * 300] * 3, count=10**9)
    body, _ = load("verdict_comment").comment(verdict(*[long] * 100), finished=True)
    assert len(body) < 65_536
    left_out = int(re.search(r"(\d+) more are in the validation's log", body).group(1))
    assert left_out == 100 - sum("bad-manifest" in line for line in body.splitlines())


def test_the_comment_script_prints_the_comment_and_says_by_its_status_whether_all_is_well(verdict):
    for findings, status in (((), 0), ((finding(),), 1)):
        folder = verdict(*findings, valid=not findings)
        words = [sys.executable, "-I", str(SCRIPTS / "verdict_comment.py"), str(folder)]
        answer = subprocess.run(words, capture_output=True, text=True)
        assert answer.returncode == status
        assert answer.stdout.startswith("<!-- mmr-leaderboard-verdict -->\n")


def test_it_reads_what_the_command_prints(tmp_path, capsys):
    from mmr_leaderboard.cli.validate import _document
    from mmr_leaderboard.findings import finding as found
    from mmr_leaderboard.submission.validation import Submission

    wrong = found("bad-manifest", "submission.toml, seed", "it is -1", ["@octocat"])
    one = Submission(
        slug="new", folder=tmp_path, manifest=None, decisions=None, wheels={}, digest="0", findings=(wrong,)
    )
    outside = found("change-outside", "pyproject.toml", "1 changed file")
    (tmp_path / "verdict.json").write_text(json.dumps(_document([one], [outside], ["old"])))
    (tmp_path / "left.json").write_text("[]")
    body, good = load("verdict_comment").comment(tmp_path, finished=True)
    assert not good
    assert "**Refused.** 2 things to mend:" in body
    assert "withdraws <code>old</code>" in body


# Posting it

HEAD = "c0ffee" * 6 + "c0ff"
REPOSITORY = "bench/mmr"


class GitHub:
    """Answers as GitHub does, and remembers what was sent."""

    def __init__(self, *, pulls: list[dict[str, Any]], files: list[str], comments: list[dict[str, Any]]) -> None:
        self.pulls, self.comments = pulls, comments
        self.files = [{"filename": name} for name in files]
        self.asked: list[str] = []
        self.sent: list[tuple[str, str, str]] = []

    def __call__(self, method: str, path: str, sent: Any) -> Any:
        self.asked.append(path)
        if method != "GET":
            self.sent.append((method, path, sent["body"]))
            return {}
        page = int(re.search(r"[?&]page=(\d+)", path).group(1))
        for start, answer in (("/pulls?", self.pulls), ("/issues/", self.comments), ("/pulls/", self.files)):
            if path.startswith(start):
                return answer[100 * (page - 1) : 100 * page]
        raise AssertionError(path)


def pull(number: int, sha: str = HEAD, into: str = REPOSITORY) -> dict[str, Any]:
    return {"number": number, "head": {"sha": sha}, "base": {"repo": {"full_name": into}}}


def event(**changes: Any) -> dict[str, Any]:
    run = {
        "id": 77,
        "event": "pull_request",
        "conclusion": "success",
        "head_sha": HEAD,
        "head_branch": "x&state=closed&head=a:b",
        "head_repository": {"owner": {"login": "stranger"}},
        **changes,
    }
    return {"workflow_run": run}


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.delitem(sys.modules, "verdict_comment", raising=False)
    script = load("post_verdict")

    def posting(github: GitHub, folder: Path, **changes: Any) -> str:
        return script.post(
            github, event(**changes), folder, repository=REPOSITORY, home=f"https://example.org/{REPOSITORY}"
        )

    return posting


def test_the_first_verdict_is_a_new_comment_and_the_next_renews_it(post, verdict):
    github = GitHub(pulls=[pull(5)], files=["submissions/new/submission.toml"], comments=[])
    assert post(github, verdict()) == "commented on #5"
    [(method, path, body)] = github.sent
    assert (method, path) == ("POST", "/issues/5/comments")
    assert "https://example.org/bench/mmr/actions/runs/77" in body
    others = [{"id": i, "user": {"login": "somebody"}, "body": body} for i in range(150)]
    own = {"id": 999, "user": {"login": "github-actions[bot]"}, "body": body}
    github = GitHub(pulls=[pull(5)], files=["submissions/new/submission.toml"], comments=[*others, own])
    assert post(github, verdict(finding())) == "renewed the comment on #5"
    assert github.sent[0][:2] == ("PATCH", "/issues/comments/999")


def test_the_branch_is_no_part_of_the_question_that_is_asked(post, verdict):
    github = GitHub(pulls=[pull(5)], files=["submissions/new/submission.toml"], comments=[])
    post(github, verdict())
    assert github.asked[0] == (
        "/pulls?state=open&head=stranger%3Ax%26state%3Dclosed%26head%3Da%3Ab&per_page=100&page=1"
    )


@pytest.mark.parametrize(
    ("pulls", "changes"),
    [
        ([], {}),
        ([pull(5, sha="0" * 40)], {}),
        ([pull(5, into="other/mmr")], {}),
        ([pull(5)], {"event": "push"}),
        ([pull(5)], {"head_sha": "main"}),
        ([pull(5)], {"head_repository": None}),
    ],
)
def test_nothing_is_said_where_github_knows_of_no_such_pull_request(pulls, changes, post, verdict):
    folder = verdict()
    (folder / "pull-request").write_text("5")
    github = GitHub(pulls=pulls, files=[], comments=[])
    assert "nothing to comment on" in post(github, folder, **changes)
    assert github.sent == []


@pytest.mark.parametrize(("said", "number"), [("6", 6), ("7", None), ("6\n6", None), ("../6", None), ("", None)])
def test_the_number_of_the_artefact_only_chooses_among_those_that_github_names(said, number, post, verdict):
    folder = verdict()
    (folder / "pull-request").write_text(said)
    github = GitHub(pulls=[pull(5), pull(6)], files=["submissions/new/submission.toml"], comments=[])
    post(github, folder)
    assert [path for _, path, _ in github.sent] == ([f"/issues/{number}/comments"] if number else [])


@pytest.mark.parametrize("files", [[".github/workflows/validate-submission.yml"], ["submissions/x/y"] * 3000])
def test_the_verdict_of_a_pull_request_that_could_have_changed_its_judge_is_not_repeated(files, post, verdict):
    github = GitHub(pulls=[pull(5)], files=files, comments=[])
    post(github, verdict(valid=True))
    [(_, _, body)] = github.sent
    assert "**Valid" not in body
    assert "change-outside" in body


def test_a_validation_that_left_nothing_is_reported_as_such(post, tmp_path):
    github = GitHub(pulls=[pull(5)], files=["submissions/new/submission.toml"], comments=[])
    post(github, tmp_path, conclusion="failure")
    assert "**No verdict.**" in github.sent[0][2]


def test_the_token_is_not_sent_where_a_redirection_leads(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    script = load("post_verdict")
    seen = []

    class Answer:
        def __enter__(self) -> Answer:
            return self

        def __exit__(self, *_: object) -> None:
            return None

        def read(self) -> bytes:
            return b"[]"

    def opening(request: Any, timeout: float) -> Answer:
        seen.append(request)
        return Answer()

    monkeypatch.setattr(script, "urlopen", opening)
    assert script.asking("https://example.org/repos/bench/mmr", "word")("GET", "/pulls", None) == []
    [request] = seen
    assert request.unredirected_hdrs["Authorization"] == "Bearer word"
    assert "Authorization" not in request.headers


# The steps of the validation, as they stand


@pytest.mark.slow
def test_the_steps_of_the_validation_judge_a_pull_request(tmp_path):
    """Every script of the job but the installation, in a workspace whose `base` is a clone with a remote."""
    origin = Repository(tmp_path / "origin")
    for name in subprocess.check_output(["git", "-C", str(ROOT), "ls-files", "-z", ".github/scripts"]).split(b"\0")[
        :-1
    ]:
        origin.write(name.decode(), (ROOT / name.decode()).read_text())
    origin.write("submissions/README.md")
    base = origin.commit()
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    subprocess.run(["git", "clone", "-q", str(origin.folder), str(workspace / "base")], check=True)
    program = workspace / "venv" / "bin" / "mmr"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{sys.executable}\nimport sys\n\nfrom mmr_core.cli import main\n\nsys.exit(main())\n")
    program.chmod(0o755)

    words = [str(program), "leaderboard", "init", "new", "--router", "kmeans", "--requirement", "mmr-bench==0.1.0"]
    subprocess.run([*words, "--submissions", str(origin.folder / "submissions")], check=True)
    manifest = origin.folder / "submissions" / "new" / "submission.toml"
    text = manifest.read_text().replace("Your Name", "Ada Lovelace")
    manifest.write_text(text.replace("you@example.org", "ada@analytical.engine"))
    origin.link("submissions/new/README.md", "/etc/passwd")
    head = origin.commit()
    origin.git("update-ref", "refs/pull/12/head", head)
    origin.git("reset", "-q", "--hard", base)
    facts = {"NUMBER": "12", "BASE": base, "HEAD": head, "GITHUB_OUTPUT": str(tmp_path / "output")}
    scripts = [one for one in job_of("validate-submission.yml", "validate").scripts if "pip install" not in one]
    said = []
    (workspace / "bin").mkdir()
    (workspace / "bin" / "python").symlink_to(sys.executable)
    for script in scripts:
        written = tmp_path / "output"
        outputs = dict(line.split("=", 1) for line in written.read_text().splitlines()) if written.exists() else {}
        environment = {**os.environ, **facts, "STATUS": outputs.get("status", "")}
        environment["PATH"] = f"{workspace / 'bin'}:{environment['PATH']}"
        # As GitHub runs a script without a shell of its own.
        answer = subprocess.run(["bash", "-e", "-c", script], cwd=workspace, env=environment, capture_output=True)
        said.append((answer.returncode, answer.stdout.decode(), answer.stderr.decode()))
    assert [status for status, _, _ in said] == [0, 0, 0, 1], said
    kept = workspace / "verdict"
    assert sorted(path.name for path in kept.iterdir()) == ["left.json", "pull-request", "verdict.json"]
    [judged] = json.loads((kept / "verdict.json").read_text())["submissions"]
    assert (judged["slug"], judged["valid"]) == ("new", True)
    assert "not-a-plain-file" in said[-1][1]


def step(job: Job, start: str) -> str:
    """The script of the step whose name begins so."""
    [found] = [one["run"] for one in job.steps if one.get("name", "").startswith(start)]
    return found


@pytest.mark.parametrize(
    ("status", "document", "goes_on"), [(0, True, True), (1, True, True), (1, False, False), (2, True, False)]
)
def test_a_refused_submission_stops_no_publication_and_a_failed_run_does(status, document, goes_on, tmp_path):
    program = tmp_path / ".venv" / "bin" / "mmr"
    program.parent.mkdir(parents=True)
    writes = "echo '{}' > work/leaderboard.json" if document else "true"
    program.write_text(f"#!/bin/sh\nls work > before\n{writes}\nexit {status}\n")
    program.chmod(0o755)
    published = tmp_path / "leaderboard" / "published"
    published.mkdir(parents=True)
    for name in ("audit.jsonl", "leaderboard.json"):
        (published / name).write_text("what stood before")
    script = step(job_of("leaderboard.yml", "run"), "Run every submission")
    output = tmp_path / "output"
    answer = subprocess.run(
        ["bash", "-e", "-c", script], cwd=tmp_path, env={**os.environ, "GITHUB_OUTPUT": str(output)}
    )
    assert (answer.returncode == 0) == goes_on
    assert (tmp_path / "before").read_text() == "audit.jsonl\n"
    if goes_on:
        assert output.read_text() == f"status={status}\n"


def test_what_is_published_is_committed_once_and_after_what_came_in_between(repository, tmp_path):
    repository.write("leaderboard/published/leaderboard.json", "old\n")
    repository.commit()
    server, own = tmp_path / "server", tmp_path / "own"
    for source, target in ((repository.folder, server), (server, own)):
        bare = ["--bare"] if target == server else []
        subprocess.run(["git", "clone", "-q", *bare, str(source), str(target)], check=True)
    script = step(job_of("leaderboard.yml", "publish"), "Commit what changed")

    def committing() -> str:
        return subprocess.run(["bash", "-e", "-c", script], cwd=own, capture_output=True, text=True, check=True).stdout

    assert "what is published stands" in committing()
    repository.git("remote", "add", "server", str(server))
    repository.write("submissions/two/submission.toml", "meanwhile\n")
    repository.commit()
    repository.git("push", "-q", "server", "main")
    (own / "leaderboard/published/leaderboard.json").write_text("new\n")
    (own / "leaderboard/published/site").mkdir()
    (own / "leaderboard/published/site/index.html").write_text("new\n")
    (own / "stray").write_text("not published")
    committing()
    repository.git("pull", "-q", "server", "main")
    assert (repository.folder / "leaderboard/published/site/index.html").read_text() == "new\n"
    assert (repository.folder / "submissions/two/submission.toml").read_text() == "meanwhile\n"
    assert not (repository.folder / "stray").exists()
    assert repository.git("log", "-1", "--format=%an %s") == "github-actions[bot] Publish the leaderboard"
