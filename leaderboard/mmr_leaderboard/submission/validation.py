"""Validates submissions by what they hold, before anything of them runs: each alone, then beside each other.

A change that brings a submission is validated too: it may touch one submission folder and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmr_core.contracts import Progress, no_progress
from mmr_leaderboard.findings import Finding, finding, reason_of, refused, unjudged
from mmr_leaderboard.sandbox.contract import RunnerTrouble, is_runner_trouble
from mmr_leaderboard.submission.decisions import DecidedPoints, read_decisions
from mmr_leaderboard.submission.folder import FolderContents, look
from mmr_leaderboard.submission.manifest import MANIFEST, SLUG, Manifest, read_manifest
from mmr_leaderboard.submission.names import skeleton
from mmr_leaderboard.submission.pins import Expected
from mmr_leaderboard.submission.statements import statement_findings


@dataclass(frozen=True, kw_only=True, eq=False)
class Submission:
    """One submission, and the findings about it.

    :param slug: the folder's name.
    :param manifest: None if it could not be read.
    :param decisions: None for plugins, and where they could not be read.
    :param wheels: sha256 of each wheel of the folder, by file name, as it was read.
    :param digest: its identity; see `folder.digest_of`.
    :param findings: in the order in which a submitter would fix them.
    """

    slug: str
    folder: Path
    manifest: Manifest | None
    decisions: DecidedPoints | None
    wheels: Mapping[str, str]
    digest: str
    findings: tuple[Finding, ...]

    @property
    def refused(self) -> bool:
        """Whether it cannot be run or ranked as it is."""
        return refused(self.findings)


def judge(folder: Path, expected: Expected, *, pinned: bool) -> Submission:
    """Judges one submission by itself; nothing in the folder makes it raise.

    :param pinned: whether `expected` belongs to the official table, which plugins pin too; on another table only
        decisions must have been made for it.
    """
    contents = look(folder)
    findings = list(contents.findings)
    manifest, wrong = _manifest(contents)
    findings += wrong
    decisions = None
    if manifest is not None:
        findings += statement_findings(manifest, contents, expected, pinned=pinned)
    if contents.decisions is not None and (manifest is None or manifest.kind == "decisions"):
        decisions, wrong = read_decisions(*contents.decisions, expected)
        findings += wrong
    return Submission(
        slug=contents.slug,
        folder=folder,
        manifest=manifest,
        decisions=decisions,
        wheels=contents.wheels,
        digest=contents.digest,
        findings=tuple(findings),
    )


def judge_all(
    folders: Sequence[Path],
    expected: Expected,
    scored: Mapping[str, str],
    *,
    pinned: bool,
    progress: Progress = no_progress,
) -> list[Submission]:
    """Judges submissions by themselves and beside each other, in the order given.

    :param scored: the digest of the published version of each entry, by slug.
    """
    what = "reading submissions"
    alone = []
    for done, folder in enumerate(folders):
        progress(what, done, len(folders))
        alone.append(_judged(folder, expected, pinned=pinned))
    progress(what, len(folders), len(folders))
    return beside_each_other(alone, scored)


def _judged(folder: Path, expected: Expected, *, pinned: bool) -> Submission:
    """As `judge`; should a folder make it raise after all, the finding is of that folder alone."""
    try:
        return judge(folder, expected, pinned=pinned)
    except Exception as error:
        if isinstance(error, OSError) and is_runner_trouble(error):
            raise RunnerTrouble(reason_of(error), where=str(folder)) from error
        return Submission(
            slug=visible(os.fsencode(folder.name)),
            folder=folder,
            manifest=None,
            decisions=None,
            wheels={},
            digest="",
            findings=(unjudged(error),),
        )


def beside_each_other(submissions: Sequence[Submission], scored: Mapping[str, str]) -> list[Submission]:
    """The same submissions, with the findings from comparing them with each other and with what is published.

    Among entries with the same decisions (or, for plugins, the same router with the same parameters) the published one
    stays and the others are refused; if none is published, all are. A published entry that has changed
    must name the published digest in `supersedes`, and counts as new where it now repeats another entry. Submissions
    that are refused anyway do not count as repeating, so that a broken copy costs nobody a place.
    """
    more: dict[int, list[Finding]] = {i: [] for i in range(len(submissions))}
    for i, one in enumerate(submissions):
        before = scored.get(one.slug)
        manifest = one.manifest
        if manifest is not None and before not in (None, one.digest) and manifest.supersedes != before:
            now = "it names none" if manifest.supersedes is None else f"it names {manifest.supersedes}"
            told = f"the version that was scored is {before}, this is {one.digest}, and {now}"
            more[i].append(finding("changed-without-supersedes", f"{MANIFEST}, supersedes", told))
    alike: dict[object, list[int]] = {}
    for i, one in enumerate(submissions):
        alike.setdefault((None if one.refused else _content(one)) or i, []).append(i)
    for group in alike.values():
        published = [i for i in group if scored.get(submissions[i].slug) == submissions[i].digest]
        for i in group if len(group) > 1 else []:
            others = [submissions[j].slug for j in group if j != i]
            if i not in published:
                where = MANIFEST if submissions[i].decisions is None else "decisions"
                told = f"{submissions[i].slug} decides like {', '.join(others[:5])}"
                more[i].append(finding("duplicate-entry", where, told, others))
    for i, other in _namesakes(submissions, {i for i, found in more.items() if found}, scored):
        told = f"{submissions[i].slug} has a name that looks like that of {other}"
        more[i].append(finding("misleading-name", f"{MANIFEST}, display_name", told))
    return [replace(one, findings=(*one.findings, *more[i])) for i, one in enumerate(submissions)]


def _namesakes(
    submissions: Sequence[Submission], out: Collection[int], scored: Mapping[str, str]
) -> Iterator[tuple[int, str]]:
    """Submissions whose display name looks like another's, and that other: a published or built-in one, else the first.

    :param out: positions of submissions that are refused for other reasons.
    :return: pairs of a position and the slug of the entry that keeps the name.
    """
    alike: dict[str, list[int]] = {}
    for i, one in enumerate(submissions):
        if one.manifest is not None and not one.refused and i not in out:
            alike.setdefault(skeleton(one.manifest.display_name), []).append(i)
    for group in alike.values():
        keeper = min(group, key=lambda i: (submissions[i].slug not in scored, not _built_in(submissions[i]), i))
        yield from ((i, submissions[keeper].slug) for i in group if i != keeper)


def _built_in(submission: Submission) -> bool:
    router = None if submission.manifest is None else submission.manifest.router
    return router is not None and router.is_home and not router.dependencies


def _content(submission: Submission) -> object | None:
    """What no two entries may have in common; None if unknown."""
    if submission.decisions is not None:
        return submission.decisions.content()
    if submission.manifest is None or submission.manifest.router is None:
        return None
    router = submission.manifest.router
    made = router.model_dump_json(exclude={"hashes", "dependencies", "requirement"})
    return (router.distribution, router.version, submission.manifest.track, made)


def _manifest(contents: FolderContents) -> tuple[Manifest | None, list[Finding]]:
    if contents.manifest is not None:
        return read_manifest(contents.manifest)
    if not contents.is_folder or any(found.where == MANIFEST for found in contents.findings):
        return None, []  # already reported
    return None, [finding("bad-manifest", MANIFEST, "there is no such file")]


SUBMISSIONS = "submissions"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a change touches.

    :param slugs: the submissions that it touches, sorted; a valid change touches exactly one.
    """

    slugs: tuple[str, ...]
    findings: tuple[Finding, ...]


def judge_change(listed: bytes) -> Change:
    """Judges a NUL-separated list of changed paths, as `git diff --name-only --no-renames -z` prints it.

    :param listed: paths relative to the repository's root, of any bytes; a NUL after the last path is optional.
    """
    paths = [path for path in listed.split(b"\0") if path]
    slugs = sorted({slug for path in paths if (slug := _slug_of(path)) is not None})
    outside = [path for path in paths if _slug_of(path) is None]
    findings = []
    if outside:
        few = f"{len(outside)} changed files lie outside {SUBMISSIONS}/<slug>/"
        findings.append(finding("change-outside", visible(outside[0]), few, _each(outside)))
    if len(slugs) > 1:
        several = f"{len(slugs)} submissions are changed, and one may be"
        findings.append(finding("change-outside", SUBMISSIONS, several, slugs))
    return Change(slugs=tuple(slugs), findings=tuple(findings))


def visible(path: bytes) -> str:
    """A path of any bytes as printable ASCII; other bytes are shown as `\\xNN`."""
    return "".join(chr(byte) if 0x20 < byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in path)


def _each(paths: Iterable[bytes]) -> list[str]:
    return [visible(path) for path in paths]


def _slug_of(path: bytes) -> str | None:
    """The submission that a path lies in; None if it lies in none, or the path is ambiguous."""
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        return None
    parts = text.split("/")
    plain = text.isprintable() and "\\" not in text and not any(part in ("", ".", "..") for part in parts)
    inside = plain and len(parts) >= 3 and parts[0] == SUBMISSIONS and SLUG.fullmatch(parts[1])
    return parts[1] if inside else None
