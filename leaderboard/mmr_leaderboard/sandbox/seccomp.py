"""The system-call filter of an isolated process, assembled as classic BPF.

Everything is allowed except what starts processes, reaches other processes, opens sockets, holds memory that no limit
counts, shows or changes what the kernel keeps about files that other jobs see too, or talks to parts of the kernel that
a router has no business with. Threads may be made. Numbers differ
between architectures, so each call has one per machine; a machine that is not in the table has no filter, and
isolation is refused there. `starter` installs the bytes.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Collection, Mapping

# Not pyseccomp: it needs libseccomp on the system, and Debian's 2.5.4 does not know five of the calls refused here.
MACHINES = ("x86_64", "aarch64")

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_LAST_KNOWN = 469
"""The newest call that was looked at (file_setattr of Linux 6.17); later ones, and all x32 calls, do not exist."""

_NOT_PERMITTED: Mapping[str, tuple[int | None, int | None]] = {
    # other processes
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # sockets; an unconnected one of any family could reach what no network namespace hides
    "socket": (41, 198),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "connect": (42, 203),
    "setsockopt": (54, 208),  # else a pair of sockets would hold as much as the machine lets any socket hold
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "statmount": (457, 457),
    "listmount": (458, 458),
    "unshare": (272, 97),
    "setns": (308, 268),
    # memory that neither the limit on address space nor the size of the scratch folder counts
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "io_setup": (206, 0),
    # pages that are lent to the kernel and back
    "splice": (275, 76),
    "vmsplice": (278, 75),
    "tee": (276, 77),
    # handles, attributes and watches of files
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "mknod": (133, None),
    "mknodat": (259, 33),
    # what the whole machine counts, other jobs included; faults and blocks read tell what of a file is in memory
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "sendmsg": (46, 211),  # descriptors on their way count against a limit of the user, whom all jobs share
    "sendmmsg": (307, 269),
    # the kernel's own business
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "personality": (135, 92),
    "lsm_set_self_attr": (460, 460),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    "ustat": (136, None),
    "sysfs": (139, None),
    "_sysctl": (156, None),
    "create_module": (174, None),
    "get_kernel_syms": (177, None),
    "query_module": (178, None),
}
"""Name to number on each of `MACHINES`; None where the machine has no such call. All answer EPERM."""

_NOT_SUPPORTED: Mapping[str, tuple[int, int]] = {
    # reserves disk beyond a file's end, which no limit counts; the C library then writes zeros instead
    "fallocate": (285, 47),
}

_NOT_THERE: Mapping[str, tuple[int, int]] = {
    # its flags lie in memory, where a filter cannot read them; the C library then takes clone
    "clone3": (435, 435),
    # these say what of a shared file is in memory, and on which node
    "mincore": (27, 232),
    "cachestat": (451, 451),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "get_mempolicy": (239, 236),
    # as futex, whose operations can be told apart
    "futex_waitv": (449, 449),
    "futex_wake": (454, 454),
    "futex_wait": (455, 455),
    "futex_requeue": (456, 456),
}

_PRETENDED: Mapping[str, tuple[int | None, int | None]] = {
    # The devices are those of the host, and where root runs this they are its own; nobody is in the sandbox from whom
    # a mode would protect anything, and much code sets modes and times after copying.
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    # these would hold up the whole machine
    "sync": (162, 81),
    "syncfs": (306, 267),
    # advice puts shared files into memory and out of it; locks on them are seen by other jobs, and nobody else is in
    # the sandbox from whom a lock would protect anything
    "fadvise64": (221, 223),
    "readahead": (187, 213),
    "flock": (73, 32),
}
"""Calls that are answered as if they had been done, and are not."""

_CLONE = (56, 220)
_SOCKETPAIR = (53, 199)
_IOCTL = (16, 29)
_FILE_CONTROL = (72, 25)
_FILE_QUESTIONS = {
    "F_DUPFD": 0,
    "F_GETFD": 1,
    "F_SETFD": 2,
    "F_GETFL": 3,
    "F_SETFL": 4,
    "F_SETOWN": 8,
    "F_GETOWN": 9,
    "F_DUPFD_CLOEXEC": 1030,
    "F_GETPIPE_SZ": 1032,
}
"""All that may be done by fcntl. Leases, watches, hints and locks are kept with the file, for all jobs."""
_FILE_LOCKS = {"F_SETLK": 6, "F_SETLKW": 7, "F_OFD_SETLK": 37, "F_OFD_SETLKW": 38}
"""Answered as if the lock had been taken."""
_ADVISE = (28, 233)
_ADVICE = {
    "MADV_NORMAL": 0,
    "MADV_RANDOM": 1,
    "MADV_SEQUENTIAL": 2,
    "MADV_DONTNEED": 4,
    "MADV_FREE": 8,
    "MADV_DONTFORK": 10,
    "MADV_DOFORK": 11,
    "MADV_HUGEPAGE": 14,
    "MADV_NOHUGEPAGE": 15,
    "MADV_DONTDUMP": 16,
    "MADV_DODUMP": 17,
    "MADV_WIPEONFORK": 18,
    "MADV_KEEPONFORK": 19,
}
"""Advice about the caller's own memory, which allocators give; other advice reaches the files behind a mapping."""
_WILL_NEED = 3  # answered as if it had been taken
_READ_MANY = (327, 286)
_WRITE_MANY = (328, 287)
"""Flags such as RWF_NOWAIT, which reads only what is in memory, are answered as by a file that does not know them."""
_MAP = (9, 222)
_HUGE_PAGES = 0x40000  # from a pool of the machine; answered as if it were empty
_PROCESS_CONTROL = (157, 167)
_MERGE_MEMORY = 67  # PR_SET_MEMORY_MERGE: makes one page of equal ones, of all processes
_FUTEX = (202, 98)
_FUTEX_WAIT, _FUTEX_WAIT_BITSET, _FUTEX_PRIVATE = 0, 9, 0x80
"""Threads are joined by a wait that is not private. Nobody is woken so: a page of a shared file would be a bell."""
_SET_LIMIT = (160, 164)
_SET_LIMIT_OF = (302, 261)
_CORE_LIMIT = 4  # stays at what makes the kernel dump nothing, neither to a file nor into a program of the host
_CLONE_THREAD = 0x00010000
_CLONE_NEW = 0x7E020000
_UNIX_FAMILY = 1
_STREAM_TYPE = 1
_TYPE_MASK = 0xF
_QUESTIONS = {
    "TCGETS": 0x5401,
    "TIOCGWINSZ": 0x5413,
    "FIONREAD": 0x541B,
    "FIONBIO": 0x5421,
    "FIONCLEX": 0x5450,
    "FIOCLEX": 0x5451,
}
"""All that a device or file can be asked by ioctl; to anything else it answers as if it did not understand."""

# struct seccomp_data {int nr; __u32 arch; __u64 instruction_pointer; __u64 args[6];}, little-endian on both machines
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_IF_EQUAL, _IF_AT_LEAST = 0x15, 0x35

_ALLOW = 0x7FFF0000
_KILL = 0x80000000

Instruction = tuple[int, int, int, int]


def _refuse(number: int) -> Instruction:
    return (_RETURN, 0, 0, 0x00050000 | number)


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _argument(index: int) -> Instruction:
    """The low half of an argument: the kernel reads the arguments that are looked at here as 32 bits."""
    return _load(_ARGUMENTS + 8 * index)


def _when(number: int | None, *then: Instruction) -> list[Instruction]:
    """Runs `then`, which has to return, for one call number; nothing where the machine has no such call."""
    return [] if number is None else [(_IF_EQUAL, 0, len(then), number), *then]


def _sort(index: int, *cases: tuple[Instruction, Collection[int]], otherwise: Instruction) -> list[Instruction]:
    """Returns the answer of the case that an argument is in."""
    values = [(value, place) for place, (_, found) in enumerate(cases) for value in found]
    tests = [(_IF_EQUAL, len(values) - at + place, 0, value) for at, (value, place) in enumerate(values)]
    return [_argument(index), *tests, otherwise, *(answer for answer, _ in cases)]


def instructions(machine: str) -> list[Instruction]:
    """The filter as (code, jump if true, jump if false, operand) rows.

    :raises KeyError: on a machine that is not one of `MACHINES`.
    """
    column = MACHINES.index(machine) if machine in MACHINES else None
    if column is None:
        raise KeyError(machine)
    allow, forbid = (_RETURN, 0, 0, _ALLOW), _refuse(errno.EPERM)
    program: list[Instruction] = [
        _load(_ARCHITECTURE),
        (_IF_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        _load(_NUMBER),
        (_IF_AT_LEAST, 0, 1, _LAST_KNOWN + 1),
        _refuse(errno.ENOSYS),
    ]
    program += _when(
        _CLONE[column],
        _argument(0),
        (_AND, 0, 0, _CLONE_THREAD | _CLONE_NEW),
        (_IF_EQUAL, 0, 1, _CLONE_THREAD),
        allow,
        forbid,
    )
    program += _when(
        _SOCKETPAIR[column],
        _argument(0),
        (_IF_EQUAL, 0, 4, _UNIX_FAMILY),
        _argument(1),  # a pair of datagram sockets can be connected anew, to a socket that lies outside
        (_AND, 0, 0, _TYPE_MASK),
        (_IF_EQUAL, 0, 1, _STREAM_TYPE),
        allow,
        forbid,
    )
    program += _when(
        _IOCTL[column],
        _argument(1),
        *((_IF_EQUAL, len(_QUESTIONS) - place, 0, question) for place, question in enumerate(_QUESTIONS.values())),
        _refuse(errno.ENOTTY),
        allow,
    )
    program += _when(_SET_LIMIT[column], _argument(0), (_IF_EQUAL, 1, 0, _CORE_LIMIT), allow, forbid)
    program += _when(
        _SET_LIMIT_OF[column],
        _argument(1),
        (_IF_EQUAL, 1, 0, _CORE_LIMIT),
        allow,
        _argument(2),  # the new limit; nowhere if the old one is only asked for
        (_IF_EQUAL, 0, 3, 0),
        _load(_ARGUMENTS + 8 * 2 + 4),
        (_IF_EQUAL, 0, 1, 0),
        allow,
        forbid,
    )
    pretend = _refuse(0)
    by_argument = (
        (_FILE_CONTROL, _sort(1, (allow, _FILE_QUESTIONS.values()), (pretend, _FILE_LOCKS.values()), otherwise=forbid)),
        (_ADVISE, _sort(2, (allow, _ADVICE.values()), (pretend, [_WILL_NEED]), otherwise=_refuse(errno.EINVAL))),
        (_READ_MANY, _sort(5, (allow, [0]), otherwise=_refuse(errno.EOPNOTSUPP))),
        (_WRITE_MANY, _sort(5, (allow, [0]), otherwise=_refuse(errno.EOPNOTSUPP))),
        (_PROCESS_CONTROL, _sort(0, (_refuse(errno.EINVAL), [_MERGE_MEMORY]), otherwise=allow)),
    )
    for numbers, then in by_argument:
        program += _when(numbers[column], *then)
    program += _when(
        _MAP[column],
        _argument(3),
        (_AND, 0, 0, _HUGE_PAGES),
        (_IF_EQUAL, 1, 0, _HUGE_PAGES),
        allow,
        _refuse(errno.ENOMEM),
    )
    program += _when(
        _FUTEX[column],
        _argument(1),
        (_AND, 0, 0, 0xFF),
        (_IF_EQUAL, 4, 0, _FUTEX_WAIT),
        (_IF_EQUAL, 3, 0, _FUTEX_WAIT_BITSET),
        (_AND, 0, 0, _FUTEX_PRIVATE),
        (_IF_EQUAL, 1, 0, _FUTEX_PRIVATE),
        _refuse(errno.ENOSYS),
        allow,
    )
    tables = (
        (_PRETENDED, 0),
        (_NOT_THERE, errno.ENOSYS),
        (_NOT_SUPPORTED, errno.EOPNOTSUPP),
        (_NOT_PERMITTED, errno.EPERM),
    )
    for table, answer in tables:
        for each in table.values():
            program += _when(each[column], _refuse(answer))
    return [*program, allow]


def assembled(machine: str) -> bytes:
    """The filter as the kernel takes it: an array of `struct sock_filter`, 8 bytes each.

    :raises KeyError: on a machine that is not one of `MACHINES`.
    """
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions(machine))
