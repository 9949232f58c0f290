"""Stops every isolated run of this process at once, for a run that is interrupted while others wait for theirs."""

from __future__ import annotations

import subprocess
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
