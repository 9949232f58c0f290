"""What it costs to list a plugin: its entry point is imported and its hooks are asked, in a fresh process.

`mmr --help` and every other command do this for every installed plugin, so it must bring nothing heavy along.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

from mmr_core.plugins import Provider
from mmr_core.testing.checks import Broken, Check, NotApplicable
from mmr_core.testing.subjects import FactSubject, Subject

HEAVY = (
    "torch",
    "sklearn",
    "pandas",
    "scipy",
    "pyarrow",
    "matplotlib",
    "tensorflow",
    "jax",
    "transformers",
    "open_clip",
)
"""What listing must not import."""

TOLERATED = ("numpy", "PIL")
"""What it had better not import: a remark."""

SECONDS = 3.0
"""How long importing the entry point may take."""

TIMEOUT = 120.0

SCRIPT = """
import json, sys, time
from importlib.metadata import entry_points
import mmr_core.plugins, mmr_core.specs
from mmr_core.hookspecs import ENTRY_POINT_GROUP
from mmr_core.plugins import discover, provider_of
plugin, distribution, watched = json.loads(sys.argv[1])
before = set(sys.modules)
points = [p for p in entry_points(group=ENTRY_POINT_GROUP)
          if provider_of(p).distribution == distribution and p.name == plugin]
out, sys.stdout = sys.stdout, sys.stderr
started = time.perf_counter()
found = discover(points)
seconds = time.perf_counter() - started
brought = sorted(name for name in watched if name in sys.modules and name not in before)
failures = [str(failure) for failure in found.failures]
json.dump({"points": len(points), "seconds": seconds, "brought": brought, "failures": failures}, out)
"""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What listing one plugin took and brought along."""

    seconds: float
    brought: tuple[str, ...]


def look_at_listing(subject: Subject | FactSubject) -> str:
    """The check."""
    if subject.provider is None:
        raise NotApplicable("a class that is given as such is not listed; give the name of an installed component")
    listed = list_alone(subject.provider)
    heavy = [name for name in listed.brought if name in HEAVY]
    if heavy:
        raise Broken(
            f"listing {subject.provider} imports {', '.join(heavy)}",
            expected="the entry point's module imports nothing heavy: name the class in ComponentSpec.target instead",
        )
    if listed.seconds > SECONDS:
        raise Broken(
            f"listing {subject.provider} took {listed.seconds:.1f} s",
            expected=f"less than {SECONDS:.0f} s",
        )
    light = f"; it imports {', '.join(listed.brought)}, which could wait" if listed.brought else ""
    return f"{listed.seconds * 1e3:.0f} ms{light}"


@cache
def list_alone(provider: Provider) -> Listed:
    """Lists one plugin in a fresh process.

    :raises Broken: if it fails there, or does not end.
    """
    question = json.dumps([provider.plugin, provider.distribution, [*HEAVY, *TOLERATED]])
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, question], capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Broken(f"listing {provider} did not end within {TIMEOUT:.0f} s") from error
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        last = done.stderr.strip().rpartition("\n")[2]
        raise Broken(f"listing {provider} ended its process with code {done.returncode}: {last}") from error
    if answer["failures"]:
        raise Broken(answer["failures"][0])
    if not answer["points"]:
        raise NotApplicable(f"a fresh process does not find {provider}")
    return Listed(seconds=answer["seconds"], brought=tuple(answer["brought"]))


LISTING_CHECK: Check[Any] = Check(
    name="import-cost",
    rule="listing the plugin is quick and imports neither torch, scikit-learn nor pandas",
    contract="mmr_core.hookspecs",
    look=look_at_listing,
)
"""The check of what listing costs, the same for every kind."""
