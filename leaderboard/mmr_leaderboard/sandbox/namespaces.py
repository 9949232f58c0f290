"""Gives one command a world of its own where bubblewrap is missing: namespaces, a new root, no capabilities.

A script that runs by path with the standard library alone; `methods` writes its order, `launcher` starts it.
It becomes the outer of two processes: the inner one is the first of a new process namespace, builds the file system,
starts `starter` in it, and waits. When either of them ends, the kernel kills whatever is in the namespace.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NEW_MOUNTS, NEW_NAMES, NEW_IPC, NEW_USERS, NEW_PROCESSES, NEW_NETWORK, NEW_CGROUPS = (
    0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x02000000,
)  # fmt: skip
EVERYTHING = NEW_USERS | NEW_MOUNTS | NEW_PROCESSES | NEW_NETWORK | NEW_IPC | NEW_NAMES | NEW_CGROUPS

NO_SETUID, NO_DEVICES, READ_ONLY = 0x2, 0x4, 0x1
BIND, WITH_MOUNTS, PRIVATE = 0x1000, 0x4000, 0x40000
DETACH = 2
SET_ATTRIBUTES, HERE, RECURSIVELY = 442, -100, 0x8000

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
CAPABILITY_VERSION = 0x20080522
LAST_CAPABILITY = 63

USER = 1000
NAME = b"sandbox"
BASE = "/tmp"
"""Any folder that is on every machine: the new root is built over it, seen by nobody else."""

library = ctypes.CDLL(None, use_errno=True)
library.syscall.restype = ctypes.c_long


def checked(result: int, doing: str) -> int:
    """The result of a C function, or its `OSError` where it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int, doing: str) -> None:
    """One `prctl` of one argument."""
    checked(library.prctl(option, ctypes.c_ulong(value), *(ctypes.c_ulong(0),) * 3), doing)


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """`mount(2)`."""
    arguments = (source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode())
    checked(library.mount(*arguments), f"mounting {kind or source} on {target}")


def seal(target: str, flags: int, *, recursive: bool) -> None:
    """Makes what is mounted at a path read-only, and deaf to set-user-id bits."""
    attributes = struct.pack("=QQQQ", READ_ONLY | NO_SETUID | flags, 0, 0, 0)
    done = library.syscall(
        SET_ATTRIBUTES,
        ctypes.c_int(HERE),
        os.fsencode(target),
        ctypes.c_uint(RECURSIVELY if recursive else 0),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    checked(done, f"making {target} read-only")


def pivot(new: str, old: str) -> None:
    """`pivot_root(2)`, by its number on this machine."""
    number = {"x86_64": 155, "aarch64": 41}[os.uname().machine]
    checked(library.syscall(number, os.fsencode(new), os.fsencode(old)), "changing the root")


def leave() -> None:
    """Enters new namespaces of every kind, as an ordinary user of the new user namespace."""
    user, group = os.geteuid(), os.getegid()
    checked(library.unshare(EVERYTHING), "making namespaces")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{USER} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{USER} {group} 1")


def spot(path: str, *, folder: bool) -> str:
    """Where a path is in the world that is being built, with something there to mount on."""
    place = Path(f"/new{path}")
    if folder:
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.touch()
    return str(place)


def build(world: Mapping[str, Any]) -> None:
    """Builds the file system and makes it the root; the old one is gone afterwards."""
    mount("none", "/", "", PRIVATE | WITH_MOUNTS)
    mount("tmpfs", BASE, "tmpfs", NO_SETUID | NO_DEVICES, "mode=755,size=16m")
    os.mkdir(f"{BASE}/old")
    os.mkdir(f"{BASE}/new")
    pivot(BASE, f"{BASE}/old")
    os.chdir("/")
    mount("tmpfs", "/new", "tmpfs", NO_SETUID | NO_DEVICES, "mode=755,size=16m")
    for path, target in world["links"]:
        Path(f"/new{path}").parent.mkdir(parents=True, exist_ok=True)
        os.symlink(target, f"/new{path}")
    for kind, path in sorted(
        [("b", path) for path in world["mounts"]] + [("a", path) for path in world["emptied"]],
        key=lambda entry: (Path(entry[1]), entry[0]),
    ):
        if kind == "a":
            mount("tmpfs", spot(path, folder=True), "tmpfs", NO_SETUID | NO_DEVICES, "mode=755,size=1m")
        else:
            old = f"/old{path}"
            place = spot(path, folder=os.path.isdir(old))
            mount(old, place, "", BIND | WITH_MOUNTS)
            seal(place, NO_DEVICES, recursive=True)
    for path in world["devices"]:
        place = spot(path, folder=False)
        mount(f"/old{path}", place, "", BIND)
        seal(place, 0, recursive=False)
    for path in world["emptied"]:
        seal(f"/new{path}", NO_DEVICES, recursive=False)
    room = f"mode=700,size={world['scratch_bytes']},nr_inodes={world['scratch_files']}"
    mount("tmpfs", spot(world["scratch"], folder=True), "tmpfs", NO_SETUID | NO_DEVICES, room)
    seal("/new", NO_DEVICES, recursive=False)
    checked(library.umount2(b"/old", DETACH), "leaving the old root")
    os.chdir("/new")
    pivot(".", ".")
    checked(library.umount2(b".", DETACH), "leaving the root that was built on")
    os.chdir("/")


def drop_capabilities() -> None:
    """Gives up every capability for good."""
    for capability in range(LAST_CAPABILITY + 1):
        if library.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), *(ctypes.c_ulong(0),) * 3) < 0:
            break
    prctl(PR_SET_NO_NEW_PRIVS, 1, "giving up new privileges")
    header = struct.pack("=Ii", CAPABILITY_VERSION, 0)
    checked(library.capset(header, bytes(24)), "dropping capabilities")


def first(told: Mapping[str, Any]) -> int:
    """The first process of the namespace; the exit status of the command, or 128 and its signal."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL, "tying to the parent")
    checked(library.sethostname(NAME, ctypes.c_size_t(len(NAME))), "naming the sandbox")
    build(told["world"])
    drop_capabilities()
    command = os.fork()
    if not command:
        os.setsid()
        for descriptor in told["keep"]:
            os.set_inheritable(descriptor, True)
        os.execve(told["command"][0], told["command"], {})
    for descriptor in told["keep"]:
        os.close(descriptor)
    return waited(command)


def waited(process: int) -> int:
    """Reaps until a process has ended; its exit status, or 128 and its signal."""
    while True:
        ended, status = os.wait()
        if ended == process:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def main() -> None:
    """Reads its order from the descriptor given as the first argument."""
    with open(int(sys.argv[1]), encoding="utf-8") as file:
        told = json.load(file)
    try:
        leave()
        inner = os.fork()
        if inner:
            for descriptor in told["keep"]:
                os.close(descriptor)
            os._exit(waited(inner))
        os._exit(first(told))
    except BaseException as error:
        os.write(2, f"{error}\n".encode(errors="replace"))
        os._exit(1)


if __name__ == "__main__":
    main()
