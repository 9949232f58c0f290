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
