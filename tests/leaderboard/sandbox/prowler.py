"""Submitted code that tries whatever it can think of to get out of its sandbox, and says how each attempt ended.

The tests read this file as a text and run it in sandboxes; nothing imports it. Every function under `@attempt` is one
attempt. One that ends in an OSError was kept from it by the kernel; anything else that it got is named in the answer.
"""

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

TOLD = json.loads(sys.argv[1])
WITNESS, PARENT = TOLD["witness"], TOLD["parent"]
SCRATCH, READABLE = Path(TOLD["scratch"]), Path(TOLD["readable"])

library = ctypes.CDLL(None, use_errno=True)
library.syscall.restype = ctypes.c_long
x86 = os.uname().machine == "x86_64"
attempts = {}


def attempt(function):
    attempts[function.__name__] = function
    return function


def call(on_x86, on_arm, *arguments):
    """A bare system call."""
    result = library.syscall(ctypes.c_long(on_x86 if x86 else on_arm), *map(wide, arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def wide(argument):
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def changed(path, change):
    """What became of a file's attributes; an error where nothing did, whatever the call said."""
    before = os.stat(path)
    change(path)
    after = os.stat(path)
    if (before.st_mode, before.st_mtime) == (after.st_mode, after.st_mtime):
        raise OSError(errno.EPERM, "nothing changed")
    return oct(after.st_mode)


# Reading


@attempt
def read_a_file_outside():
    return Path(WITNESS).read_text()


@attempt
def list_the_folder_of_a_file_outside():
    return os.listdir(os.path.dirname(WITNESS))


@attempt
def ask_whether_a_file_outside_exists():
    return os.stat(WITNESS).st_size


@attempt
def read_through_a_symbolic_link():
    link = SCRATCH / "link"
    link.symlink_to(WITNESS)
    return link.read_text()


@attempt
def read_through_a_hard_link():
    os.link(WITNESS, SCRATCH / "hard")
    return (SCRATCH / "hard").read_text()


@attempt
def climb_from_a_readable_folder():
    folder = os.open(READABLE, os.O_RDONLY)
    return os.open("../" * 40 + WITNESS.lstrip("/"), os.O_RDONLY, dir_fd=folder)


@attempt
def climb_from_the_answer():
    return os.open("..", os.O_RDONLY, dir_fd=3)


@attempt
def read_the_answer_back():
    if not os.pread(3, 1, 0):
        raise OSError("nothing to read: the answer is a file in memory that this process alone has written")


@attempt
def read_the_users():
    return Path("/etc/passwd").read_text()


@attempt
def list_homes():
    return os.listdir("/home")


@attempt
def list_other_packages():
    return os.listdir(TOLD["packages"])


@attempt
def read_shared_memory():
    return Path(TOLD["shared"]).read_text()


@attempt
def read_the_disk():
    return os.open("/dev/block", os.O_RDONLY) + os.open("/dev/vda", os.O_RDONLY)


@attempt
def read_the_memory_of_the_machine():
    return os.open("/dev/mem", os.O_RDONLY)


@attempt
def read_the_messages_of_the_kernel():
    return os.open("/dev/kmsg", os.O_RDONLY)


@attempt
def open_the_terminal():
    return os.open("/dev/tty", os.O_RDWR)


@attempt
def make_a_terminal():
    return os.open("/dev/ptmx", os.O_RDWR)


@attempt
def read_kernel_settings():
    return os.listdir("/proc/sys")


@attempt
def list_control_groups():
    return os.listdir("/sys/fs/cgroup")


def _of_the_parent(name):
    def read():
        path = f"/proc/{PARENT}/{name}"
        with open(path, "rb") as file:
            return file.read(10)

    read.__name__ = "read_" + name.replace("/", "_").replace(".", "_") + "_of_the_parent"
    return attempt(read)


for entry in ("environ", "mem", "maps", "cmdline", "root/etc/hosts", "cwd/pyproject.toml"):
    _of_the_parent(entry)


@attempt
def list_descriptors_of_the_parent():
    return os.listdir(f"/proc/{PARENT}/fd")


@attempt
def read_through_the_root_of_the_first_process():
    return Path(f"/proc/1/root{WITNESS}").read_text()


@attempt
def read_the_environment_of_the_first_process():
    return Path("/proc/1/environ").read_text()


@attempt
def write_the_memory_of_the_first_process():
    return os.open("/proc/1/mem", os.O_RDWR)


# Writing


@attempt
def write_a_file_outside():
    return os.open(TOLD["written"], os.O_CREAT | os.O_WRONLY)


@attempt
def truncate_a_file_outside():
    return os.truncate(WITNESS, 0) or "truncated"


@attempt
def change_the_mode_of_a_file_outside():
    return changed(WITNESS, lambda path: os.chmod(path, 0o640))


@attempt
def change_the_times_of_a_file_outside():
    return changed(WITNESS, lambda path: os.utime(path, (1, 1)))


@attempt
def remove_a_file_outside():
    return os.unlink(WITNESS) or "removed"


@attempt
def write_into_a_readable_folder():
    return os.open(READABLE / "new", os.O_CREAT | os.O_WRONLY)


@attempt
def write_to_a_readable_file():
    return os.open(READABLE / "file", os.O_WRONLY)


@attempt
def change_the_mode_of_a_readable_file():
    return changed(READABLE / "file", lambda path: os.chmod(path, 0))


@attempt
def change_the_times_of_a_readable_file():
    return changed(READABLE / "file", lambda path: os.utime(path, (1, 1)))


@attempt
def remove_a_readable_file():
    return os.unlink(READABLE / "file") or "removed"


@attempt
def move_a_readable_file():
    return os.rename(READABLE / "file", READABLE / "moved") or "moved"


@attempt
def keep_a_readable_file_by_a_hard_link():
    return os.link(READABLE / "file", SCRATCH / "kept") or "linked"


@attempt
def make_a_folder_in_the_root():
    return os.mkdir("/new") or "made"


@attempt
def make_a_file_among_the_devices():
    return os.open("/dev/new", os.O_CREAT | os.O_WRONLY)


@attempt
def write_into_the_standard_library():
    return os.open(os.path.dirname(os.__file__) + "/new.py", os.O_CREAT | os.O_WRONLY)


@attempt
def make_a_device():
    return os.mknod(SCRATCH / "device", 0o600 | 0o020000, os.makedev(1, 1)) or "made"


@attempt
def change_the_mode_of_a_device():
    usual = os.stat("/dev/full").st_mode & 0o7777
    try:
        return changed("/dev/full", lambda path: os.chmod(path, usual ^ 0o1000))
    finally:
        os.chmod("/dev/full", usual)


@attempt
def change_the_times_of_a_device():
    usual = os.stat("/dev/full")
    try:
        return changed("/dev/full", lambda path: os.utime(path, (1, 1)))
    finally:
        os.utime("/dev/full", ns=(usual.st_atime_ns, usual.st_mtime_ns))


@attempt
def make_others_wait_for_a_file():
    import fcntl

    with open(READABLE / "file") as file:
        return fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK) or "taken"


@attempt
def be_told_what_others_do_in_a_folder():
    import fcntl

    return fcntl.fcntl(os.open(READABLE, os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS) or "told"


@attempt
def be_told_what_others_do_to_files():
    return call(294, 26, 0)


@attempt
def fill_the_memory_of_sockets():
    first, _second = socket.socketpair()
    return first.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20) or "grown"


@attempt
def make_the_answer_a_program_of_its_owner():
    return changed(3, lambda file: os.fchmod(file, 0o4755))


@attempt
def reserve_disk_beyond_the_end_of_the_answer():
    keep_size = 1
    return call(285, 47, 3, keep_size, 0, 1 << 22)


@attempt
def hang_an_attribute_on_the_answer():
    return os.setxattr(3, "user.note", b"note") or "hung"


@attempt
def clone_a_file_into_the_answer():
    import fcntl

    with open(READABLE / "file") as file:
        return fcntl.ioctl(3, 0x40049409, file.fileno())


# Reaching others


def _connected(family, kind, address):
    with socket.socket(family, kind) as link:
        link.settimeout(5)
        link.connect(address)
        return str(address)


@attempt
def connect_to_the_network():
    return _connected(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", TOLD["port"]))


@attempt
def connect_to_a_path():
    return _connected(socket.AF_UNIX, socket.SOCK_STREAM, TOLD["path"])


@attempt
def connect_to_an_abstract_name():
    return _connected(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + TOLD["name"])


@attempt
def send_through_a_pair_to_a_path():
    first, _second = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return first.sendto(b"out", TOLD["datagrams"])


@attempt
def look_up_a_name():
    return socket.getaddrinfo("example.org", 80)


@attempt
def send_a_datagram_away():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        return link.sendto(b"out", ("192.0.2.1", 53))


def _opened(name, family, kind=socket.SOCK_DGRAM, protocol=0):
    def connect():
        return socket.socket(family, kind, protocol).family

    connect.__name__ = f"open_a_socket_of_{name}"
    attempt(connect)


_opened("the_host_of_a_virtual_machine", 40, socket.SOCK_STREAM)
_opened("the_kernel", 16)
_opened("the_kernel_for_ciphers", 38, 5)
_opened("raw_packets", 17, socket.SOCK_RAW)
_opened("the_next_protocol", socket.AF_INET6, socket.SOCK_STREAM)


@attempt
def trace_the_parent():
    return call(101, 117, 16, PARENT, 0, 0)


@attempt
def trace_the_first_process():
    return call(101, 117, 16, 1, 0, 0)


@attempt
def read_the_memory_of_another_process():
    return call(310, 270, os.getppid(), None, 0, None, 0, 0)


@attempt
def take_a_descriptor_of_the_first_process():
    return call(438, 438, os.pidfd_open(1), 0, 0)


@attempt
def signal_the_parent():
    return os.kill(PARENT, 0) or "signalled"


@attempt
def compare_with_another_process():
    return call(312, 272, 1, os.getpid(), 0, 0, 0)


@attempt
def type_into_the_terminal():
    import fcntl

    return fcntl.ioctl(1, 0x5412, b"x")


# Starting processes


def _ended(child):
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return "a process"


@attempt
def fork():
    return _ended(os.fork())


@attempt
def spawn():
    return os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})


@attempt
def start_a_program():
    return subprocess.run([sys.executable, "-c", ""], check=False).returncode


@attempt
def clone():
    return _ended(call(56, 220, signal.SIGCHLD, 0, 0, 0, 0))


@attempt
def clone_by_the_newer_call():
    return _ended(call(435, 435, struct.pack("=11Q", 0, 0, 0, 0, signal.SIGCHLD, *[0] * 6), 88))


@attempt
def fork_by_the_older_call():
    return _ended(call(57, 1000, 0))


@attempt
def fork_by_a_call_of_the_other_kind():
    return _ended(call(0x40000039, 1000, 0))


# Changing the world


def _refused(name, on_x86, on_arm, *arguments):
    def function():
        return call(on_x86, on_arm, *arguments)

    function.__name__ = name
    attempt(function)


_text = ctypes.create_string_buffer(b"/tmp")
_page = ctypes.create_string_buffer(4096)
_refused("make_a_user_namespace", 272, 97, 0x10000000)
_refused("make_a_mount_namespace", 272, 97, 0x20000)
_refused("enter_a_namespace", 308, 268, 0, 0)
_refused("mount", 165, 40, _text, ctypes.create_string_buffer(bytes(str(SCRATCH), "utf-8")), _text, 0x1000, 0)
_refused("unmount", 166, 39, ctypes.create_string_buffer(bytes(str(SCRATCH), "utf-8")), 2)
_refused("change_the_root", 161, 51, ctypes.create_string_buffer(b"/"))
_refused("pivot_the_root", 155, 41, _text, _text)
_refused("copy_a_mount", 428, 428, -100, ctypes.create_string_buffer(b"/"), 1)
_refused("open_a_file_system", 430, 430, ctypes.create_string_buffer(b"proc"), 0)
_refused("change_a_mount", 442, 442, -100, ctypes.create_string_buffer(b"/"), 0, _page, 32)
_refused("open_by_handle", 304, 265, 3, _page, 0)
_refused("load_a_program_into_the_kernel", 321, 280, 5, _page, 128)
_refused("measure_the_machine", 298, 241, _page, 0, -1, -1, 0)
_refused("use_the_keyring", 250, 219, 0, -3, 1)
_refused("add_a_key", 248, 217, _text, _text, _page, 8, -3)
_refused("set_up_a_ring", 425, 425, 4, _page)
_refused("handle_page_faults", 323, 282, 1)
_refused("load_another_kernel", 246, 104, 0, 0, 0, 0)
_refused("load_a_module", 175, 105, _page, 0, _text)
_refused("reboot", 169, 142, 0xFEE1DEAD, 672274793, 0, 0)
_refused("set_the_clock", 227, 112, 0, _page)
_refused("name_the_machine", 170, 161, _text, 4)
_refused("lay_out_memory_anew", 135, 92, 0x0040000)
_refused("make_memory_without_a_name", 319, 279, _text, 0)
_refused("make_secret_memory", 447, 447, 0)
_refused("make_shared_memory", 29, 194, 0, 4096, 0o1600)
_refused("make_semaphores", 64, 190, 0, 32000, 0o1600)
_refused("make_a_message_queue", 68, 186, 0, 0o1600)
_refused("make_a_named_message_queue", 240, 180, ctypes.create_string_buffer(b"queue"), 0o102, 0o600, 0)
_refused("watch_file_systems", 300, 262, 0, 0)
_refused("call_what_is_not_yet_invented", 500, 500, 0)


# What jobs share though none can write it: what the kernel keeps about files, users and the machine


def _mapped():
    """The address of the first page of a readable file."""
    library.mmap.restype = ctypes.c_void_p
    readable, shared = 1, 1
    descriptor = os.open(READABLE / "file", os.O_RDONLY)
    return library.mmap(None, ctypes.c_size_t(4096), readable, shared, descriptor, ctypes.c_long(0))


@attempt
def ask_which_pages_of_a_file_are_in_memory():
    return call(27, 232, _mapped(), 4096, _page)


@attempt
def count_the_pages_of_a_file_in_memory():
    return call(451, 451, os.open(READABLE / "file", os.O_RDONLY), struct.pack("=QQ", 0, 0), _page, 0)


@attempt
def read_what_is_in_memory_only():
    flag = 8  # RWF_NOWAIT
    return os.preadv(os.open(READABLE / "file", os.O_RDONLY), [bytearray(4)], 0, flag)


@attempt
def count_faults_and_blocks():
    return resource.getrusage(resource.RUSAGE_SELF).ru_majflt


@attempt
def ask_for_the_load_and_memory_of_the_machine():
    return call(99, 179, _page)


@attempt
def read_the_memory_figures_of_the_machine():
    return Path("/proc/meminfo").read_text()


@attempt
def ask_how_full_a_disk_is():
    return os.statvfs(READABLE).f_bfree


@attempt
def ask_how_full_the_disk_of_the_answer_is():
    return os.statvfs(3).f_bfree


@attempt
def page_out_a_file():
    return call(28, 233, _mapped(), 4096, 21)


@attempt
def page_in_a_file():
    return call(28, 233, _mapped(), 4096, 22)


@attempt
def leave_a_hint_on_a_file():
    import fcntl

    with open(READABLE / "file") as file:
        return fcntl.fcntl(file, 1036, struct.pack("=Q", 3))


@attempt
def read_the_hint_on_a_file():
    import fcntl

    with open(READABLE / "file") as file:
        return fcntl.fcntl(file, 1035, struct.pack("=Q", 0))


@attempt
def ask_who_locks_a_file():
    import fcntl

    with open(READABLE / "file") as file:
        return fcntl.fcntl(file, fcntl.F_GETLK, struct.pack("=hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))


@attempt
def wake_who_waits_at_a_page_of_a_file():
    return call(202, 98, _mapped(), 1, 1, 0, 0, 0)


@attempt
def send_descriptors_that_count_for_the_user():
    first, _second = socket.socketpair()
    return socket.send_fds(first, [b"x"], [1])


@attempt
def ask_on_which_node_a_page_of_a_file_is():
    return call(239, 236, _page, None, 0, _mapped(), 3)


@attempt
def move_pages_to_a_node():
    return call(237, 235, _mapped(), 4096, 1, ctypes.byref(ctypes.c_ulong(1)), 8, 2)


@attempt
def take_huge_pages_of_the_machine():
    import mmap

    return mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)


@attempt
def share_equal_pages_with_others():
    return call(157, 167, 67, 1, 0, 0, 0)


@attempt
def grow_a_pipe_that_counts_for_the_user():
    import fcntl

    return fcntl.fcntl(os.pipe()[0], 1031, 1 << 18)


@attempt
def become_root():
    return os.setuid(0) or "root"


@attempt
def raise_the_limit_on_memory():
    return resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2) or "raised"


@attempt
def raise_the_limit_on_files():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return resource.setrlimit(resource.RLIMIT_NOFILE, (most + 1, most + 1)) or "raised"


@attempt
def have_core_dumped_into_a_program_of_the_host():
    return resource.setrlimit(resource.RLIMIT_CORE, (0, 1)) or "set"


def outcome(function):
    try:
        got = function()
    except OSError as error:
        return f"refused: {errno.errorcode.get(error.errno, error.errno)}"
    except ValueError as error:  # how Python words a refused limit
        return f"refused: {error}"
    return f"managed: {str(got)[:200]}"


if __name__ == "__main__":
    chosen = TOLD["only"] or list(attempts)
    text = json.dumps({name: outcome(attempts[name]) for name in chosen})
    os.write(3, text.encode())
