"""Posts the verdict on a pull request as its one comment, which is written anew each time.

Started by comment-verdict.yml. Which pull request it is, GitHub says, by the commit that was validated; the number that
the artefact gives only chooses where one commit heads several. Whether the pull request changes more than submissions,
GitHub says too. Titles, branches and files of the pull request reach no shell.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

from verdict_comment import MARKER, comment

BOT = "github-actions[bot]"
COMMIT = re.compile(r"[0-9a-f]{40}")
NUMBER = re.compile(r"[1-9][0-9]{0,9}")
PAGE, PAGES = 100, 30
"""GitHub tells at most 3,000 files of a pull request, in pages of 100."""

Ask = Callable[[str, str, Any], Any]
"""Method, path below the repository, and what to send (or None), to the answer."""


def main(folder: Path, environment: Mapping[str, str]) -> int:
    event = json.loads(Path(environment["GITHUB_EVENT_PATH"]).read_bytes())
    repository = environment["GITHUB_REPOSITORY"]
    ask = asking(f"{environment['GITHUB_API_URL']}/repos/{repository}", environment["GITHUB_TOKEN"])
    print(post(ask, event, folder, repository=repository, home=f"{environment['GITHUB_SERVER_URL']}/{repository}"))
    return 0


def post(ask: Ask, event: Mapping[str, Any], folder: Path, *, repository: str, home: str) -> str:
    """Writes the comment and says what was done.

    :param event: of the kind `workflow_run`.
    :param folder: what was downloaded of the validation's artefact.
    :param repository: owner/name.
    :param home: the repository's address.
    """
    run = event["workflow_run"]
    number = pull_request(ask, run, repository, _said(folder))
    if number is None:
        return "no open pull request has this commit at its head; nothing to comment on"
    about = (
        f"[What the codes mean]({home}/blob/HEAD/docs/submissions.md) · "
        f"[How to submit]({home}/blob/HEAD/CONTRIBUTING.md#submit-a-router) · "
        f"[The validation's log]({home}/actions/runs/{int(run['id'])})"
    )
    body, _ = comment(folder, finished=run["conclusion"] == "success", outside=changes_more(ask, number), about=about)
    before = standing_comment(ask, number)
    if before is None:
        ask("POST", f"/issues/{number}/comments", {"body": body})
        return f"commented on #{number}"
    ask("PATCH", f"/issues/comments/{before}", {"body": body})
    return f"renewed the comment on #{number}"


def pull_request(ask: Ask, run: Mapping[str, Any], repository: str, said: int | None) -> int | None:
    """The open pull request into this repository whose head is the validated commit; None where there is none."""
    head = run["head_sha"]
    if run["event"] != "pull_request" or not COMMIT.fullmatch(head) or run["head_repository"] is None:
        return None
    branch = quote(f"{run['head_repository']['owner']['login']}:{run['head_branch']}", safe="")
    numbers = [
        int(each["number"])
        for each in _pages(ask, f"/pulls?state=open&head={branch}")
        if each["head"]["sha"] == head and each["base"]["repo"]["full_name"] == repository
    ]
    if len(numbers) > 1:
        numbers = [number for number in numbers if number == said]
    return numbers[0] if numbers else None


def changes_more(ask: Ask, number: int) -> bool:
    """Whether a pull request changes anything outside `submissions/`, or more than GitHub tells."""
    files = list(_pages(ask, f"/pulls/{number}/files?"))
    names = [name for each in files for name in (each["filename"], each.get("previous_filename")) if name]
    return len(files) >= PAGE * PAGES or not all(name.startswith("submissions/") for name in names)


def standing_comment(ask: Ask, number: int) -> int | None:
    """The comment that an earlier run left."""
    for each in _pages(ask, f"/issues/{number}/comments?"):
        if each["user"]["login"] == BOT and each["body"].startswith(MARKER):
            return int(each["id"])
    return None


def asking(address: str, token: str) -> Ask:
    """Asks GitHub's interface."""

    def ask(method: str, path: str, sent: Any) -> Any:
        request = Request(
            address + path,
            method=method,
            data=None if sent is None else json.dumps(sent).encode(),
            headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
        )
        request.add_unredirected_header("Authorization", f"Bearer {token}")
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)

    return ask


def _pages(ask: Ask, path: str) -> Iterator[Any]:
    joint = "" if path.endswith("?") else "&"
    for page in range(1, PAGES + 1):
        found = ask("GET", f"{path}{joint}per_page={PAGE}&page={page}", None)
        yield from found
        if len(found) < PAGE:
            return


def _said(folder: Path) -> int | None:
    """The number that the artefact gives, if it is one."""
    path = folder / "pull-request"
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        text = file.read(20).decode("ascii", "replace")
    return int(text) if NUMBER.fullmatch(text) else None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), os.environ))
