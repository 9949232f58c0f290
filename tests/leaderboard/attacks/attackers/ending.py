"""Routers that end their process, or try to take the runner with them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from .means import Means


class SysExit(Means):
    def attack(self, training):
        sys.exit("bye")


class SysExitWithSuccess(Means):
    """Ends with status 0, as if all were done."""

    def predict(self, queries):
        sys.exit(0)


class ExitAtOnce(Means):
    def attack(self, training):
        os._exit(0)


class ExitWithAStatus(Means):
    """Ends with the status by which the driver says that memory ran out."""

    def attack(self, training):
        os._exit(77)


class KillsItself(Means):
    def attack(self, training):
        os.kill(os.getpid(), signal.SIGKILL)


class KillsEverybody(Means):
    """All that it can signal; itself last."""

    def attack(self, training):
        for target in (1, -1, 0):
            try:
                os.kill(target, signal.SIGKILL)
            except OSError:
                continue
        os.kill(os.getpid(), signal.SIGKILL)


class Interrupt(Means):
    def attack(self, training):
        raise KeyboardInterrupt


class Base(Means):
    """Raises what no handler of exceptions catches."""

    def attack(self, training):
        raise type("Unheard", (BaseException,), {})("of")


class Colours(Means):
    """An error whose text moves the cursor, turns text round and forges a line."""

    def attack(self, training):
        raise ValueError("\x1b[2J\x1b[H\u202egnihton\u202c\x00 <script>alert(1)</script>\r\nforged: all is well\u2028")


class Unprintable(Means):
    """An error that raises when it is asked what it is."""

    def attack(self, training):
        def fail(self):
            raise SystemExit

        raise type("Shy", (Exception,), {"__str__": fail, "__repr__": fail})()


class LongMessage(Means):
    def attack(self, training):
        raise ValueError("x" * (64 << 20))


class Recursion(Means):
    def attack(self, training):
        self.attack(training)


class DeepRecursion(Means):
    """Recursion that Python no longer stops."""

    def attack(self, training):
        sys.setrecursionlimit(1 << 30)

        class Deep:
            def __repr__(self):
                return repr(self)

        nested = []
        for _ in range(10**6):
            nested = [nested]
        repr(Deep())
        repr(nested)


class Segfault(Means):
    def attack(self, training):
        ctypes.string_at(0)


class Abort(Means):
    def attack(self, training):
        os.abort()
