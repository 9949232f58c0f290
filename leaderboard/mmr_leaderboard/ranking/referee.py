"""From one valid submission to its verdict: runs it in isolation or reads its decisions, scores it, audits it.

This process holds test outcomes, so nothing that somebody submitted is ever imported here. What a submission does
wrong becomes findings of its verdict, so that other entries are not affected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import DegenerateError, MMRError
from mmr_core.runner.policies import Decided, Policy
from mmr_core.runner.prepare import Prepared
from mmr_core.runner.provenance import library_versions
from mmr_core.runner.references import CONSTANT
from mmr_leaderboard.audit import AuditFrame, PlaceboTest, audit, placebo_test
from mmr_leaderboard.audit.frame import representative_points
from mmr_leaderboard.audit.placebo import PlaceboReference
from mmr_leaderboard.board import Board
from mmr_leaderboard.findings import Finding, reason_of, refused, unjudged
from mmr_leaderboard.jobs.entry_run import EntryRun, run_entry
from mmr_leaderboard.jobs.job_writer import RouterRequest, Runtime
from mmr_leaderboard.jobs.material import Material
from mmr_leaderboard.packaging.requirements import EnvironmentRefused
from mmr_leaderboard.packaging.runtime import prepare
from mmr_leaderboard.packaging.wheel_sources import WheelSources
from mmr_leaderboard.ranking.scoring import BoardScorer, latency
from mmr_leaderboard.ranking.verdicts import RouterRun, Verdict, VerdictCache, key, sources_digest
from mmr_leaderboard.sandbox.contract import Limits, RunnerTrouble, Sandbox, is_runner_trouble
from mmr_leaderboard.schema import Check, PublishedFinding
from mmr_leaderboard.submission.manifest import Router
from mmr_leaderboard.submission.validation import Submission

Choices = Sequence[Sequence[int]]

_by_chance = {"timeout", "killed", "memory-limit"}
"""Failures that a run on a quieter machine may not see: they are not cached."""


@dataclass(frozen=True, kw_only=True)
class HostSettings:
    """Where and how submissions are run.

    :param sandbox: None if there is no way of isolation; plugins are then refused with `impossible`.
    :param impossible: why there is none.
    :param workspace: a folder for job folders, known only to the isolated process.
    :param environments: a folder for environments and copies of the engine.
    :param index: whether wheels may be fetched from the package index.
    """

    sandbox: Sandbox | None
    impossible: str
    limits: Limits
    workspace: Path
    environments: Path
    wheelhouse: Path | None
    index: bool


@dataclass(kw_only=True, eq=False)
class Referee:
    """Judges the submissions of one board; several threads may call it at once.

    Whatever takes time to make is made when the first submission that is not cached needs it.

    :param make_material: makes the material of jobs.
    :param make_frame: makes the frame that rows are audited against; None if the board is too small to be audited.
    :param taken: the entries whose verdicts were taken from the cache.
    :param unkept: why the cache could not keep something, once for each time.
    """

    board: Board
    scorer: BoardScorer
    make_material: Callable[[], Material]
    make_frame: Callable[[], AuditFrame | None]
    host: HostSettings
    cache: VerdictCache
    unkept: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    _table: str = field(init=False)
    _features: str = field(init=False)
    _versions: dict[str, str] = field(init=False)
    _sources: str = field(default_factory=sources_digest)
    _preparing: Lock = field(default_factory=Lock)
    _scoring: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._table = self.board.table.digest()
        self._features = features_digest(self.board.column)
        self._versions = library_versions()

    def judge(
        self, submission: Submission, previous: Choices, progress: Progress = no_progress, *, anew: bool = False
    ) -> Verdict:
        """The verdict on a submission that passed validation, from the cache if nothing has changed.

        Whatever its run, its scores or its audits raise becomes the finding `unjudged`, which is not cached.

        :param previous: the published choices of the version that it supersedes; empty if there is none.
        :param anew: whether to compute it even if the cache has one.
        :raises RunnerTrouble: if this machine fails; nothing is cached then.
        """
        try:
            return self._judge(submission, previous, progress, anew=anew)
        except Exception as error:
            if is_runner_trouble(error):
                raise RunnerTrouble(reason_of(error), where=submission.slug) from error
            return failure([unjudged(error)])

    def _judge(self, submission: Submission, previous: Choices, progress: Progress, *, anew: bool) -> Verdict:
        manifest = submission.manifest
        if manifest is None:
            raise ValueError(f"{submission.slug} was refused in validation and cannot be judged")
        if manifest.router is None:
            at = self._key(submission, "decisions", previous)
            known = None if anew else self._known(submission.slug, at)
            if known is not None:
                return known
            with self._scoring:  # one at a time: scoring holds the interpreter, and what it needs is made once
                return self._keep(self._read(submission, previous), at)
        try:
            runtime = self._runtime(submission, manifest.router)
        except EnvironmentRefused as error:
            return failure([error.finding])
        sandbox = self.host.sandbox
        if sandbox is None:
            return failure([Finding(code="isolation-impossible", where="this machine", message=self.host.impossible)])
        at = self._key(submission, f"{sandbox.method} {runtime.digest}", previous)
        known = None if anew else self._known(submission.slug, at)
        if known is not None:
            return known
        with self._preparing:
            material = self._material
        run = run_entry(
            request_of(manifest.router),
            runtime,
            material,
            sandbox,
            self.host.limits,
            modality=manifest.track,
            workspace=self.host.workspace,
            progress=progress,
        )
        with self._scoring:
            verdict = self._scored(submission.slug, run, previous)
        return verdict if _by_chance.intersection(found.code for found in run.findings) else self._keep(verdict, at)

    def _runtime(self, submission: Submission, router: Router) -> Runtime:
        around = self.host
        sources = WheelSources(
            submission=submission.folder,
            wheelhouse=around.wheelhouse,
            index=around.index,
            downloads=around.environments / "downloads" if around.index else None,
        )
        with self._preparing:
            return prepare(router, sources, around.environments)

    def _read(self, submission: Submission, previous: Choices) -> Verdict:
        if submission.decisions is None:
            raise ValueError(f"{submission.slug} has no decisions")
        policy = submission.decisions.policy()
        figures = self.scorer.entry(submission.slug, policy, None, validated=False)
        return self._audited(Verdict(figures=figures), policy, None, previous)

    def _scored(self, slug: str, run: EntryRun, previous: Choices) -> Verdict:
        found = {one.code for one in run.findings}
        ran = Verdict(
            figures=None,
            findings=tuple(PublishedFinding.of(one) for one in run.findings),
            checks=tuple(
                Check(
                    code=check.code,
                    passed=check.code not in found,
                    compared=check.compared,
                    changed=check.changed,
                    share=check.share,
                )
                for check in run.checks
            ),
            isolation=run.method,
            router=RouterRun.stated(run.router),
        )
        if run.policy is None or refused(run.findings):
            return ran
        figures = self.scorer.entry(slug, run.policy, run.trade_off, validated=True)
        timed = latency(run.single_seconds, run.batch_rates)
        measured = ran.model_copy(update={"figures": figures, "latency": timed})
        return self._audited(measured, run.policy, self._placebo(run), previous)

    def _placebo(self, run: EntryRun) -> PlaceboTest | None:
        if run.placebo is None or self._frame is None or self._placebo_reference is None:
            return None
        try:
            return placebo_test([run.placebo], self._frame, self._placebo_reference)
        except DegenerateError:
            return None  # dataset constants are as good as the oracle: there is nothing to bring along

    @cached_property
    def _material(self) -> Material:
        with _of_the_board():
            return self.make_material()

    @cached_property
    def _frame(self) -> AuditFrame | None:
        with _of_the_board():
            return self.make_frame()

    @property
    def frame(self) -> AuditFrame | None:
        """What rows are audited against; None if the board is too small."""
        return self._frame

    @cached_property
    def _placebo_reference(self) -> PlaceboReference | None:
        with _of_the_board():
            return None if self._frame is None else PlaceboReference.of(self._frame, self.scorer.whole.sample)

    def _audited(self, verdict: Verdict, policy: Policy, placebo: PlaceboTest | None, previous: Choices) -> Verdict:
        """The verdict, with the audits of the policy."""
        tested = self.scorer.tested
        matrices = representative_points(policy, tested.utility, tested.cost)
        choices = tuple(tuple(int(model) for model in point.argmax(axis=1)) for point in matrices)
        if self._frame is None:
            return verdict.model_copy(update={"choices": choices})
        report = audit(
            policy,
            self._frame,
            self.scorer.whole.references[CONSTANT],
            placebo=placebo,
            previous=self._policy_of(previous) if _decides(matrices) else None,
        )
        update = {"choices": choices, "statistics": report.statistics(), "flags": report.flags}
        return verdict.model_copy(update=update)

    def _policy_of(self, choices: Choices) -> Policy | None:
        n, models = self.scorer.tested.utility.shape
        points = [np.asarray(point, dtype=np.intp) for point in choices]
        if not points or any(len(point) != n or (point >= models).any() or (point < 0).any() for point in points):
            return None  # from another table, so nothing can be compared
        every = np.eye(models)
        return Decided(np.arange(len(points), dtype=np.float64), tuple(every[point] for point in points))

    def _key(self, submission: Submission, how: str, previous: Choices) -> str:
        column, settings = self.board.column, self.board.settings
        return key(
            {
                "submission": submission.digest,
                "how": how,
                "sources": self._sources,
                "table": self._table,
                "column": column.spec.name,
                "split": column.split_digest,
                "features": self._features,
                "versions": self._versions,
                "draws": [settings.draws, settings.draw_seed],
                "limits": asdict(self.host.limits),
                "previous": [list(point) for point in previous],
            }
        )

    def _known(self, slug: str, at: str) -> Verdict | None:
        known = self.cache.get(Verdict, at)
        if known is not None:
            self.taken.add(slug)
        return known

    def _keep(self, verdict: Verdict, at: str) -> Verdict:
        self.keep(verdict, at)
        return verdict

    def keep(self, value: BaseModel, at: str) -> None:
        """Keeps a value in the cache; a cache that is full or cannot be written costs time and no entry its row."""
        try:
            self.cache.put(value, at)
        except MMRError as error:
            self.unkept.append(str(error))


@contextmanager
def _of_the_board() -> Iterator[None]:
    """What is made for all entries is no fault of the entry that needs it first.

    :raises RunnerTrouble: in place of any other error.
    """
    try:
        yield
    except Exception as error:
        raise RunnerTrouble(reason_of(error)) from error


def request_of(router: Router) -> RouterRequest:
    """The request for a manifest's router."""
    return RouterRequest(
        distribution=router.distribution,
        name=router.name,
        parameters=dict(router.params),
        seed=router.seed,
        fusion=router.fusion,
        fusion_parameters=dict(router.fusion_params),
        encoder=router.encoder,
        encoder_parameters=dict(router.encoder_params),
    )


def features_digest(column: Prepared) -> str:
    """A digest of a column's embeddings and of what made them; a table's digest does not cover images."""
    state = blake2b(repr(sorted(column.description.items())).encode(), digest_size=16)
    for features in (column.features_train, column.features_test):
        embeddings = features.embeddings
        for rows in (embeddings.text, embeddings.image, embeddings.mask):
            state.update(b"none" if rows is None else np.ascontiguousarray(rows).tobytes())
    return state.hexdigest()


def audit_features(board: Board) -> NDArray[np.float64]:
    """[n, d] the auditor's features of the test queries: both unit embeddings side by side."""
    embeddings = board.column.features_test.take(board.column.test).embeddings
    parts = [rows for rows in (embeddings.text, embeddings.image) if rows is not None]
    scaled = []
    for rows in parts:
        norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
        scaled.append(np.divide(rows, norms, out=np.zeros(rows.shape), where=norms > 0))
    return np.concatenate(scaled, axis=1)


def _decides(matrices: NDArray[np.float64]) -> bool:
    """Whether all choices are certain, so that two versions can be compared by them."""
    return bool((matrices.max(axis=2) == 1).all())


def failure(findings: Sequence[Finding]) -> Verdict:
    """The verdict on an entry without figures."""
    return Verdict(figures=None, findings=tuple(PublishedFinding.of(found) for found in findings))
