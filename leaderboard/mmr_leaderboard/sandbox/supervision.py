"""Starts a launcher, watches it to its end whatever it prints, and stops every launcher at once on an interruption.

`execution` says what to start.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

TAIL = 8 << 10
"""Bytes kept from the end of what a run prints."""

CHATTER = 16 << 20
"""Bytes after which a run's output is read slowly, so that it takes no time from other runs."""

PAUSE_SECONDS = 0.001
"""Pause between two readings of at most 64 KiB once output is read slowly."""

GRACE_SECONDS = 30.0
"""How long a launcher may take to end what it started."""


@dataclass(kw_only=True)
class WatchedProcess:
    """What was seen of a launcher.

    :param said: the last bytes of what the run printed.
    :param reported: what the launcher and the starter reported.
    :param late: whether it had to be killed, because it did not keep its time.
    :param printed: how many bytes the run printed.
    """

    said: bytes = b""
    reported: bytes = b""
    late: bool = False
    printed: int = 0


def watch(command: Sequence[str], keep: Sequence[int], report: int, until: float) -> WatchedProcess:
    """Reads until the launcher, which keeps the time itself, has ended; it outlives neither this call nor `until`.

    :param keep: the descriptors that it is given.
    :param report: what it reports through, to be read here.
    :param until: when to kill it if it is still there, on the monotonic clock.
    :raises KeyboardInterrupt: if another thread called `stop_all`.
    """
    with stoppable(lambda: _launch(command, keep)) as launched:
        try:
            return _read_to_the_end(launched, report, until)
        finally:
            _end(launched)


def _launch(command: Sequence[str], keep: Sequence[int]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=keep,
        env={},
        cwd="/",
        start_new_session=True,
    )


def _read_to_the_end(launched: subprocess.Popen[bytes], report: int, until: float) -> WatchedProcess:
    assert launched.stdout is not None
    said, watched = launched.stdout.fileno(), WatchedProcess()
    for descriptor in (said, report):
        os.set_blocking(descriptor, False)
    process = os.pidfd_open(launched.pid)
    try:
        with selectors.DefaultSelector() as selector:
            for descriptor in (said, report, process):
                selector.register(descriptor, selectors.EVENT_READ)
            over = False
            while not over:
                ready = {key.fd for key, _ in selector.select(max(0.0, until - time.monotonic()))}
                for descriptor in ready - {process}:
                    if not _read(descriptor, watched, said):
                        selector.unregister(descriptor)
                over = process in ready
                if not over and time.monotonic() >= until:
                    over = watched.late = True
                    launched.kill()
    finally:
        os.close(process)
    for descriptor in (said, report):
        while _read(descriptor, watched, said):
            pass
    return watched


def _read(descriptor: int, watched: WatchedProcess, said: int) -> bool:
    """Reads what is available; returns whether there was anything."""
    try:
        data = os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return False
    if descriptor == said:
        watched.said = (watched.said + data)[-TAIL:]
        watched.printed += len(data)
        if watched.printed > CHATTER:
            time.sleep(PAUSE_SECONDS)
    else:
        watched.reported = (watched.reported + data)[-TAIL:]
    return bool(data)


def _end(launched: subprocess.Popen[bytes]) -> None:
    """Ends a launcher that may still run, and with it everything that it started."""
    if launched.poll() is None:
        launched.terminate()
        try:
            launched.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            launched.kill()
    launched.wait()
    if launched.stdout is not None:
        launched.stdout.close()


_lock = threading.Lock()
_running: dict[subprocess.Popen[bytes], threading.Thread] = {}
_stopped: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


@contextmanager
def stoppable(launch: Callable[[], subprocess.Popen[bytes]]) -> Iterator[subprocess.Popen[bytes]]:
    """Launches, and lets `stop_all` end what was launched, and with it everything that it started.

    :raises KeyboardInterrupt: if another thread called `stop_all`, before the launch or during the context.
    """
    this = threading.current_thread()
    with _lock:
        if this in _stopped:
            raise KeyboardInterrupt
        launched = launch()
        _running[launched] = this
    try:
        yield launched
    finally:
        with _lock:
            del _running[launched]
    if this in _stopped:
        raise KeyboardInterrupt


def stop_all() -> int:
    """Asks every launcher of another thread to end; those threads get a `KeyboardInterrupt` and can launch no more.

    Returns how many there were. Threads that are begun later are free to launch.
    """
    with _lock:
        this = threading.current_thread()
        _stopped.update(thread for thread in threading.enumerate() if thread is not this)
        others = [launched for launched, thread in _running.items() if thread is not this]
        for launched in others:
            launched.terminate()
        return len(others)
