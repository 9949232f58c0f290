"""Runs one plugin submission: its jobs one after another, each in a process of its own, and what they came to.

Test outcomes are in this process and never in a job; submitted code is in a job and never in this process. Nothing
that a submission does is raised here: it becomes a finding of its entry.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Progress, no_progress
from mmr_core.features.aligned import View
from mmr_core.runner.fit import best_trade_off
from mmr_core.runner.policies import Policy
from mmr_leaderboard.child.driver import NO_DECISION, NO_PREDICTION, NOT_AVAILABLE, NOT_STARTED, OUT_OF_MEMORY
from mmr_leaderboard.findings import Finding, finding
from mmr_leaderboard.jobs.anonymity import Naming
from mmr_leaderboard.jobs.answers import Answers, ExpectedReply, Reply, largest_answer, read_answers
from mmr_leaderboard.jobs.behaviour import BehaviourCheck, Pair, judge, judge_costs
from mmr_leaderboard.jobs.job_writer import JobContent, RouterRequest, Runtime, write_job
from mmr_leaderboard.jobs.material import Material
from mmr_leaderboard.jobs.plans import (
    AGAIN,
    CANONICAL,
    FIRST_VARIANT,
    RENAMED,
    SHUFFLED,
    SINGLE,
    Recheck,
    answer_job,
    placebo_job,
    recheck_job,
    validation_job,
)
from mmr_leaderboard.sandbox.contract import (
    Limits,
    Method,
    ProcessEnd,
    RunnerTrouble,
    Sandbox,
    is_runner_trouble,
)
from mmr_leaderboard.sandbox.contract import View as FileView


@dataclass(frozen=True, kw_only=True, eq=False)
class EntryRun:
    """What the run of one submission gave.

    :param policy: its answers about the test instances of the board's column, in their order; None if it failed.
    :param trade_off: the weight chosen on validation, as `mmr_core.runner.fit` chooses it; None if there is none.
    :param placebo: its answers after training outcomes were permuted within their dataset.
    :param single_seconds: [m] seconds for each query that was asked by itself.
    :param batch_rates: [b] queries per second of each batch of queries that was asked at once.
    :param method: how it was isolated.
    :param router: the parameters that the router really ran with, as the process states them, and its default fusion.
    """

    policy: Policy | None
    trade_off: float | None
    placebo: Policy | None
    single_seconds: NDArray[np.float64]
    batch_rates: NDArray[np.float64]
    checks: tuple[BehaviourCheck, ...]
    findings: tuple[Finding, ...]
    method: Method
    router: Mapping[str, Any]


PAUSE_SECONDS = 1.0
"""How long to wait before a job at which this machine failed is run once more."""

_IMPORT_ENGINE = "import sys; sys.path[:] = sys.argv[1:]; import mmr_leaderboard.child.inference"

JOBS = ("answer", "recheck", "validation", "placebo")
PYTHON_OPTIONS = ("-sP", "-S")
"""As -I and -S, but heeds the environment, which is the sandbox's own and fixes the hashes of strings."""

DRIVER = Path("mmr_leaderboard", "child", "driver.py")

_GALLERIES = {"placebo": "answer", "repeat": "answer"}
"""Jobs that have the images of another kind of job."""

_STATUSES = {
    OUT_OF_MEMORY: "memory-limit",
    NOT_AVAILABLE: "no-such-router",
    NO_PREDICTION: "wrong-shape",
    NO_DECISION: "bad-decision",
}


@dataclass(kw_only=True, eq=False)
class _Entry:
    """One entry while its jobs run."""

    request: RouterRequest
    runtime: Runtime
    material: Material
    sandbox: Sandbox
    limits: Limits
    workspace: Path
    policy: Policy | None = None
    trade_off: float | None = None
    placebo: Policy | None = None
    single_seconds: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    batch_rates: list[float] = field(default_factory=list)
    checks: tuple[BehaviourCheck, ...] = ()
    findings: tuple[Finding, ...] = ()
    router: Mapping[str, Any] = field(default_factory=dict)

    def result(self) -> EntryRun:
        return EntryRun(
            policy=self.policy,
            trade_off=self.trade_off,
            placebo=self.placebo,
            single_seconds=self.single_seconds,
            batch_rates=np.array(self.batch_rates, dtype=np.float64),
            checks=self.checks,
            findings=self.findings,
            method=self.sandbox.method,
            router=self.router,
        )

    def ask(self, kind: str, content: JobContent, naming: Naming | None = None) -> Answers | None:
        """Runs one job; None if it gave no answers; the findings then say why."""
        given = _run_job_again_if_needed(self, kind, content, naming or Naming())
        if isinstance(given, Finding):
            self.findings = (*self.findings, given)
            return None
        return given


def run_entry(
    request: RouterRequest,
    runtime: Runtime,
    material: Material,
    sandbox: Sandbox,
    limits: Limits,
    *,
    modality: View = "multimodal",
    workspace: Path,
    progress: Progress = no_progress,
) -> EntryRun:
    """Runs every job of one entry, up to the first that gives no answers.

    :param limits: of each job.
    :param modality: what the router sees, in training and when it decides: the track.
    :param workspace: a folder for job folders, each of which is gone when its job is done.
    :param progress: called after each job.
    :raises RunnerTrouble, OSError: if this machine failed twice at the same job; never for what a submission does.
    """
    entry = _Entry(
        request=request, runtime=runtime, material=material, sandbox=sandbox, limits=limits, workspace=workspace
    )
    _run_jobs(entry, modality, progress)
    return entry.result()


def _run_jobs(entry: _Entry, modality: View, progress: Progress) -> None:
    what = f"running {entry.request.name}"
    progress(what, 0, len(JOBS))
    naming = Naming()
    content = answer_job(entry.material, modality)
    answers = entry.ask("answer", content, naming)
    if answers is None:
        return
    (reply,) = answers.replies
    entry.policy, entry.router = reply.policy, answers.stated
    entry.batch_rates += _rates([reply], [len(entry.material.test)])
    entry.findings = (*entry.findings, *_cost_findings(entry, reply.policy))
    progress(what, 1, len(JOBS))
    if not _recheck(entry, reply.policy, recheck_job(entry.material, modality), content, naming):
        return
    progress(what, 2, len(JOBS))
    if not _choose(entry, validation_job(entry.material, modality)):
        return
    progress(what, 3, len(JOBS))
    placebo = entry.ask("placebo", placebo_job(entry.material, modality))
    if placebo is not None:
        entry.placebo = placebo.replies[0].policy
        progress(what, 4, len(JOBS))


def _cost_findings(entry: _Entry, policy: Policy) -> tuple[Finding, ...]:
    column = entry.material.column
    learned = column.table.cost[entry.material.train] / column.cost_scale
    return judge_costs(policy, learned, [model.name for model in column.table.models], "router")


def _recheck(entry: _Entry, policy: Policy, plan: Recheck, content: JobContent, naming: Naming) -> bool:
    """Asks a second time and compares; False if there were no answers to compare.

    :param content, naming: of the answer, for an exact repeat: a router that answers differently among other queries
        may do so by chance.
    """
    answers = entry.ask("recheck", plan.content)
    if answers is None:
        return False
    replies = answers.replies
    entry.single_seconds = replies[SINGLE].seconds
    batches = [reply for number, reply in enumerate(replies) if number != SINGLE]
    entry.batch_rates += _rates(batches, [len(ask.rows) for ask in plan.content.asks if not ask.each])
    given = [reply.policy for reply in replies]
    canonical = given[CANONICAL]
    alone = entry.material.alone
    pairs: dict[str, list[Pair]] = {
        "not-deterministic": [(canonical, given[AGAIN])],
        "ids-matter": [(canonical, given[RENAMED])],
        "order-matters": [(canonical.take(plan.shuffled), given[SHUFFLED])],
        "batch-matters": [(canonical.take(alone), given[SINGLE])],
        "subset-matters": [(policy.take(entry.material.rechecked), canonical)],
    }
    for number, (code, of) in enumerate(plan.variants.items(), start=FIRST_VARIANT):
        pairs[code] = [(canonical.take(of), given[number])]
    checks, found = _judged(pairs)
    if [one.code for one in found] == ["subset-matters"]:
        repeat = entry.ask("repeat", content, naming)
        if repeat is None:
            return False
        pairs["not-deterministic"].append((policy, repeat.replies[0].policy))
        checks, found = _judged(pairs)
    entry.checks, entry.findings = checks, (*entry.findings, *found)
    return True


def _rates(replies: Sequence[Reply], queries: Sequence[int]) -> list[float]:
    """Queries per second of each batch; batches without measurable time are left out."""
    seconds = [float(reply.seconds[0]) for reply in replies]
    return [n / spent for n, spent in zip(queries, seconds, strict=True) if spent > 0]


def _judged(pairs: Mapping[str, Sequence[Pair]]) -> tuple[tuple[BehaviourCheck, ...], tuple[Finding, ...]]:
    return judge(pairs, "router")


def _choose(entry: _Entry, content: JobContent | None) -> bool:
    """Chooses the operating point on validation; False if the job gave no answers."""
    if content is None:
        return True
    answers = entry.ask("validation", content)
    if answers is None:
        return False
    table, rows = entry.material.column.table, entry.material.held_out
    entry.trade_off = best_trade_off(answers.replies[0].policy, table.utility[rows], table.cost[rows])
    return True


def _run_job_again_if_needed(entry: _Entry, kind: str, content: JobContent, naming: Naming) -> Answers | Finding:
    """Runs a job once more, a moment later, if this machine failed at it."""
    try:
        return _run_job(entry, kind, content, naming)
    except Exception as error:
        if not is_runner_trouble(error):
            raise
        time.sleep(PAUSE_SECONDS)
        return _run_job(entry, kind, content, naming)


def _run_job(entry: _Entry, kind: str, content: JobContent, naming: Naming) -> Answers | Finding:
    folder = entry.workspace / naming.folder
    job, scratch, answer = folder / "job", folder / "scratch", folder / "answer.npz"
    runtime = entry.runtime
    due = [ExpectedReply(queries=len(ask.rows), each=ask.each) for ask in content.asks]
    limits = replace(entry.limits, answer_bytes=min(entry.limits.answer_bytes, largest_answer(due, len(content.pool))))
    where = f"router ({kind})"
    driver = _driver(runtime)
    try:
        scratch.mkdir(parents=True)
        images = write_job(
            job,
            content,
            entry.request,
            runtime,
            gallery=entry.material.galleries[_GALLERIES.get(kind, kind)],
            naming=naming,
            shared=entry.sandbox.method != "unsafe",  # the others mount what they show read-only
        )
        command = [str(runtime.python), *PYTHON_OPTIONS, str(driver), str(job)]
        shown = (job,) if images.is_relative_to(job) else (job, images)
        view = FileView(readable=(*runtime.readable, *shown), scratch=scratch)
        ended = entry.sandbox.run(command, view, limits, answer)
        if ended.end == "killed" and ended.status == -signal.SIGKILL:
            # By itself, or by a kernel that was short of memory: a second time tells.
            ended = entry.sandbox.run(command, view, limits, answer)
        if ended.end == "raised" and ended.status == NOT_STARTED:
            _demand_engine(entry, scratch, answer)
        if ended.end != "done":
            return _failure(ended, where)
        return read_answers(
            answer,
            due,
            models=len(content.pool),
            cost_scale=content.cost_scale,
            largest=limits.answer_bytes,
            where=where,
            elapsed=ended.seconds,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _demand_engine(entry: _Entry, scratch: Path, answer: Path) -> None:
    """Imports the engine in isolation without anything of a submission, which can claim that it does not start.

    :raises RunnerTrouble: if it cannot be imported.
    """
    runtime = entry.runtime
    own = runtime.python.parents[1]
    path = [str(place) for place in runtime.path if not place.is_relative_to(own)]
    command = [str(runtime.python), "-I", "-S", "-c", _IMPORT_ENGINE, *path]
    ended = entry.sandbox.run(command, FileView(readable=runtime.readable, scratch=scratch), entry.limits, answer)
    if ended.end != "done":
        raise RunnerTrouble(f"the engine does not start in isolation: {_failure(ended, 'the engine').message}")


def _failure(ended: ProcessEnd, where: str) -> Finding:
    """The finding for a process that did not end well, with the last line that it printed."""
    code = _STATUSES.get(ended.status, ended.end) if ended.end == "raised" else ended.end
    lines = [line for line in ended.said.splitlines() if line.strip()]
    said = lines[-1] if lines else f"it ended with status {ended.status} and said nothing"
    return finding(code, where, said)


def _driver(runtime: Runtime) -> Path:
    for place in runtime.path:
        if (place / DRIVER).is_file():
            return place / DRIVER
    raise RunnerTrouble(f"no {DRIVER} on the path of the isolated process", fix="install mmr-bench again")
