"""The one error of this room: what a submission asks for cannot be installed, and the code that says why."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib import metadata

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from mmr_core.errors import MMRError
from mmr_core.plugins import HOME
from mmr_leaderboard.findings import CODES, Finding, finding
from mmr_leaderboard.submission.manifest import Requirement, Router


class EnvironmentRefused(MMRError):
    """A requirement or wheel is refused; the submission is at fault, and its row says so.

    :param code: one of stage "environment" in `mmr_leaderboard.findings`.
    :param where: the file or field, relative to the submission.
    :param examples: entries of the wheel, or other things that show it.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "", code: str, examples: tuple[str, ...] = ()) -> None:
        super().__init__(what, where=where, fix=fix or CODES[code].remedy)
        self.code = code
        self.examples = examples

    @property
    def finding(self) -> Finding:
        """The finding for the submission's row."""
        return finding(self.code, self.where, self.what, self.examples)


def wanted_wheels(router: Router, provided: Mapping[str, str]) -> tuple[Requirement, ...]:
    """The requirements that need a wheel, the router's own first; none for a router of the benchmark itself.

    :param provided: distribution to version, of what the runner provides.
    :raises EnvironmentRefused: if a requirement is not pinned, occurs twice, or names what the runner provides.
    """
    seen: set[str] = set()
    wanted: list[Requirement] = []
    for place, requirement in places(router):
        if requirement.distribution in seen:
            raise _bad(place, f"{requirement.distribution} is required twice")
        seen.add(requirement.distribution)
        version = _version(place, requirement)
        if requirement.is_home:
            _demand_this_version(place, requirement, version)
        else:
            _demand_hashes(place, requirement, provided)
            wanted.append(requirement)
    return tuple(wanted)


def places(router: Router) -> tuple[tuple[str, Requirement], ...]:
    """Every requirement, with the field that states it."""
    dependencies = [(f"submission.toml: router.dependencies.{i}", each) for i, each in enumerate(router.dependencies)]
    return (("submission.toml: router.requirement", router), *dependencies)


def demand_complete(needs: Mapping[str, Collection[str]], brought: Mapping[str, str]) -> None:
    """Demands that everything the wheels need is there, in a suitable version.

    :param needs: file name of a wheel to its requirements, without those of extras and other platforms.
    :param brought: distribution to version, of everything that will be there.
    :raises EnvironmentRefused: as bad-requirement, with what is missing.
    """
    for wheel, lines in needs.items():
        missing = tuple(line for line in lines if not _satisfied(line, brought))
        if missing:
            raise EnvironmentRefused(
                "it needs what neither the runner nor router.dependencies provide",
                where=wheel,
                fix="pin each of them in router.dependencies, or allow the runner's version",
                code="bad-requirement",
                examples=missing,
            )


def _satisfied(line: str, brought: Mapping[str, str]) -> bool:
    from packaging.requirements import Requirement as Line

    wish = Line(line)
    version = brought.get(canonicalize_name(wish.name))
    return version is not None and wish.specifier.contains(version, prereleases=True)


def _version(place: str, requirement: Requirement) -> Version:
    try:
        return Version(requirement.version)
    except InvalidVersion:
        raise _bad(place, f"{requirement.version!r} is not a version") from None


def _demand_this_version(place: str, requirement: Requirement, version: Version) -> None:
    installed = metadata.version(HOME)
    if version != Version(installed):
        raise _bad(
            place, f"this is {HOME} {installed}, and {requirement.requirement} is required", f"{HOME}=={installed}"
        )
    if requirement.hashes:
        raise _bad(place, f"{HOME} is what runs here and is not installed, so its hashes mean nothing", "no hashes")


def _demand_hashes(place: str, requirement: Requirement, provided: Mapping[str, str]) -> None:
    brought = provided.get(requirement.distribution)
    if brought is not None:
        raise _bad(
            place,
            f"the runner provides {requirement.distribution} {brought} for everybody",
            "no such requirement",
        )
    if not requirement.hashes:
        raise _bad(place, f"{requirement.requirement} has no hash")


def _bad(place: str, what: str, wanted: str = "") -> EnvironmentRefused:
    fix = f"write {wanted}" if wanted else ""
    return EnvironmentRefused(what, where=place, fix=fix, code="bad-requirement")
