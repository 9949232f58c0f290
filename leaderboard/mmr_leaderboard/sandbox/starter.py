"""The last program before submitted code: closes what is open, sets limits and filters, and becomes the command.

It runs inside the sandbox as a script, by path, with the standard library alone; `execution` writes its order.
What it sets (no new privileges, resource limits, Landlock, the system-call filter) holds for the command and cannot
be taken back. It reports "started" just before it becomes the command, and "failed" with a reason where it cannot.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import stat
import struct
import sys
from collections.abc import Mapping
from typing import Any

ANSWER = 3
HIGHEST = 1 << 16
"""Descriptors from here on are not looked for; `execution` passes none."""

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446
LANDLOCK_VERSION_QUERY = 1
LANDLOCK_PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_FOLDER, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_FOLDER, MAKE_FILE, MAKE_SOCKET, MAKE_PIPE, MAKE_LINK = 1 << 7, 1 << 8, 1 << 9, 1 << 10, 1 << 12
MOVE, TRUNCATE = 1 << 13, 1 << 14
FIRST_RIGHTS = (1 << 13) - 1
LATER_RIGHTS = {2: MOVE, 3: TRUNCATE, 5: 1 << 15}
READ = EXECUTE | READ_FILE | READ_FOLDER
CHANGE = (
    (READ_FILE | READ_FOLDER | WRITE_FILE | TRUNCATE | REMOVE_FILE | REMOVE_FOLDER)
    | (MAKE_FOLDER | MAKE_FILE | MAKE_SOCKET | MAKE_PIPE | MAKE_LINK | MOVE)
)  # fmt: skip
DEVICE = READ_FILE | WRITE_FILE
RIGHTS_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
NETWORK_RIGHTS = 0b11
SCOPES = 0b11

library = ctypes.CDLL(None, use_errno=True)
library.syscall.restype = ctypes.c_long


def checked(result: int, doing: str) -> int:
    """The result of a C function, or its `OSError` where it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int, pointer: Any = 0, doing: str = "") -> None:
    """One `prctl`, all of whose unused arguments are zero."""
    arguments = (ctypes.c_ulong(value), pointer or ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    checked(library.prctl(option, *arguments), doing)


def landlock_version() -> int:
    """The version of Landlock that this kernel speaks; 0 where it has none."""
    return max(
        0, int(library.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(LANDLOCK_VERSION_QUERY)))
    )


def confine(rules: Mapping[str, list[str]]) -> None:
    """Lets the process read beneath `rules["read"]`, use `rules["devices"]`, and change all beneath `rules["change"]`.

    It can list every folder: in the world that was made for it there is nothing to be found, and Python imports from
    no folder that it cannot list.

    :raises OSError: if the kernel has no Landlock, or a path is absent.
    """
    version = landlock_version()
    if version < 1:
        raise OSError("this kernel has no Landlock, or it is switched off")
    handled = FIRST_RIGHTS
    for since, right in LATER_RIGHTS.items():
        handled |= right if version >= since else 0
    attributes = struct.pack("=QQQ", handled, NETWORK_RIGHTS, SCOPES)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = checked(
        library.syscall(LANDLOCK_CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint(0)), "making a ruleset"
    )
    allow_beneath(ruleset, "/", READ_FOLDER)
    for kind, rights in (("read", READ), ("devices", DEVICE), ("change", CHANGE)):
        for path in rules[kind]:
            allow_beneath(ruleset, path, rights & handled)
    restricted = library.syscall(LANDLOCK_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint(0))
    checked(restricted, "entering Landlock")
    os.close(ruleset)


def allow_beneath(ruleset: int, path: str, rights: int) -> None:
    """One rule; a file is given only the rights that files have."""
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        given = rights if stat.S_ISDIR(os.fstat(place).st_mode) else rights & RIGHTS_OF_FILES
        rule = struct.pack("=Qi", given, place)
        added = library.syscall(
            LANDLOCK_ADD, ctypes.c_int(ruleset), ctypes.c_int(LANDLOCK_PATH_BENEATH), rule, ctypes.c_uint(0)
        )
        checked(added, f"allowing {path}")
    finally:
        os.close(place)


def limit(limits: Mapping[str, int]) -> None:
    """Sets the resource limits, hard ones, so that they cannot be raised again; stricter ones stay."""
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        most = resource.getrlimit(kind)[1]
        most = value + 1 if most == resource.RLIM_INFINITY else min(most, value + 1)
        # a second lies between the signal that can be caught and the one that cannot
        resource.setrlimit(kind, (min(value, most), most if name == "CPU" else min(value, most)))


def filter_calls(program: bytes) -> None:
    """Installs a system-call filter.

    :param program: an array of `struct sock_filter`.
    """

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

    described = Program(len(program) // 8, program)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(described), "filtering system calls")


def reset_signals() -> None:
    """Gives every signal its default action again, and blocks none."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        # the C library keeps two real-time signals to itself and refuses them
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def become(told: Mapping[str, Any], report: int) -> None:
    """Everything in its order; returns only by raising."""
    os.chdir(told["folder"])
    os.umask(0o077)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL, doing="tying to the parent")
    prctl(PR_SET_NO_NEW_PRIVS, 1, doing="giving up new privileges")
    os.dup2(told["answer"], ANSWER)
    if report > ANSWER + 1:
        os.closerange(ANSWER + 1, report)
    os.closerange(report + 1, min(HIGHEST, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    if told["rules"] is not None and (told["rules_needed"] or landlock_version()):
        confine(told["rules"])
    reset_signals()
    command, variables = told["command"], told["variables"]
    limit(told["limits"])
    if told["filter"]:
        filter_calls(bytes.fromhex(told["filter"]))
    os.write(report, b"started\n")
    os.execve(command[0], command, variables)


def main() -> None:
    """Reads its order from the descriptor given as the first argument; reports to the second."""
    told_at, report = int(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(report, False)
    try:
        with open(told_at, encoding="utf-8") as file:
            told = json.load(file)
        become(told, report)
    except BaseException as error:
        os.write(report, f"failed {error}\n".encode(errors="replace"))
        os._exit(1)


if __name__ == "__main__":
    main()
