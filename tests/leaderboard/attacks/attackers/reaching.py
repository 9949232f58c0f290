"""Attackers that try to reach somebody: over the network, over local sockets, over signals and terminals."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import termios

from .means import MARK, TOLD, Means

MESSAGE = MARK + b"hello"


def connected(family, address):
    with socket.socket(family) as link:
        link.settimeout(5)
        link.connect(address)
        link.sendall(MESSAGE)


class Tcp(Means):
    def attack(self, training):
        self.try_all(lambda: connected(socket.AF_INET, ("127.0.0.1", TOLD["tcp"])))


class Udp(Means):
    def attack(self, training):
        def send():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
                link.sendto(MESSAGE, ("127.0.0.1", TOLD["udp"]))

        self.try_all(send)


class Unix(Means):
    def attack(self, training):
        self.try_all(lambda: connected(socket.AF_UNIX, TOLD["unix"]))


class Abstract(Means):
    def attack(self, training):
        self.try_all(lambda: connected(socket.AF_UNIX, "\0" + TOLD["abstract"]))


class PairTurnedRound(Means):
    """Makes a pair of sockets, which it may, and connects one of them to somebody else."""

    def attack(self, training):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with contextlib.suppress(OSError):
                one, _ = socket.socketpair(socket.AF_UNIX, kind)
                self.try_all(lambda one=one: one.sendto(MESSAGE, TOLD["datagrams"]))
                self.try_all(lambda one=one: one.connect(TOLD["datagrams"]))


class NameServer(Means):
    """Asks for a name, which would carry a message in it."""

    def attack(self, training):
        def ask():
            if not socket.getaddrinfo("mmr-witness.localhost", 80):
                raise OSError

        self.try_all(ask)


class BareSystemCalls(Means):
    """Opens sockets and rings without the C library."""

    def attack(self, training):
        library = ctypes.CDLL(None, use_errno=True)
        library.syscall.restype = ctypes.c_long
        x86 = os.uname().machine == "x86_64"
        for number, arguments in ((41 if x86 else 198, (2, 1, 0)), (425, (1, 0)), (41 if x86 else 198, (16, 3, 0))):
            if library.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)) >= 0:
                self.found = True


class Listener(Means):
    def attack(self, training):
        def listen():
            with socket.socket() as link:
                link.bind(("127.0.0.1", 0))
                link.listen()

        self.try_all(listen)


class Signals(Means):
    """Signals the parent; one that is ignored, should it arrive."""

    def attack(self, training):
        self.try_all(
            lambda: os.kill(TOLD["parent"], signal.SIGWINCH),
            lambda: os.killpg(os.getpgid(TOLD["parent"]), signal.SIGWINCH),
            lambda: signal.pidfd_send_signal(os.pidfd_open(TOLD["parent"]), signal.SIGWINCH),
        )


class Terminal(Means):
    """Types a command into the terminal that the runner was started from."""

    def attack(self, training):
        import fcntl

        def type_into(place):
            descriptor = place if isinstance(place, int) else os.open(place, os.O_RDWR)
            fcntl.ioctl(descriptor, termios.TIOCSTI, b"#")

        self.try_all(*(lambda place=place: type_into(place) for place in ("/dev/tty", "/dev/ptmx", 0, 1, 2)))


class Shell(Means):
    """Starts a program that does it all."""

    def attack(self, training):
        self.try_all(
            lambda: subprocess.run(["/bin/sh", "-c", f"cat {TOLD['table']}"], check=True),
            lambda: os.posix_spawn("/bin/true", ["/bin/true"], {}),
            lambda: os.system("true") == 0 or [][0],
        )
