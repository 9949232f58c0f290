"""Routers that would tell later jobs, or jobs beside them, something through what the kernel keeps for all of them.

None of these calls changes a file. What counts is that one job could see what another one did.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import mmap
import os
import resource
import socket
import struct
from pathlib import Path

from .means import Means

SHARED = json.__file__
"""A file of the standard library, which every job reads."""

FOR_READING_WHAT_IS_IN_MEMORY, WAKE, WRITE_HINT, READ_HINT, GROW_PIPE = 8, 1, 1036, 1035, 1031

library = ctypes.CDLL(None, use_errno=True)
library.mmap.restype = ctypes.c_void_p


def demand(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def mapped():
    return library.mmap(None, ctypes.c_size_t(4096), 1, mmap.MAP_SHARED, os.open(SHARED, os.O_RDONLY), ctypes.c_long(0))


class PageCache(Means):
    """One job puts a file out of memory, another one looks whether it is there."""

    def attack(self, training):
        file, flags = os.open(SHARED, os.O_RDONLY), FOR_READING_WHAT_IS_IN_MEMORY
        with mmap.mmap(file, 0, prot=mmap.PROT_READ) as pages:
            self.try_all(
                lambda: os.preadv(file, [bytearray(1)], 0, flags),
                lambda: demand(
                    library.mincore(ctypes.c_void_p(mapped()), ctypes.c_size_t(4096), ctypes.create_string_buffer(8))
                ),
                lambda: pages.madvise(21),  # MADV_PAGEOUT
                lambda: pages.madvise(22),  # MADV_POPULATE_READ
                lambda: resource.getrusage(resource.RUSAGE_SELF).ru_majflt,
            )


class Hints(Means):
    """A hint on how long data will live stays with the file, though it is open for reading alone."""

    def attack(self, training):
        with open(SHARED) as file:
            self.try_all(
                lambda: fcntl.fcntl(file, WRITE_HINT, struct.pack("=Q", 3)),
                lambda: fcntl.fcntl(file, READ_HINT, struct.pack("=Q", 0)),
            )


class Locks(Means):
    """One job locks a file or not, another one asks."""

    def attack(self, training):
        asked = struct.pack("=hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
        with open(SHARED) as file, open(SHARED) as again:
            self.try_all(lambda: fcntl.fcntl(file, fcntl.F_GETLK, asked))
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self.found = True  # so a lock that another job holds would show as well


class Bells(Means):
    """One job waits at a page of a shared file, another one wakes it and is told how many it woke."""

    def attack(self, training):
        number = {"x86_64": 202, "aarch64": 98}[os.uname().machine]
        self.try_all(lambda: demand(library.syscall(number, ctypes.c_void_p(mapped()), WAKE, 1, None, None, 0)))


class Counters(Means):
    """What one job takes of what all share, another one misses."""

    def attack(self, training):
        one, _ = socket.socketpair()
        self.try_all(
            lambda: os.statvfs(SHARED).f_bfree,
            lambda: demand(library.sysinfo(ctypes.create_string_buffer(512))),
            lambda: Path("/proc/meminfo").read_text(),
            lambda: socket.send_fds(one, [b"x"], [0]),
            lambda: fcntl.fcntl(os.pipe()[0], GROW_PIPE, 1 << 18),
        )
