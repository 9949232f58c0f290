"""Gluttons: processes, threads, memory, disk, time and attention without end."""

from __future__ import annotations

import atexit
import mmap
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress

import numpy as np

from .means import TOLD, Means

LONG = 10_000.0


class Forks(Means):
    def attack(self, training):
        while True:
            os.fork()


class Programs(Means):
    def attack(self, training):
        while True:
            subprocess.Popen([sys.executable, "-c", "while True: pass"])


class Threads(Means):
    def attack(self, training):
        hold = threading.Event()
        threading.stack_size(1 << 16)
        while True:
            threading.Thread(target=hold.wait).start()


class Memory(Means):
    def attack(self, training):
        kept = []
        while True:
            kept.append(bytearray(64 << 20))


class SharedMemory(Means):
    def attack(self, training):
        kept = []
        while True:
            kept.append(mmap.mmap(-1, 64 << 20, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS))
            kept[-1][0] = 1


class MemoryByDescriptor(Means):
    def attack(self, training):
        while True:
            os.write(os.memfd_create("eaten"), bytes(64 << 20))


class BigArray(Means):
    """Asks for 10 TB at once."""

    def attack(self, training):
        np.ones(10 << 40, dtype=np.uint8)


class TemporaryFolder(Means):
    def attack(self, training):
        for number in range(10**6):
            with open(f"{tempfile.gettempdir()}/{number}", "wb") as file:
                file.write(bytes(1 << 20))


class ManyFiles(Means):
    """Uses up file descriptors, which harms nobody but itself, and answers all the same."""

    def attack(self, training):
        kept = []
        with suppress(OSError):
            while True:
                kept.append(open("/dev/null"))  # noqa: SIM115
        for file in kept:
            file.close()


class BusyForEver(Means):
    def attack(self, training):
        while True:
            pass


class BusyAndDeaf(Means):
    """Works for ever, and minds no signal."""

    def attack(self, training):
        for number in (signal.SIGXCPU, signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        while True:
            pass


class HigherLimits(Means):
    """Gives itself all the time and memory there is."""

    def attack(self, training):
        for kind in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE):
            with suppress(OSError, ValueError):
                resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                self.found = True
        with suppress(OSError):
            os.nice(-5)
            self.found = True


class SleepsInFit(Means):
    def attack(self, training):
        time.sleep(LONG)


class SleepsInPredict(Means):
    def predict(self, queries):
        time.sleep(LONG)
        return super().predict(queries)


class StopsItself(Means):
    def attack(self, training):
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(LONG)


class Daemon(Means):
    """Forks twice, leaves the session, and stays."""

    def attack(self, training):
        with suppress(OSError):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.closerange(0, 256)
                    time.sleep(LONG)
                os._exit(0)
            self.found = True
        with suppress(OSError):
            os.setsid()


class ThreadThatStays(Means):
    """Leaves a thread that Python would wait for."""

    def attack(self, training):
        threading.Thread(target=time.sleep, args=(LONG,)).start()


class ExitHooks(Means):
    """Hangs at the end of the process, in every way that Python has."""

    def attack(self, training):
        atexit.register(time.sleep, LONG)
        threading._register_atexit(time.sleep, LONG)
        sys.exitfunc = lambda: time.sleep(LONG)


class SleepsWhenDeleted(Means):
    def __del__(self):
        time.sleep(LONG)


class Prints(Means):
    """40 MB on both streams, more than is read at full speed, and what a terminal would act on."""

    def attack(self, training):
        line = ("\x1b[2J\x1b]0;owned\x07\x1b[31m" + "spam " * 200 + "\n").encode() * 1000
        for _ in range((20 << 20) // len(line)):
            os.write(1, line)
            os.write(2, line)


class TenGigabytes(Means):
    """A prediction of 10 GB."""

    def predict(self, queries):
        prediction = super().predict(queries)
        rows = (10 << 30) // (8 * len(self.utility))
        wide = np.broadcast_to(self.utility, (rows, len(self.utility)))
        return type(prediction)(utility=wide, cost=wide)


class LongAnswer(Means):
    """Writes more than an answer may have, though less than memory."""

    def predict(self, queries):
        block = bytes(1 << 20)
        for _ in range(TOLD["answer_bytes"] // len(block) + 8):
            os.write(3, block)
        return super().predict(queries)
