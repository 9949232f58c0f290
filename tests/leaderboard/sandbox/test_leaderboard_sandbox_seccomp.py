"""The system-call filter, run by a small interpreter of its own: what it answers to every call of interest."""

from __future__ import annotations

import errno
import os
import re
import struct
from pathlib import Path

import pytest

from mmr_leaderboard.sandbox import seccomp
from mmr_leaderboard.sandbox.seccomp import MACHINES, assembled, instructions

ALLOWED, PRETENDED, KILLED = "allowed", "pretended", "killed"
CLONE_THREAD_FLAGS = 0x3D0F00  # what the C library makes threads with
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
SINGLE = {
    "clone": seccomp._CLONE,
    "socketpair": seccomp._SOCKETPAIR,
    "ioctl": seccomp._IOCTL,
    "fcntl": seccomp._FILE_CONTROL,
    "setrlimit": seccomp._SET_LIMIT,
    "prlimit64": seccomp._SET_LIMIT_OF,
    "madvise": seccomp._ADVISE,
    "preadv2": seccomp._READ_MANY,
    "pwritev2": seccomp._WRITE_MANY,
    "mmap": seccomp._MAP,
    "prctl": seccomp._PROCESS_CONTROL,
    "futex": seccomp._FUTEX,
}


def answer(machine, number, *arguments, architecture=None):
    """What the filter makes of a call, by the rules of classic BPF."""
    given = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("<iIQ6Q", number, architecture or seccomp._AUDIT_ARCH[machine], 0, *given)
    program, place, held = instructions(machine), 0, 0
    while True:
        code, if_true, if_false, operand = program[place]
        place += 1
        if code == 0x20:  # load a word
            (held,) = struct.unpack_from("<I", data, operand)
        elif code == 0x54:  # and
            held &= operand
        elif code == 0x15:  # jump if equal
            place += if_true if held == operand else if_false
        elif code == 0x35:  # jump if greater or equal
            place += if_true if held >= operand else if_false
        else:
            assert code == 0x06, code  # return
            return verdict(operand)


def verdict(operand):
    kind, number = operand & 0xFFFF0000, operand & 0xFFFF
    if kind == 0x7FFF0000:
        return ALLOWED
    if kind == 0x80000000:
        return KILLED
    assert kind == 0x00050000
    return errno.errorcode[number] if number else PRETENDED


@pytest.fixture(params=MACHINES)
def machine(request):
    return request.param


def numbered(machine, x86_64, aarch64):
    return x86_64 if machine == "x86_64" else aarch64


@pytest.mark.parametrize("table", ["_NOT_PERMITTED", "_NOT_SUPPORTED", "_NOT_THERE", "_PRETENDED"])
def test_every_call_of_a_table_gets_the_answer_of_that_table(machine, table):
    expected = {
        "_NOT_PERMITTED": "EPERM",
        "_NOT_SUPPORTED": errno.errorcode[errno.EOPNOTSUPP],
        "_NOT_THERE": "ENOSYS",
        "_PRETENDED": PRETENDED,
    }[table]
    numbers = {name: numbers[MACHINES.index(machine)] for name, numbers in getattr(seccomp, table).items()}
    answers = {name: answer(machine, number) for name, number in numbers.items() if number is not None}
    assert answers == dict.fromkeys(answers, expected)


def test_ordinary_calls_are_allowed(machine):
    read, write, mapping, execute = numbered(machine, (0, 1, 9, 59), (63, 64, 222, 221))
    assert {answer(machine, number) for number in (read, write, mapping, execute)} == {ALLOWED}


def test_threads_are_made_and_processes_are_not(machine):
    clone = numbered(machine, 56, 220)
    assert answer(machine, clone, CLONE_THREAD_FLAGS) == ALLOWED
    assert answer(machine, clone, 17) == "EPERM"
    assert answer(machine, clone, 0x4111) == "EPERM"


@pytest.mark.parametrize("kind", [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000])
def test_no_thread_is_made_in_a_new_namespace(machine, kind):
    assert answer(machine, numbered(machine, 56, 220), CLONE_THREAD_FLAGS | kind) == "EPERM"


def test_pairs_of_streams_are_allowed_and_other_pairs_are_not(machine):
    pair, unix, network, close_on_exec = numbered(machine, 53, 199), 1, 2, 0o2000000
    assert answer(machine, pair, unix, 1 | close_on_exec) == ALLOWED
    assert answer(machine, pair, unix, 2) == "EPERM"
    assert answer(machine, pair, network, 1) == "EPERM"


def test_devices_answer_questions_and_take_no_orders(machine):
    control = numbered(machine, 16, 29)
    assert answer(machine, control, 0, 0x5401) == ALLOWED
    assert answer(machine, control, 0, 0x5451) == ALLOWED
    assert answer(machine, control, 0, 0x5412) == "ENOTTY"
    assert answer(machine, control, 0, 0x5412 | 1 << 32) == "ENOTTY"


def test_nobody_is_made_to_wait_by_a_lease_or_watched(machine):
    control = numbered(machine, 72, 25)
    duplicate, lease, notify = 0, 1024, 1026
    assert answer(machine, control, 3, duplicate) == ALLOWED
    assert answer(machine, control, 3, lease) == "EPERM"
    assert answer(machine, control, 3, notify) == "EPERM"


def test_files_are_neither_hinted_at_nor_asked_who_locks_them(machine):
    control = numbered(machine, 72, 25)
    for command in (5, 36, 1031, 1035, 1036, 1037, 1038):  # locks held, size of a pipe, hints
        assert answer(machine, control, 3, command) == "EPERM"
    for command in (6, 7, 37, 38):
        assert answer(machine, control, 3, command) == PRETENDED
    for command in (1, 2, 3, 4, 1030):
        assert answer(machine, control, 3, command) == ALLOWED


def test_memory_of_its_own_is_advised_on_and_files_are_not(machine):
    advise = numbered(machine, 28, 233)
    dont_need, free, huge, will_need = 4, 8, 14, 3
    for advice in (dont_need, free, huge):
        assert answer(machine, advise, 0, 4096, advice) == ALLOWED
    assert answer(machine, advise, 0, 4096, will_need) == PRETENDED
    for advice in (9, 12, 20, 21, 22, 23, 25):  # remove, merge, cold, page out, populate, collapse
        assert answer(machine, advise, 0, 4096, advice) == "EINVAL"


def test_many_buffers_are_read_without_flags_alone(machine):
    unsupported = errno.errorcode[errno.EOPNOTSUPP]
    for call in (numbered(machine, 327, 286), numbered(machine, 328, 287)):
        assert answer(machine, call, 3, 0, 1, 0, 0, 0) == ALLOWED
        for flag in (1, 8, 0x80):
            assert answer(machine, call, 3, 0, 1, 0, 0, flag) == unsupported


def test_no_page_comes_from_the_pool_of_the_machine(machine):
    mapping, private, huge = numbered(machine, 9, 222), 0x22, 0x40000
    assert answer(machine, mapping, 0, 4096, 3, private) == ALLOWED
    assert answer(machine, mapping, 0, 4096, 3, private | huge) == "ENOMEM"


def test_pages_are_not_merged_with_those_of_others(machine):
    control, name, merge = numbered(machine, 157, 167), 15, 67
    assert answer(machine, control, name) == ALLOWED
    assert answer(machine, control, merge, 1) == "EINVAL"


def test_threads_wait_for_one_another_and_wake_nobody_else(machine):
    futex, private, clock = numbered(machine, 202, 98), 128, 256
    wait, wake, requeue, wait_bitset, wake_bitset = 0, 1, 3, 9, 10
    for operation in (wait, wait_bitset, wait_bitset | clock, *(each | private for each in (wait, wake, requeue))):
        assert answer(machine, futex, 0, operation) == ALLOWED
    for operation in (wake, requeue, 4, 5, 6, 7, wake_bitset):
        assert answer(machine, futex, 0, operation) == "ENOSYS"


def test_the_limit_on_core_dumps_can_be_read_and_not_set(machine):
    old, new = numbered(machine, (160, 302), (164, 261))
    core, files, somewhere = 4, 7, 0x7FFF00000000
    assert answer(machine, old, core, somewhere) == "EPERM"
    assert answer(machine, old, files, somewhere) == ALLOWED
    assert answer(machine, new, 0, core, 0, somewhere) == ALLOWED
    assert answer(machine, new, 0, core, somewhere, 0) == "EPERM"
    assert answer(machine, new, 0, core, 16, 0) == "EPERM"
    assert answer(machine, new, 0, files, somewhere, 0) == ALLOWED


def test_calls_that_are_not_known_do_not_exist(machine):
    assert answer(machine, seccomp._LAST_KNOWN + 1) == "ENOSYS"
    assert answer(machine, 0x40000000) == "ENOSYS"
    assert answer(machine, -1) == "ENOSYS"


def test_calls_of_another_architecture_kill(machine):
    assert answer(machine, 1, architecture=0x40000003) == KILLED


def test_no_number_has_two_meanings(machine):
    column = MACHINES.index(machine)
    tables = (seccomp._NOT_PERMITTED, seccomp._NOT_SUPPORTED, seccomp._NOT_THERE, seccomp._PRETENDED)
    numbers = [numbers[column] for table in tables for numbers in table.values()]
    numbers += [numbers[column] for numbers in SINGLE.values()]
    there = [number for number in numbers if number is not None]
    assert len(there) == len(set(there))


def test_the_numbers_are_those_of_the_kernel_headers(machine):
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip(f"there is no {header}")
    known = {
        name: int(number)
        for name, number in re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text(), re.MULTILINE)
    }
    column = MACHINES.index(machine)
    every = {**seccomp._NOT_PERMITTED, **seccomp._NOT_SUPPORTED, **seccomp._NOT_THERE, **seccomp._PRETENDED, **SINGLE}
    stated = {name: numbers[column] for name, numbers in every.items() if name in known}
    assert len(stated) > 80
    assert stated == {name: known[name] for name in stated}


def test_no_jump_leaves_the_program_and_it_ends_by_allowing(machine):
    program = instructions(machine)
    for place, (code, if_true, if_false, _) in enumerate(program):
        assert code == 0x06 or place + 1 + max(if_true, if_false) < len(program)
        assert max(if_true, if_false) < 256
    assert verdict(program[-1][3]) == ALLOWED
    assert len(assembled(machine)) == 8 * len(program) < 8 * 4096


def test_a_machine_without_a_table_has_no_filter():
    with pytest.raises(KeyError):
        assembled("riscv64")


def test_the_table_is_there_for_the_machine_that_this_runs_on():
    assert os.uname().machine in MACHINES
