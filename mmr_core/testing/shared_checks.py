"""What the checks of several kinds have in common: parameters, the cost of listing, saving, rows, and resources.

`mmr --help` and every other command import the entry point of every installed plugin, so listing one must be cheap.
Resource limits are ten minutes and 8 GB for a standard job, on any machine; they are not budgets.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.plugins import Provider
from mmr_core.registry import settable
from mmr_core.testing.contract_check import Broken, Check, NotApplicable
from mmr_core.testing.subjects import FactSubject, Subject
from mmr_core.trained.restore import restored_component
from mmr_core.trained.serialize import component_state

SEED_NAME = "seed"
"""Documented in the contract of routers, so a class need not document it."""


def check_parameters(subject: Subject) -> str | None:
    """Parameters can be set by keyword, have usable defaults, and are named in the docstring."""
    signature = inspect.signature(subject.factory).parameters.values()
    fixed = [one.name for one in signature if one.kind is inspect.Parameter.POSITIONAL_ONLY]
    if fixed:
        raise Broken(f"{fixed[0]!r} cannot be passed by keyword")
    bare = [
        one.name
        for one in signature
        if one.default is inspect.Parameter.empty
        and one.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        and one.name not in subject.parameters
    ]
    if bare:
        raise Broken(f"{bare[0]!r} has no default")
    own = settable(subject.factory)
    if subject.word == "router" and SEED_NAME not in own:
        raise Broken("it takes no seed")
    for name, default in own.items():
        if name not in subject.parameters:
            subject.make(**{name: default})
    words = _documentation(subject.factory)
    silent = [name for name in own if name != SEED_NAME and not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", words)]
    if silent:
        raise Broken(f"no docstring of the class mentions {', '.join(map(repr, silent))}")
    loose = [one.name for one in signature if one.kind is inspect.Parameter.VAR_KEYWORD]
    return f"accepts any keyword (**{loose[0]}), so misspellings go unnoticed" if loose else None


def _documentation(factory: Any) -> str:
    """The docstrings of a class, of its bases and of their `__init__`."""
    if not inspect.isclass(factory):
        return inspect.getdoc(factory) or ""
    texts = []
    for base in factory.__mro__[:-1]:
        texts += [base.__doc__, getattr(vars(base).get("__init__"), "__doc__", None)]
    return "\n".join(filter(None, texts))


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
"""Modules that listing a plugin must not import."""

TOLERATED = ("numpy", "PIL")
"""Modules that listing should not import; noted in a remark."""

LISTING_SECONDS = 3.0
"""How long importing the entry point may take."""

LISTING_TIMEOUT = 120.0

LISTING_SCRIPT = """
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
class ListingCost:
    """How long listing one plugin took, and what it imported."""

    seconds: float
    brought: tuple[str, ...]


def check_listing(subject: Subject | FactSubject) -> str:
    """Listing the plugin, which every command does, is quick and imports nothing heavy."""
    if subject.provider is None:
        raise NotApplicable("an uninstalled class is not listed; give the name of an installed component")
    listed = listing_cost(subject.provider)
    heavy = [name for name in listed.brought if name in HEAVY]
    if heavy:
        raise Broken(
            f"listing {subject.provider} imports {', '.join(heavy)}",
            expected="the entry point's module imports nothing heavy; name the class in ComponentSpec.target instead",
        )
    if listed.seconds > LISTING_SECONDS:
        raise Broken(
            f"listing {subject.provider} took {listed.seconds:.1f} s",
            expected=f"less than {LISTING_SECONDS:.0f} s",
        )
    light = f"; it imports {', '.join(listed.brought)}, which could be deferred" if listed.brought else ""
    return f"{listed.seconds * 1e3:.0f} ms{light}"


@cache
def listing_cost(provider: Provider) -> ListingCost:
    """Lists one plugin in a fresh process.

    :raises Broken: if it fails there, or does not finish.
    """
    question = json.dumps([provider.plugin, provider.distribution, [*HEAVY, *TOLERATED]])
    try:
        done = subprocess.run(
            [sys.executable, "-c", LISTING_SCRIPT, question],
            capture_output=True,
            text=True,
            timeout=LISTING_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Broken(f"listing {provider} did not finish within {LISTING_TIMEOUT:.0f} s") from error
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        last = done.stderr.strip().rpartition("\n")[2]
        raise Broken(f"the process listing {provider} ended with code {done.returncode}: {last}") from error
    if answer["failures"]:
        raise Broken(answer["failures"][0])
    if not answer["points"]:
        raise NotApplicable(f"a fresh process does not find {provider}")
    return ListingCost(seconds=answer["seconds"], brought=tuple(answer["brought"]))


LISTING_CHECK: Check[Any] = Check(
    name="import-cost",
    rule="listing the plugin is quick and imports neither torch, scikit-learn nor pandas",
    contract="mmr_core.hookspecs",
    look=check_listing,
)
"""The cost of listing, checked alike for every kind."""


def restored_copy(fitted: Any, make: Callable[[], Any], label: str) -> Any:
    """A new component with the state of a fitted one, passed through plain arrays and JSON as in a file.

    :raises NotApplicable: if it has neither `state` nor `restore`.
    :raises Broken: if it has only one of them.
    :raises MMRError: if its state is not arrays and JSON.
    """
    has = [name for name in ("state", "restore") if callable(getattr(fitted, name, None))]
    if not has:
        raise NotApplicable("it has no state() and restore(state), which are optional; 'mmr train' cannot save it")
    if len(has) == 1:
        raise Broken(f"it has only {has[0]}", expected="both state() and restore(state), or neither")
    values, arrays = component_state(fitted, "component", label)
    copies = {name: array.copy(order="K") for name, array in arrays.items()}
    return restored_component(make(), values, copies, "component")


ROUNDING = 1e-4
"""How far two rows may differ, relative to the norm of the first: sums over batches of another size round
differently in float32."""


def checked_rows(rows: object, count: int, what: str) -> NDArray[Any]:
    """Returns the rows if they are finite float32 [count, d].

    :raises Broken: if they are not.
    """
    expected = f"{what} returns finite float32 [{count}, d]"
    if not isinstance(rows, np.ndarray):
        raise Broken(type(rows).__name__, expected=expected)
    if rows.dtype != np.float32 or rows.ndim != 2 or len(rows) != count or not rows.shape[1]:
        raise Broken(f"{rows.dtype} of shape {rows.shape}", expected=expected)
    if not np.isfinite(rows).all():
        raise Broken(f"{int((~np.isfinite(rows)).any(axis=1).sum())} non-finite rows", expected=expected)
    return rows


def require_same_rows(first: NDArray[Any], second: NDArray[Any], when: str) -> None:
    """:raises Broken: if a row differs by more than rounding."""
    if first.shape != second.shape:
        raise Broken(f"{when}, rows had shape {second.shape}, not {first.shape}")
    if not len(first):
        return
    apart = np.linalg.norm(first.astype(np.float64) - second.astype(np.float64), axis=1)
    allowed = ROUNDING * np.maximum(np.linalg.norm(first.astype(np.float64), axis=1), 1e-6)
    changed = apart > allowed
    if changed.any():
        raise Broken(f"{when}, {int(changed.sum())} of {len(first)} rows changed, by up to {apart.max():.2g}")


JOB_SECONDS = 600.0
JOB_MEGABYTES = 8000.0
"""The limits of a standard job: far above what any machine should need, so that only a runaway exceeds them."""


@dataclass(frozen=True, kw_only=True)
class JobCost:
    """What one job took.

    :param seconds: by the wall clock.
    :param megabytes: increase of the process's peak memory, in 10^6 bytes; 0 if an earlier peak was higher; None if
        the platform does not report it.
    """

    seconds: float
    megabytes: float | None

    def within_limits(self, job: str) -> str:
        """Describes what the job took.

        :raises Broken: if it exceeded the limits.
        """
        memory = "memory unknown" if self.megabytes is None else f"{self.megabytes:.0f} MB more at the peak"
        took = f"{self.seconds:.2f} s, {memory} ({job})"
        if self.seconds > JOB_SECONDS or (self.megabytes or 0.0) > JOB_MEGABYTES:
            raise Broken(took, expected=f"at most {JOB_SECONDS:.0f} s and {JOB_MEGABYTES:.0f} MB for {job}")
        return took


def measured_job(job: Callable[[], object]) -> JobCost:
    """Runs a job and measures it."""
    before, started = _peak(), time.perf_counter()
    job()
    seconds, after = time.perf_counter() - started, _peak()
    return JobCost(seconds=seconds, megabytes=None if before is None or after is None else after - before)


def _peak() -> float | None:
    """The largest resident memory of this process so far, in 10^6 bytes."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
