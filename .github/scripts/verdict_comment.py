"""Turns the verdict on a pull request into the Markdown of its comment. The verdict is data that a stranger wrote.

A pull request can change the workflow that validates it, so nothing in these files is believed to be what our program
writes: sizes are bounded, every field is checked, and every text is shown as text. `shown` is the one way in which a
stranger's words enter the comment.

It needs only Python. `python verdict_comment.py FOLDER` prints the comment; exit status 1: the verdict is not
good.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MARKER = "<!-- mmr-leaderboard-verdict -->"
"""The first line of the comment, by which it is found again."""

VERDICT, LEFT = "verdict.json", "left.json"
LARGEST = 1 << 20
"""Bytes of a file that is read."""

CODE = re.compile(r"[a-z][a-z-]{1,40}")
SHOWN_FINDINGS = 20
SHOWN_EXAMPLES = 3
LONGEST = 50_000
"""Characters of the comment's findings; GitHub takes 65,536 in all."""


class NotAVerdict(Exception):
    """A file is not what it should be; says how, in words of our own."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the validation claims to have found.

    :param valid: whether it calls every submission valid.
    """

    valid: bool
    withdrawn: tuple[str, ...]
    found: tuple[Found, ...]


@dataclass(frozen=True, kw_only=True)
class Found:
    """One finding, as it claims to be.

    :param slug: the submission; empty for what is about the change as a whole.
    """

    slug: str
    code: str
    where: str
    message: str
    examples: tuple[str, ...]
    count: int
    refused: bool


def main(arguments: Sequence[str]) -> int:
    [folder] = arguments
    body, good = comment(Path(folder), finished=True)
    print(body)
    return 0 if good else 1


def comment(folder: Path, *, finished: bool, outside: bool = False, about: str = "") -> tuple[str, bool]:
    """The comment, and whether the submission is valid.

    :param folder: with `verdict.json` and `left.json`.
    :param finished: whether the workflow that wrote them ended well.
    :param outside: whether the pull request changes more than submissions; what it brings is then not shown at all.
    :param about: Markdown of our own, shown at the end.
    """
    if outside:
        lines, good = [_OUTSIDE], False
    else:
        try:
            verdict = _read_verdict(_content(folder / VERDICT))
            found = [*verdict.found, *_read_left(_content(folder / LEFT))]
        except NotAVerdict as problem:
            lines, good = [f"**No verdict.** The validation did not get through: {problem}."], False
        else:
            refused = [one for one in found if one.refused]
            good = finished and verdict.valid and not refused
            lines = [_headline(len(refused), good), *_withdrawals(verdict.withdrawn), *_table(found)]
    return "\n".join([MARKER, "### Leaderboard submission", "", *lines, *(["", about] if about else []), ""]), good


def shown(text: str, limit: int) -> str:
    """A stranger's text as one line that is read and nothing else.

    Every character but ASCII letters, digits and the space is a numeric entity, so that nothing of it is Markdown,
    HTML or a link; inside `<code>` GitHub makes no mentions, references or emoji of what the entities stand for.
    """
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    line = line if len(line) <= limit else f"{line[: limit - 1]}…"
    return f"<code>{''.join(_entity(letter) for letter in line)}</code>" if line else ""


def _entity(letter: str) -> str:
    return letter if letter == " " or (letter.isascii() and letter.isalnum()) else f"&#{ord(letter)};"


_OUTSIDE = (
    "**Not validated.** This pull request changes files outside `submissions/<slug>/`, so what its validation says "
    "is not shown. Bring a submission in a pull request of its own (`change-outside`)."
)


def _headline(refused: int, good: bool) -> str:
    if good:
        return "**Valid.** Nothing stands against this submission; a maintainer looks at it before it is run."
    if refused:
        return f"**Refused.** {refused} thing{'s' if refused > 1 else ''} to mend:"
    return "**No verdict.** The validation did not end well, though it names nothing; see its log."


def _withdrawals(slugs: Sequence[str]) -> list[str]:
    return ["", f"It withdraws {', '.join(shown(slug, 63) for slug in slugs[:5])}."] if slugs else []


def _table(found: Sequence[Found]) -> list[str]:
    if not found:
        return []
    rows = ["", "| submission | code | where | what |", "|---|---|---|---|"]
    taken = 0
    for one in found[:SHOWN_FINDINGS]:
        row = _row(one)
        if sum(map(len, rows)) + len(row) > LONGEST:
            break
        rows.append(row)
        taken += 1
    if taken < len(found):
        rows += ["", f"{len(found) - taken} more are in the validation's log."]
    return rows


def _row(one: Found) -> str:
    what = [shown(one.message, 200), *(shown(example, 60) for example in one.examples[:SHOWN_EXAMPLES])]
    if one.count > 1:
        what.append(f"({one.count} in all)")
    code = one.code if one.refused else f"{one.code} (noted)"
    return f"| {shown(one.slug, 63)} | {code} | {shown(one.where, 150)} | {' '.join(filter(None, what))} |"


def _content(path: Path) -> Any:
    """What a JSON file holds.

    :raises NotAVerdict: if it is absent, not a plain file, too large, or not JSON.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise NotAVerdict(f"there is no {path.name}") from None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise NotAVerdict(f"{path.name} is not a plain file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise NotAVerdict(f"{path.name} is larger than {LARGEST:,} bytes")
    try:
        return json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise NotAVerdict(f"{path.name} is not JSON") from None


def _read_verdict(content: Any) -> Verdict:
    """What `mmr leaderboard validate --json` prints."""
    found = [_found(each, "", VERDICT, refused=True) for each in _list(_field(content, "change", VERDICT), VERDICT)]
    every = True
    for one in _list(_field(content, "submissions", VERDICT), VERDICT):
        slug = _text(_field(one, "slug", VERDICT), VERDICT)
        valid = _field(one, "valid", VERDICT)
        if not isinstance(valid, bool):
            raise NotAVerdict(f"{VERDICT} does not say whether a submission is valid")
        every = every and valid
        for each in _list(_field(one, "findings", VERDICT), VERDICT):
            found.append(_found(each, slug, VERDICT, refused=not valid))
    withdrawn = tuple(_text(one, VERDICT) for one in _list(_field(content, "withdrawn", VERDICT), VERDICT))
    return Verdict(valid=every, withdrawn=withdrawn, found=tuple(found))


def _read_left(content: Any) -> Iterator[Found]:
    """What `take_submission.py` left where it was."""
    for each in _list(content, LEFT):
        yield _found(each, "", LEFT, refused=True)


def _found(content: Any, slug: str, name: str, *, refused: bool) -> Found:
    code = _text(_field(content, "code", name), name)
    if not CODE.fullmatch(code):
        raise NotAVerdict(f"{name} has something that is not a code")
    count = content.get("count", 1)
    if type(count) is not int or not 0 <= count <= 10**12:
        raise NotAVerdict(f"{name} has something that is not a count")
    return Found(
        slug=slug,
        code=code,
        where=_text(_field(content, "where", name), name),
        message=_text(_field(content, "message", name), name),
        examples=tuple(_text(one, name) for one in _list(content.get("examples", []), name)),
        count=count,
        refused=refused,
    )


def _field(content: Any, field: str, name: str) -> Any:
    if not isinstance(content, dict) or field not in content:
        raise NotAVerdict(f"{name} lacks the field {field!r}")
    return content[field]


def _list(content: Any, name: str) -> list[Any]:
    if not isinstance(content, list):
        raise NotAVerdict(f"{name} has something else where a list belongs")
    return content


def _text(content: Any, name: str) -> str:
    if not isinstance(content, str):
        raise NotAVerdict(f"{name} has something else where text belongs")
    return content


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
