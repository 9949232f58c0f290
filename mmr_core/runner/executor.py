"""Where things are measured: in this process, in processes of this machine, or on a Dask cluster, always by joblib.

The numbers do not depend on it: a process does one call at a time. What many calls share travels once: as an array of
bytes, which joblib maps into the memory of local processes and Dask scatters. One place says what it means that a
process died, which no exception of a router tells.
"""

from __future__ import annotations

import pickle
import re
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import MissingExtraError, PluginError, UsageError
from mmr_core.plugins import HOME
from mmr_core.runner.provenance import ENGINE, code_digest

ANSWER_WITHIN = "10s"
"""How long a scheduler may take to answer, and a cluster to show a worker."""

_ADDRESS = re.compile(r"((tcp|tls|wss?|ucxx?)://)?[^/\s]+:\d+/?")
_START = "start one with 'dask scheduler' and give the address that it prints, such as tcp://HOST:8786"
_FIX = "run with --jobs 1, or with fewer routers, to find out which"
_OPENED_AT_ONCE = 6


def processors() -> int:
    """How many processes this machine can run at once, limits of containers counted."""
    from joblib import cpu_count

    return int(cpu_count())


Content = TypeVar("Content", covariant=True)


class Parcel(Generic[Content]):
    """Something that many calls share, packed when it first has to travel."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.token = uuid4().hex
        self._packed: NDArray[np.uint8] | None = None

    @property
    def packed(self) -> NDArray[np.uint8]:
        """uint8 [bytes]; the same array each time, by which joblib knows that it has it already."""
        if self._packed is None:
            self._packed = np.frombuffer(pickle.dumps(self.content, protocol=5), dtype=np.uint8)
        return self._packed


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """One call of a function.

    :param key: comes back with the result.
    :param own: its first argument.
    :param shared: the contents of these are its further arguments.
    """

    key: str
    own: Any
    shared: tuple[Parcel[Any], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Executor:
    """Workers that are called many times.

    :param size: how many work at once.
    :param settings: joblib's; None works in this process.
    """

    size: int
    settings: Mapping[str, Any] | None

    @property
    def travels(self) -> bool:
        """Whether what calls share is packed and sent to other processes."""
        return self.settings is not None

    def work(self, function: Callable[..., Any], calls: Sequence[Call], what: str) -> Iterator[tuple[str, Any]]:
        """Each call's key and result, as they are done.

        :param function: of a module that workers can import; it must not raise.
        :param what: what is being done, for the message about a process that died.
        :raises PluginError: if a process dies.
        """
        if not calls:
            return
        if self.settings is None:
            for call in calls:
                yield call.key, _alone(function, call.own, [parcel.content for parcel in call.shared])
            return
        from joblib import Parallel, delayed, parallel_config

        tasks = [
            delayed(_elsewhere)(
                function,
                call.key,
                call.own,
                [parcel.token for parcel in call.shared],
                *(parcel.packed for parcel in call.shared),
            )
            for call in calls
        ]
        with _deaths_told(what), warnings.catch_warnings(), parallel_config(**self.settings):
            # Importing a library of networks looks like a leak to joblib, which then takes a fresh worker, and says so.
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs", category=UserWarning)
            yield from Parallel(return_as="generator_unordered", batch_size=1)(tasks)


@contextmanager
def executor(jobs: int, cluster: str | None) -> Iterator[Executor]:
    """Workers for the time of the block; processes start with the first call.

    :param jobs: processes of this machine.
    :param cluster: the address of a running Dask scheduler, such as "tcp://10.0.0.1:8786"; `jobs` then does not count.
    :raises MissingExtraError: if Dask is not installed.
    :raises UsageError: if `jobs` is less than 1, nothing answers at the address, or workers have other code.
    """
    if jobs < 1:
        raise UsageError(f"expected 1 or more processes, got {jobs}", where="jobs")
    if cluster is not None:
        with _client(cluster) as client:
            size = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
            yield Executor(size=size, settings={"backend": "dask", "client": client, "n_jobs": -1})
    elif jobs > 1:
        yield Executor(size=jobs, settings={"backend": "loky", "n_jobs": jobs})
    else:
        yield Executor(size=1, settings=None)


_lock = threading.Lock()
"""Seeds and limits of threads are the whole process's, so a worker of several threads takes one cell at a time."""

_opened: OrderedDict[str, Any] = OrderedDict()


def _alone(function: Callable[..., Any], own: Any, shared: Sequence[Any]) -> Any:
    with _lock:
        return function(own, *shared)


def _elsewhere(
    function: Callable[..., Any], key: str, own: Any, tokens: Sequence[str], *packed: NDArray[np.uint8]
) -> tuple[str, Any]:
    with _lock:
        shared = [_content(token, content) for token, content in zip(tokens, packed, strict=True)]
    return key, _alone(function, own, shared)


def _content(token: str, packed: NDArray[np.uint8]) -> Any:
    """What a parcel holds; a worker keeps the last few open."""
    if token not in _opened:
        _opened[token] = pickle.loads(packed.data)
        while len(_opened) > _OPENED_AT_ONCE:
            _opened.popitem(last=False)
    _opened.move_to_end(token)
    return _opened[token]


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        distributed = import_module("distributed")
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"a cluster needs Dask: pip install '{HOME}[cluster]'") from error
    if not _ADDRESS.fullmatch(address):  # Dask's own refusal leaves a client behind that fails again as it goes
        raise UsageError("not the address of a Dask scheduler", where=address, fix=_START)
    try:
        client = distributed.Client(address, timeout=ANSWER_WITHIN, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"no Dask scheduler answers ({reason})", where=address, fix=_START) from error
    with client:
        _demand_workers(client, address)
        yield client


def _demand_workers(client: Any, address: str) -> None:
    """That there are workers, and that they have the code of this process."""
    try:
        client.wait_for_workers(1, timeout=ANSWER_WITHIN)
    except TimeoutError as error:
        raise UsageError(
            "the Dask scheduler has no workers", where=address, fix=f"start some with 'dask worker {address}'"
        ) from error
    own = code_digest(ENGINE)
    try:
        found: dict[str, str] = client.run(code_digest, ENGINE)
    except Exception as error:
        raise UsageError(
            f"workers cannot run {HOME} ({type(error).__name__}: {error})",
            where=address,
            fix="install it, with the same plugins, where the workers run",
        ) from error
    strange = [worker for worker, digest in found.items() if digest != own]
    if strange:
        raise UsageError(
            f"worker {strange[0]} has another version of {HOME} than this process",
            where=address,
            fix="install the same version, with the same plugins, where the workers run",
        )


@contextmanager
def _deaths_told(what: str) -> Iterator[None]:
    """:raises PluginError: if a process of this machine or of the cluster dies in here."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        yield
    except TerminatedWorkerError as error:
        said = "a process died: a router ended it, or the machine ran out of memory"
        raise PluginError(said, where=what, fix=_FIX) from error
    except Exception as error:  # Dask is not installed everywhere, so its class cannot be named
        if type(error).__name__ != "KilledWorker":
            raise
        said = "a worker died: a router ended it, or its machine ran out of memory"
        raise PluginError(said, where=what, fix=_FIX) from error
