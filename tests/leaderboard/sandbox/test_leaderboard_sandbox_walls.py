"""Whatever submitted code tries, in either sandbox, the kernel refuses; where nothing is isolated, it succeeds."""

from __future__ import annotations

import json
import os
import re
import socket
import sysconfig
from contextlib import ExitStack
from pathlib import Path

import pytest

from mmr_leaderboard.sandbox.execution import STARTER
from mmr_leaderboard.sandbox.filesystem import interpreter_paths

PROWLER = (Path(__file__).parent / "prowler.py").read_text()
SECRET = "the outcomes of the test split"

ATTEMPTS = [
    *re.findall(r"^@attempt\ndef (\w+)", PROWLER, re.MULTILINE),
    *re.findall(r'^_refused\("(\w+)"', PROWLER, re.MULTILINE),
    *(f"open_a_socket_of_{name}" for name in re.findall(r'^_opened\("(\w+)"', PROWLER, re.MULTILINE)),
]

POSSIBLE_OUTSIDE = (
    "make_others_wait_for_a_file",
    "read_a_file_outside",
    "list_the_folder_of_a_file_outside",
    "ask_whether_a_file_outside_exists",
    "read_through_a_symbolic_link",
    "read_through_a_hard_link",
    "climb_from_a_readable_folder",
    "read_the_users",
    "read_shared_memory",
    "read_environ_of_the_parent",
    "list_descriptors_of_the_parent",
    "change_the_times_of_a_file_outside",
    "write_a_file_outside",
    "write_to_a_readable_file",
    "change_the_mode_of_a_file_outside",
    "change_the_mode_of_a_readable_file",
    "make_the_answer_a_program_of_its_owner",
    "reserve_disk_beyond_the_end_of_the_answer",
    "be_told_what_others_do_in_a_folder",
    "be_told_what_others_do_to_files",
    "fill_the_memory_of_sockets",
    "connect_to_the_network",
    "connect_to_a_path",
    "connect_to_an_abstract_name",
    "send_through_a_pair_to_a_path",
    "signal_the_parent",
    "fork",
    "spawn",
    "start_a_program",
    "clone",
    "make_memory_without_a_name",
    "make_shared_memory",
    "make_semaphores",
    "make_a_message_queue",
    "ask_which_pages_of_a_file_are_in_memory",
    "count_faults_and_blocks",
    "ask_for_the_load_and_memory_of_the_machine",
    "read_the_memory_figures_of_the_machine",
    "ask_how_full_a_disk_is",
    "ask_how_full_the_disk_of_the_answer_is",
    "page_out_a_file",
    "page_in_a_file",
    "leave_a_hint_on_a_file",
    "read_the_hint_on_a_file",
    "ask_who_locks_a_file",
    "wake_who_waits_at_a_page_of_a_file",
    "send_descriptors_that_count_for_the_user",
    "ask_on_which_node_a_page_of_a_file_is",
    "grow_a_pipe_that_counts_for_the_user",
)
"""What an ordinary process can do: if one of these fails outside, the attempt itself is wrong."""

NOT_BY_THE_FILTER = (
    "read_a_file_outside",
    "read_through_a_symbolic_link",
    "climb_from_a_readable_folder",
    "read_shared_memory",
    "read_environ_of_the_parent",
    "list_descriptors_of_the_parent",
    "read_through_the_root_of_the_first_process",
    "write_a_file_outside",
    "write_to_a_readable_file",
    "change_the_mode_of_a_readable_file",
    "change_the_times_of_a_readable_file",
    "write_into_the_standard_library",
    "make_a_device",
    "connect_to_the_network",
    "connect_to_a_path",
    "connect_to_an_abstract_name",
    "send_through_a_pair_to_a_path",
    "look_up_a_name",
    "send_a_datagram_away",
    "trace_the_parent",
    "signal_the_parent",
    "mount",
    "change_the_root",
    "load_a_module",
    "reboot",
    "set_the_clock",
    "become_root",
)
"""What namespaces, mounts and lost capabilities refuse even where no call is filtered."""


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory):
    """Everything that is to be kept from submitted code, and really there."""
    folder = tmp_path_factory.mktemp("outside")
    witness, readable = folder / "hidden" / "witness", folder / "readable"
    witness.parent.mkdir()
    witness.write_text(SECRET)
    readable.mkdir()
    (readable / "file").write_text("may be read")
    shared = Path("/dev/shm") / f"mmr-test-{os.getpid()}"
    shared.write_text(SECRET)
    with ExitStack() as stack:
        stack.callback(shared.unlink)
        network = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        name = f"mmr-test-{os.getpid()}"
        for address in (str(folder / "path"), "\0" + name):
            listening = stack.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind(address)
            listening.listen()
        datagrams = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        datagrams.bind(str(folder / "datagrams"))
        yield {
            "witness": str(witness),
            "readable": str(readable),
            "written": str(folder / "written"),
            "shared": str(shared),
            "packages": sysconfig.get_path("purelib"),
            "parent": os.getpid(),
            "port": network.getsockname()[1],
            "path": str(folder / "path"),
            "name": name,
            "datagrams": str(folder / "datagrams"),
            "only": [],
        }


def prowl(cell, surroundings, only=()):
    told = {**surroundings, "scratch": str(cell.scratch), "only": list(only)}
    ended = cell.run(PROWLER, json.dumps(told))
    assert ended.end == "done", ended.said
    return json.loads(cell.answer.read_text())


@pytest.fixture(scope="module", params=["bubblewrap", "landlock"])
def outcomes(request, make_cell, surroundings, tmp_path_factory):
    """How every attempt ended, all made by one process."""
    cell = make_cell(request.param, tmp_path_factory.mktemp("prowling"), (Path(surroundings["readable"]),))
    return prowl(cell, surroundings)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_kernel_refuses_to_let_submitted_code(attempt, outcomes):
    assert outcomes[attempt].startswith("refused"), outcomes[attempt]


def test_nothing_secret_is_in_what_submitted_code_got(outcomes):
    assert SECRET not in json.dumps(outcomes)


def test_every_attempt_that_is_made_is_judged(outcomes):
    parents = {name for name in outcomes if name.endswith("_of_the_parent")}
    assert len(parents) == 7
    assert set(outcomes) == set(ATTEMPTS) | parents
    assert all(outcomes[name].startswith("refused") for name in parents)


def test_what_lies_outside_is_as_it_was(outcomes, surroundings):
    witness = Path(surroundings["witness"])
    assert witness.read_text() == SECRET
    assert witness.stat().st_mode & 0o777
    assert os.listdir(surroundings["readable"]) == ["file"]
    assert not Path(surroundings["written"]).exists()


def test_the_attempts_succeed_where_nothing_is_isolated(make_cell, surroundings, tmp_path):
    cell = make_cell("unsafe", tmp_path / "cell")
    own = tmp_path / "readable"
    own.mkdir()
    (own / "file").write_text("may be read")
    (tmp_path / "witness").write_text(SECRET)
    told = {**surroundings, "readable": str(own), "written": str(own / "new"), "witness": str(tmp_path / "witness")}
    managed = prowl(cell, told, POSSIBLE_OUTSIDE)
    assert {name: how for name, how in managed.items() if how.startswith("refused")} == {}


def test_the_other_walls_stand_without_the_filter(cell, make_cell, surroundings, tmp_path, monkeypatch):
    monkeypatch.setattr("mmr_leaderboard.sandbox.methods.assembled", lambda machine: b"")
    bare = make_cell(cell.sandbox.method, tmp_path / "bare", (Path(surroundings["readable"]),))
    outcomes = prowl(bare, surroundings, NOT_BY_THE_FILTER)
    assert {name: how for name, how in outcomes.items() if not how.startswith("refused")} == {}


def test_a_readable_folder_can_be_read_at_its_own_path(cell, tmp_path, make_cell):
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "file").write_text("as it is")
    given = make_cell(cell.sandbox.method, tmp_path / "other", (folder,))
    ended = given.run(f"import os; os.write(3, open({str(folder / 'file')!r}, 'rb').read())")
    assert (ended.end, given.answer.read_text()) == ("done", "as it is")


def test_a_readable_file_leaves_its_neighbours_hidden(cell, tmp_path, make_cell):
    (tmp_path / "given").write_text("")
    (tmp_path / "hidden").write_text(SECRET)
    given = make_cell(cell.sandbox.method, tmp_path / "other", (tmp_path / "given",))
    ended = given.run(f"open({str(tmp_path / 'given')!r}).close(); open({str(tmp_path / 'hidden')!r})")
    assert ended.end == "raised"
    assert "FileNotFoundError" in ended.said


def test_a_link_in_a_readable_folder_leads_nowhere(cell, tmp_path, make_cell):
    folder = tmp_path / "given"
    folder.mkdir()
    (tmp_path / "hidden").write_text(SECRET)
    (folder / "link").symlink_to(tmp_path / "hidden")
    given = make_cell(cell.sandbox.method, tmp_path / "other", (folder,))
    assert "FileNotFoundError" in given.run(f"open({str(folder / 'link')!r})").said


def test_nothing_exists_but_what_is_readable_and_the_way_to_it(cell):
    program = """
import os
found = [os.path.join(folder, name) for folder, folders, files in os.walk("/") for name in folders + files]
os.write(3, chr(10).join(found).encode())
"""
    assert cell.run(program).end == "done"
    found = [Path(path) for path in cell.answer.read_text().splitlines()]
    readable = {path.resolve() for path in (*interpreter_paths(), STARTER)} | {cell.scratch}
    ways = {above for path in readable for above in path.parents}
    left = [path for path in found if path not in ways and not readable & {path, *path.parents}]
    devices = [path for path in left if path.is_relative_to("/dev")]
    assert {path.name for path in devices} <= {"dev", "null", "zero", "full", "random", "urandom", "shm"}
    hidden = {Path(sysconfig.get_path("stdlib")).resolve() / name for name in ("site-packages", "dist-packages")}
    links = {path for path in left if path.is_symlink()}
    ways_of_links = {above for link in links for above in link.parents}
    assert set(left) - set(devices) - links - ways_of_links - hidden == set()


def test_the_environment_holds_only_what_is_stated(cell, monkeypatch):
    monkeypatch.setenv("MMR_SECRET", SECRET)
    assert cell.run("import json, os; os.write(3, json.dumps(dict(os.environ)).encode())").end == "done"
    assert json.loads(cell.answer.read_text()) == {
        "PATH": "/usr/bin:/bin",
        "HOME": str(cell.scratch),
        "TMPDIR": str(cell.scratch),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }


def test_no_descriptor_is_inherited_but_the_answer(any_cell, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    held = os.open(tmp_path / "secret", os.O_RDONLY)
    os.set_inheritable(held, True)
    try:
        program = """
import os, stat
found = {}
for descriptor in range(1 << 12):
    try:
        found[descriptor] = stat.S_IFMT(os.fstat(descriptor).st_mode)
    except OSError:
        pass
os.write(3, repr(found).encode())
"""
        assert any_cell.run(program).end == "done"
    finally:
        os.close(held)
    device, pipe, file = 0o020000, 0o010000, 0o100000
    assert any_cell.answer.read_text() == repr({0: device, 1: pipe, 2: pipe, 3: file})


def test_it_starts_in_its_temporary_folder_which_is_empty_and_its_own(cell):
    program = "import os; assert os.listdir() == []; open('kept', 'w').close(); os.write(3, os.getcwd().encode())"
    assert cell.run(program).end == "done"
    assert cell.answer.read_text() == str(cell.scratch)
    assert os.listdir(cell.scratch) == []
    assert cell.run(program).end == "done"


def test_the_temporary_folder_can_lie_in_a_readable_one(cell, make_cell, tmp_path):
    given = make_cell(cell.sandbox.method, tmp_path / "job", (tmp_path / "job",))
    (given.folder / "query").write_text("a question")
    program = """
import sys
open("kept", "w").write(open(sys.argv[1]).read())
open(3, "w").write(open("kept").read())
"""
    ended = given.run(program, given.folder / "query")
    assert (ended.end, given.answer.read_text()) == ("done", "a question"), ended.said


def test_it_learns_neither_who_runs_it_nor_on_which_machine(cell):
    assert cell.run("import os, socket; open(3, 'w').write(f'{os.getuid()} {socket.gethostname()}')").end == "done"
    assert cell.answer.read_text() == "1000 sandbox"


def test_it_has_no_capabilities_and_cannot_gain_any(cell):
    program = """
import ctypes, os
library = ctypes.CDLL(None)
bounded = [library.prctl(23, each, 0, 0, 0) for each in range(41)]
header, sets = (ctypes.c_uint * 2)(0x20080522, 0), (ctypes.c_uint * 6)()
library.capget(header, sets)
os.write(3, repr([sum(bounded), list(sets), library.prctl(39, 0, 0, 0, 0), library.prctl(21, 0, 0, 0, 0)]).encode())
"""
    assert cell.run(program).end == "done"
    no_new_privileges, filtered = 1, 2
    assert cell.answer.read_text() == repr([0, [0] * 6, no_new_privileges, filtered])


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the other kind of calls is there on x86_64 only")
def test_a_call_of_a_32_bit_program_kills_it(cell):
    program = """
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")  # mov eax, 20 (getpid); int 0x80; ret
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
open(3, "w").write("it went on")
"""
    ended = cell.run(program)
    assert ended.end == "killed"
    assert cell.answer.read_text() == ""


def test_its_group_of_processes_is_one_of_the_sandbox(cell):
    assert cell.run("import os; os.write(3, f'{os.getpgid(0)} {os.getsid(0)}'.encode())").end == "done"
    group, session = map(int, cell.answer.read_text().split())
    of_the_world_outside = 0
    assert group == session != of_the_world_outside


def test_killing_everything_it_can_ends_only_itself(cell):
    program = """
import os, signal
for target in (1, -1, 0):
    try:
        os.kill(target, signal.SIGTERM if target == 0 else signal.SIGKILL)
    except OSError:
        pass
"""
    assert cell.run(program).end in ("done", "killed")
    assert cell.run("").end == "done"
