"""A whole run: opens the board, judges every submission, and assembles the document. Writes nothing but the cache."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil
from pathlib import Path
from random import SystemRandom
from typing import Any

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import DegenerateError, MMRError
from mmr_core.features import cache_root
from mmr_core.runner.provenance import library_versions
from mmr_core.runner.tasks import FINISHED
from mmr_leaderboard.audit import AuditFrame
from mmr_leaderboard.board import Board, open_board
from mmr_leaderboard.findings import unjudged
from mmr_leaderboard.jobs.material import material
from mmr_leaderboard.publish.choices import Choices, EntryChoices, kept_choices, read_choices
from mmr_leaderboard.publish.log import Log, read_log
from mmr_leaderboard.publish.publication import DOCUMENT, render
from mmr_leaderboard.ranking.board_check import verdict_differences
from mmr_leaderboard.ranking.board_document import assemble
from mmr_leaderboard.ranking.calibration import ROUTERS, calibrate, read_against
from mmr_leaderboard.ranking.eligibility import JudgedSubmission
from mmr_leaderboard.ranking.referee import HostSettings, Referee, audit_features, failure, features_digest
from mmr_leaderboard.ranking.scoring import BoardScorer, Figures
from mmr_leaderboard.ranking.verdicts import Verdict, VerdictCache, key, sources_digest
from mmr_leaderboard.ranking.versions import Version, earlier_versions, forgotten, history, revised
from mmr_leaderboard.ranking.workspace import demand_room, workspace_folder
from mmr_leaderboard.sandbox.contract import Limits, Method, RunnerTrouble, Sandbox, is_runner_trouble
from mmr_leaderboard.sandbox.methods import Unsafe
from mmr_leaderboard.sandbox.selection import sandbox as way_of_isolation
from mmr_leaderboard.sandbox.supervision import stop_all
from mmr_leaderboard.schema import Leaderboard, LimitFacts, PublishedFinding, Refused
from mmr_leaderboard.submission.folder import submission_folders
from mmr_leaderboard.submission.pins import expected_of
from mmr_leaderboard.submission.validation import Submission, judge_all

TASK = "judging submissions"

Points = tuple[tuple[int, ...], ...]
"""For each operating point, the model chosen for each test instance."""


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """The options of a run.

    :param data: the value of `--data`; None means the official table.
    :param submissions: the folder of all submissions.
    :param published: the folder of what is published now, which is only read.
    :param jobs: how many submissions are run at once.
    :param method: a way of isolation; None takes the best that works.
    :param unsafe: run without isolation; such entries are not ranked.
    :param anew: trust nothing that was kept, and compute everything.
    :param verified: the share of what was kept that is computed anew all the same, drawn at random.
    """

    data: str | None
    submissions: Path
    published: Path
    jobs: int
    wheelhouse: Path | None = None
    method: Method | None = None
    unsafe: bool = False
    anew: bool = False
    verified: float = 0.1
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, kw_only=True)
class BoardRun:
    """The document of a run, and the choices to publish beside it.

    :ivar kept: how many verdicts were taken from the cache.
    :ivar verified: how many of these were computed anew.
    """

    board: Leaderboard
    choices: Choices
    kept: int = 0
    verified: int = 0


def run_board(
    request: RunRequest, *, warn: Callable[[str], None] = lambda line: None, progress: Progress = no_progress
) -> BoardRun:
    """Runs the whole board. No submission can make it raise.

    :raises MMRError: if the table, the folder of submissions, or what is published cannot be read.
    :raises RunnerTrouble: if this machine failed while it judged an entry; the verdicts on the others are kept.
    :raises UsageError: if the way of isolation that was asked for does not work.
    """
    folders = submission_folders(request.submissions)
    board = open_board(request.data, warn=warn, progress=progress)
    log = read_log(request.published)
    before = read_choices(request.published) if board.pinned else None
    submissions = judge_all(
        folders, expected_of(board.column, board.table), log.entries if board.pinned else {}, pinned=board.pinned
    )
    with workspace_folder() as workspace:
        referee = _referee(board, request, workspace, warn=warn, progress=progress)
        demand_room(workspace, board, request.jobs)
        references = _references(referee, progress, anew=request.anew)
        valid = [one for one in submissions if not one.refused]
        superseded = {one.slug: _superseded(one, board, before, warn) for one in valid}
        limits = _limits(referee, progress, anew=request.anew)
        verdicts = _verdicts(referee, valid, superseded, request.jobs, progress, anew=request.anew)
        kept = [one for one in valid if one.slug in referee.taken]
        drawn = SystemRandom().sample(kept, ceil(len(kept) * request.verified))
        fresh = _verdicts(referee, drawn, superseded, request.jobs, progress, anew=True)
        wrong = {slug: found for slug in fresh if (found := verdict_differences(verdicts[slug], fresh[slug]))}
        wrong_references = [] if request.anew else _wrong_references(referee, references, request.verified)
        if wrong or wrong_references:
            for slug, found in wrong.items():
                warn(f"the verdict on {slug} that was kept is not what a run gives: {found[0]}")
            for name in wrong_references:
                warn(f"the figures of {name} that were kept are not what a run gives")
            warn("nothing that was kept is trusted: everything is computed anew")
            references = _references(referee, progress, anew=True)
            limits = _limits(referee, progress, anew=True)
            verdicts |= _verdicts(referee, kept, superseded, request.jobs, progress, anew=True)
        if referee.unkept:
            warn(f"{len(referee.unkept)} results were not kept for the next run: {referee.unkept[0]}")
    standing = {(one.slug, one.digest): verdicts[one.slug].choices for one in valid if verdicts[one.slug].choices}
    versions = history(log if board.pinned else Log(), _about_this(before, board), standing)
    if board.pinned and (unknown := forgotten(log, versions)):
        warn(f"the choices of {unknown} earlier versions are not published; nothing is compared with them")
    utility = referee.scorer.tested.utility
    judged = []
    for one in valid:
        verdict = _or_unjudged(partial(read_against, verdicts[one.slug], limits))
        verdict = _or_unjudged(partial(revised, verdict, (one.slug, one.digest), versions, utility))
        judged.append(_judged(one, verdict, log, request.submissions))
    refused = [_refused(one) for one in submissions if one.refused]
    judged, document = _document(board, referee.scorer, references, judged, refused, limits, versions)
    shown = {entry.slug for entry in document.entries}
    return BoardRun(
        kept=len(kept),
        verified=len(drawn),
        board=document,
        choices=Choices(
            table=document.table.digest,
            split_digest=document.table.split_digest,
            models=tuple(model.name for model in board.table.models),
            entries=kept_choices(
                {
                    one.slug: EntryChoices(
                        digest=one.digest, points=one.verdict.choices, superseded=superseded[one.slug]
                    )
                    for one in judged
                    if one.slug in shown
                }
            ),
            earlier=earlier_versions(versions, {(entry.slug, entry.digest): None for entry in document.entries}),
        ),
    )


def _about_this(choices: Choices | None, board: Board) -> Choices | None:
    """The published choices, if they are about this table, split and pool."""
    facts: dict[str, Any] = {
        "table": board.table.digest(),
        "split_digest": board.column.split_digest,
        "models": [model.name for model in board.table.models],
    }
    return choices if choices is not None and choices.is_about(**facts) else None


def _referee(
    board: Board, request: RunRequest, workspace: Path, *, warn: Callable[[str], None], progress: Progress
) -> Referee:
    scorer = BoardScorer(board.column, draws=board.settings.draws, draw_seed=board.settings.draw_seed)
    found, impossible = _isolation(request, warn)
    # Code without isolation could have written anywhere: nothing that it could reach is trusted later.
    kept = cache_root() / ("leaderboard-unsafe" if request.unsafe else "leaderboard")
    return Referee(
        board=board,
        scorer=scorer,
        make_material=lambda: material(board.column, board.source, workspace=workspace, progress=progress),
        make_frame=lambda: _frame(board, scorer, warn),
        host=HostSettings(
            sandbox=found,
            impossible=impossible,
            limits=request.limits,
            workspace=workspace,
            environments=kept,
            wheelhouse=request.wheelhouse,
            index=request.wheelhouse is None,
        ),
        cache=VerdictCache(kept / "verdicts"),
    )


def _isolation(request: RunRequest, warn: Callable[[str], None]) -> tuple[Sandbox | None, str]:
    if request.unsafe and request.method is None:
        warn("--unsafe: submissions run without isolation, and none of them is ranked")
        return Unsafe(), ""
    try:
        return way_of_isolation(request.method), ""
    except MMRError as error:
        if request.method is not None:
            raise
        return None, str(error)


def _frame(board: Board, scorer: BoardScorer, warn: Callable[[str], None]) -> AuditFrame | None:
    tested, column = scorer.tested, board.column
    try:
        return AuditFrame.of(
            ids=[name for name, test in zip(column.ids, column.test, strict=True) if test],
            datasets=tested.datasets,
            features=audit_features(board),
            utility=tested.utility,
            cost=tested.cost,
            cost_scale=tested.cost_scale,
        )
    except DegenerateError as error:
        warn(f"rows are not audited: {error}")
        return None


def _wrong_references(referee: Referee, references: Mapping[str, Figures], share: float) -> list[str]:
    """The reference rows, among some drawn at random, that are not what measuring them gives."""
    drawn = SystemRandom().sample(sorted(references), ceil(len(references) * share))
    measured = {name: Verdict(figures=referee.scorer.reference(name)) for name in drawn}
    return [name for name in drawn if verdict_differences(Verdict(figures=references[name]), measured[name])]


def _references(referee: Referee, progress: Progress, *, anew: bool) -> dict[str, Figures]:
    """The figures of every reference row, those that were kept if the board has not changed."""
    scorer = referee.scorer
    # Apart from the cells of `mmr run`, whose routers run without isolation and could write there.
    cells = referee.host.environments / FINISHED
    try:
        return scorer.known_references(referee.board.registry, cells, fresh=anew, progress=progress)
    except MMRError as error:
        referee.unkept.append(str(error))
        return {name: scorer.reference(name) for name in scorer.references}


def _limits(referee: Referee, progress: Progress, *, anew: bool) -> LimitFacts | None:
    """The limits of the board, from the cache if it has not changed; None if rows are not audited."""
    at = key({"limits": ROUTERS, "features": features_digest(referee.board.column), **_about(referee.board)})
    known = None if anew else referee.cache.get(LimitFacts, at)
    if known is not None or referee.frame is None:
        return known
    progress("calibrating the audit", 0, 1)
    limits = calibrate(referee.board, referee.scorer, referee.frame)
    progress("calibrating the audit", 1, 1)
    referee.keep(limits, at)
    return limits


def _about(board: Board) -> dict[str, Any]:
    """What figures of the runner's own making depend on."""
    return {
        "sources": sources_digest(),
        "split": board.column.split_digest,
        "versions": library_versions(),
        "table": board.table.digest(),
        "column": board.column.spec.name,
        "draws": [board.settings.draws, board.settings.draw_seed],
    }


def _verdicts(
    referee: Referee,
    submissions: Sequence[Submission],
    superseded: Mapping[str, Points],
    jobs: int,
    progress: Progress,
    *,
    anew: bool,
) -> dict[str, Verdict]:
    """The verdict on each submission, by slug; an interruption stops everything that was started.

    :raises RunnerTrouble: after all others were judged, if this machine failed while it judged some.
    """
    if not submissions:
        return {}
    progress(TASK, 0, len(submissions))
    verdicts: dict[str, Verdict] = {}
    troubles: list[RunnerTrouble] = []
    pool = ThreadPoolExecutor(max_workers=max(1, jobs))
    try:
        running: dict[Future[Verdict], str] = {
            pool.submit(referee.judge, one, superseded[one.slug], progress, anew=anew): one.slug for one in submissions
        }
        for done, future in enumerate(as_completed(running), start=1):
            try:
                verdicts[running[future]] = future.result()
            except RunnerTrouble as trouble:
                troubles.append(trouble)
            progress(TASK, done, len(submissions))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        stop_all()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if troubles:
        first = min(troubles, key=str)
        raise RunnerTrouble(
            f"this machine failed while it judged {len(troubles)} of {len(submissions)} entries, "
            f"which says nothing about them; the first is {first}",
            where="the runner",
            fix="mend it and run again; nothing was published, and the verdicts on the others are kept",
        )
    return verdicts


def _or_unjudged(make: Callable[[], Verdict]) -> Verdict:
    """What `make` gives; whatever it raises is a finding of the entry."""
    try:
        return make()
    except Exception as error:
        if is_runner_trouble(error):
            raise
        return failure([unjudged(error)])


def _document(
    board: Board,
    scorer: BoardScorer,
    references: Mapping[str, Figures],
    judged: Sequence[JudgedSubmission],
    refused: Sequence[Refused],
    limits: LimitFacts | None,
    versions: Sequence[Version],
) -> tuple[list[JudgedSubmission], Leaderboard]:
    """The document, and what it was made of: an entry that breaks the document or a page of it is left out by name."""

    def made(entries: Sequence[JudgedSubmission]) -> Leaderboard:
        document = assemble(board, scorer, references, entries, refused, limits=limits, versions=versions)
        Leaderboard.model_validate_json(render(document)[DOCUMENT])
        return document

    def shown(one: JudgedSubmission) -> Verdict:
        made([one])
        return one.verdict

    try:
        return list(judged), made(judged)
    except Exception as error:
        if is_runner_trouble(error):
            raise
        alone = [replace(one, verdict=_or_unjudged(partial(shown, one))) for one in judged]
        return alone, made(alone)


def _superseded(submission: Submission, board: Board, before: Choices | None, warn: Callable[[str], None]) -> Points:
    """The published choices of the version that a submission supersedes; empty if there are none."""
    manifest = submission.manifest
    if not board.pinned or manifest is None or manifest.supersedes is None:
        return ()
    found: Points = ()
    if before is not None:
        found = before.before(
            submission.slug,
            submission.digest,
            table=board.table.digest(),
            split_digest=board.column.split_digest,
            models=[model.name for model in board.table.models],
        )
    if not found:
        warn(f"{submission.slug} supersedes a version whose choices are not published; changes are not audited")
    return found


def _judged(submission: Submission, verdict: Verdict, log: Log, submissions: Path) -> JudgedSubmission:
    if submission.manifest is None:
        raise ValueError(f"{submission.slug} has no manifest")
    return JudgedSubmission(
        slug=submission.slug,
        manifest=submission.manifest,
        digest=submission.digest,
        commit=commit_of(submissions / submission.slug),
        verdict=verdict,
        signed_off=log.signed_off(submission.slug, submission.digest),
    )


def _refused(submission: Submission) -> Refused:
    manifest = submission.manifest
    return Refused(
        slug=submission.slug,
        display_name=submission.slug if manifest is None else manifest.display_name,
        findings=tuple(PublishedFinding.of(found) for found in submission.findings),
    )


def commit_of(folder: Path) -> str:
    """The commit that last changed a folder; empty outside a repository, without git, or with uncommitted changes."""
    git = shutil.which("git")
    if git is None:
        return ""
    log = [git, "-C", str(folder.parent), "log", "-1", "--format=%H", "--", folder.name]
    status = [git, "-C", str(folder.parent), "status", "--porcelain", "--", folder.name]
    try:
        answers = [subprocess.run(words, capture_output=True, text=True, check=False) for words in (log, status)]
    except (OSError, ValueError):  # the name of a folder may be none that git can be given
        return ""
    if any(answer.returncode for answer in answers) or answers[1].stdout.strip():
        return ""
    return answers[0].stdout.strip()
