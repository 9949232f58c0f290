"""Judges which files a change touches: a submission may change its own folder and nothing else.

The list is what `git diff --name-only --no-renames -z` prints: paths separated by NUL, of any bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mmr_leaderboard.findings import Finding, finding
from mmr_leaderboard.submission.manifest import SLUG

SUBMISSIONS = "submissions"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a change touches.

    :param slugs: the submissions that it touches, sorted; a valid change touches one.
    """

    slugs: tuple[str, ...]
    findings: tuple[Finding, ...]


def judge_change(listed: bytes) -> Change:
    """Looks through a NUL-separated list of changed paths.

    :param listed: relative to the repository's root; a NUL behind the last path may be there or not.
    """
    paths = [path for path in listed.split(b"\0") if path]
    slugs = sorted({slug for path in paths if (slug := _slug_of(path)) is not None})
    outside = [path for path in paths if _slug_of(path) is None]
    findings = []
    if outside:
        few = f"{len(outside)} changed files lie outside {SUBMISSIONS}/<slug>/"
        findings.append(finding("change-outside", visible(outside[0]), few, _each(outside)))
    if len(slugs) > 1:
        several = f"{len(slugs)} submissions are changed where one may be"
        findings.append(finding("change-outside", SUBMISSIONS, several, slugs))
    return Change(slugs=tuple(slugs), findings=tuple(findings))


def visible(path: bytes) -> str:
    """A path of any bytes as printable ASCII: what is not is shown as `\\xNN`."""
    return "".join(chr(byte) if 0x20 < byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in path)


def _each(paths: Iterable[bytes]) -> list[str]:
    return [visible(path) for path in paths]


def _slug_of(path: bytes) -> str | None:
    """The submission that a path lies in; None if it lies in none, or could mean another place."""
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        return None
    parts = text.split("/")
    plain = text.isprintable() and "\\" not in text and not any(part in ("", ".", "..") for part in parts)
    inside = plain and len(parts) >= 3 and parts[0] == SUBMISSIONS and SLUG.fullmatch(parts[1])
    return parts[1] if inside else None
