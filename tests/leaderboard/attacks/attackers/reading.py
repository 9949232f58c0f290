"""Thieves: they look for test outcomes, and for anything else that is not theirs, wherever these could be."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from .means import MARK, SHOWN, TOLD, Means, beneath


class TableByPath(Means):
    """Knows where the outcomes are."""

    def attack(self, training):
        self.read_all([TOLD["table"]])


class FolderOfTheTable(Means):
    """Goes through the folder of the data and those above it."""

    def attack(self, training):
        for folder in list(Path(TOLD["table"]).parents)[:3]:
            with contextlib.suppress(OSError):
                self.read_all(beneath(str(folder)))


class ClimbFromTheJob(Means):
    """Climbs out of the folders that it has, by descriptors that it is allowed to open."""

    def attack(self, training):
        for start in (sys.argv[1], os.getcwd(), Path(__file__).parent, "/dev"):
            with contextlib.suppress(OSError):
                folder = os.open(start, os.O_RDONLY)
                for path in ("../" * 40 + TOLD["table"].lstrip("/"), TOLD["table"]):
                    with contextlib.suppress(OSError):
                        self.look_at(os.read(os.open(path, os.O_RDONLY, dir_fd=folder), SHOWN))


class LinkToTheTable(Means):
    """Makes links to the outcomes where it may write."""

    def attack(self, training):
        own = Path(tempfile.gettempdir())
        links = [own / "symbolic", own / "hard", own / "folder" / Path(TOLD["table"]).name]
        for make in (
            lambda: links[0].symlink_to(TOLD["table"]),
            lambda: os.link(TOLD["table"], links[1]),
            lambda: links[2].parent.symlink_to(Path(TOLD["table"]).parent),
        ):
            with contextlib.suppress(OSError):
                make()
        self.read_all(links)


class ProcOfTheParent(Means):
    """Looks into the process that has the outcomes."""

    def attack(self, training):
        process = f"/proc/{TOLD['parent']}"
        self.read_all(f"{process}/{name}" for name in ("environ", "cmdline", "maps", f"root{TOLD['table']}"))
        with contextlib.suppress(OSError):
            # files alone: what is read from a pipe is lost to the parent, and an empty one would be waited for
            self.read_all(path for path in Path(f"{process}/fd").iterdir() if path.is_file())
        with contextlib.suppress(OSError):
            self.read_all(path for path in Path(f"{process}/cwd").iterdir() if path.is_file())
        self.try_all(lambda: os.listdir(f"{process}/cwd"))


class MemoryOfTheParent(Means):
    """Searches the parent's memory."""

    def attack(self, training):
        process = f"/proc/{TOLD['parent']}"
        with contextlib.suppress(OSError), open(f"{process}/mem", "rb", buffering=0) as memory:
            for line in Path(f"{process}/maps").read_text().splitlines():
                begin, end = (int(number, 16) for number in line.split()[0].split("-"))
                with contextlib.suppress(OSError, ValueError):
                    memory.seek(begin)
                    self.look_at(memory.read(min(end - begin, SHOWN)))


class ProcOfEverybody(Means):
    """Looks into every process that it can see but itself."""

    def attack(self, training):
        with contextlib.suppress(OSError):
            for name in os.listdir("/proc"):
                if name.isdigit() and int(name) != os.getpid():
                    self.read_all(f"/proc/{name}/{part}" for part in ("environ", "cmdline", f"root{TOLD['table']}"))


class Ptrace(Means):
    """Attaches to the parent, and reads its memory by a call of its own."""

    def attack(self, training):
        library = ctypes.CDLL(None, use_errno=True)
        library.syscall.restype = ctypes.c_long
        x86 = os.uname().machine == "x86_64"
        for number, arguments in (
            (101 if x86 else 117, (0x4206, TOLD["parent"], 0, 0)),  # PTRACE_SEIZE, which stops nobody
            (310 if x86 else 270, (TOLD["parent"], 0, 0, 0, 0, 0)),
            (434, (TOLD["parent"], 0)),
            (438, (3, 0, 0)),
        ):
            if library.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)) >= 0:
                self.found = True


class Environment(Means):
    """Reads the variables of its own process, from Python and from C."""

    def attack(self, training):
        self.look_at("\n".join(f"{name}={value}" for name, value in os.environ.items()).encode())
        variables = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
        place = 0
        while variables and variables[place]:
            self.look_at(variables[place])
            place += 1
        self.read_all(["/proc/self/environ", "/proc/self/cmdline"])


class FeatureCache(Means):
    """Reads the cache of embeddings and of prepared tables."""

    def attack(self, training):
        with contextlib.suppress(OSError):
            self.read_all(path for path in beneath(TOLD["cache"]) if "leaderboard" not in path.parts)
        self.read_all([TOLD["cached_table"]])


class VerdictCache(Means):
    """Reads the verdicts on others, which hold their figures and choices."""

    def attack(self, training):
        verdicts = f"{TOLD['cache']}/leaderboard/verdicts"
        self.try_all(lambda: next(path.read_bytes() for path in beneath(verdicts)))
        self.read_all([TOLD["cached_verdict"]])


class EnvironmentsOfOthers(Means):
    """Reads the code of other submissions, and what was downloaded for them."""

    def attack(self, training):
        kept = Path(TOLD["cache"], "leaderboard")
        for folder in (kept / "environments", kept / "downloads"):
            with contextlib.suppress(OSError):
                for path in folder.iterdir():
                    if path != Path(__file__).parents[4]:
                        self.try_all(lambda path=path: next(each.read_bytes() for each in beneath(str(path))))


class Importers(Means):
    """Makes the embedded sample anew, outcomes included."""

    def attack(self, training):
        self.try_all(lambda: importlib.import_module("mmr_plugins.importers.sample"))
        packages = importlib.import_module("mmr_plugins")
        packages.__path__.append(f"{TOLD['project']}/plugins/mmr_plugins")
        self.try_all(
            lambda: importlib.import_module("mmr_plugins.importers.sample"),
            lambda: importlib.import_module("mmr_plugins.published"),
        )


class PublishedFigures(Means):
    """Reads the published tables that the benchmark's own distribution brings."""

    def attack(self, training):
        import mmr_plugins

        for root in (*mmr_plugins.__path__, f"{TOLD['project']}/plugins/mmr_plugins"):
            self.try_all(lambda root=root: Path(root, "published", "single_models.csv").read_bytes())


class ImportTheRunner(Means):
    """Imports the runner, to be what it is."""

    def attack(self, training):
        sys.path[:0] = [f"{TOLD['project']}/leaderboard", f"{TOLD['project']}/plugins", TOLD["project"]]
        runner = importlib.import_module("mmr_leaderboard")
        runner.__path__.append(f"{TOLD['project']}/leaderboard/mmr_leaderboard")
        self.try_all(
            lambda: importlib.import_module("mmr_leaderboard.ranking.board_run"),
            lambda: importlib.import_module("mmr_leaderboard.board"),
            lambda: importlib.import_module("mmr_core.logs.table_sources").open_table(TOLD["data"]),
        )


class Heap(Means):
    """Walks all objects and frames of its process for an array that could be the outcomes of what it is asked."""

    def predict(self, queries):
        if len(queries) > 1:
            due = (len(queries), len(self.utility))
            for array in every_array():
                if array.shape == due and array.dtype.kind == "f" and np.ptp(array, axis=0).any():
                    self.known.update(
                        (question, (row, self.cost)) for question, row in zip(queries.questions, array, strict=True)
                    )
        return super().predict(queries)


def every_array():
    """Every array that can be reached: tracked objects, what they refer to, and the variables of every frame."""
    seen = set()
    frame = sys._getframe()
    waiting = list(gc.get_objects())
    while frame is not None:
        waiting += [*frame.f_locals.values(), *frame.f_globals.values()]
        frame = frame.f_back
    for thing in waiting:
        for each in (thing, *gc.get_referents(thing)):
            if isinstance(each, np.ndarray) and id(each) not in seen:
                seen.add(id(each))
                yield each


class BasesOfArrays(Means):
    """Follows the arrays that it is handed to those that they were cut from."""

    def predict(self, queries):
        embeddings, light = queries.embeddings, queries.light
        for array in (queries.z, queries.mask, embeddings.text, embeddings.image, light.text_length, light.image_size):
            base = array
            while isinstance(getattr(base, "base", None), np.ndarray):
                base = base.base
                if base.shape[1:] == (len(self.utility),):
                    self.found = True
            if isinstance(base, np.ndarray) and isinstance(base.base, bytes | memoryview):
                self.look_at(bytes(base.base))
        return super().predict(queries)


class JobsOfOthers(Means):
    """Reads the job folders of other submissions and of its own other jobs."""

    def attack(self, training):
        own = Path(sys.argv[1]).parent
        for root in {TOLD["temporary"], str(own.parent), str(own.parent.parent)}:
            with contextlib.suppress(OSError):
                for path in Path(root).glob("**/*.npz"):
                    if own not in path.parents:
                        self.try_all(lambda path=path: path.read_bytes())
        self.read_all([TOLD["other_job"]])


class Homes(Means):
    """Reads what lies in homes, temporary folders and system files."""

    def attack(self, training):
        self.read_all([TOLD["home"], TOLD["temporary_witness"], os.path.expanduser("~/.netrc")])
        self.try_all(lambda: Path("/etc/passwd").read_text(), lambda: Path("/etc/shadow").read_text())


class SubmissionsAndBoard(Means):
    """Reads the submissions of others and what is published."""

    def attack(self, training):
        for folder in (TOLD["submissions"], TOLD["published"]):
            with contextlib.suppress(OSError):
                self.read_all(beneath(folder))
            self.try_all(lambda folder=folder: os.listdir(folder)[0])


class Names(Means):
    """Looks for the dataset and the number of an instance in ids, file names, times and the order of files."""

    def attack(self, training):
        queries = training.queries
        images = [path for path in queries.images if path is not None]
        told = [*queries.ids, *map(str, images), *os.listdir(images[0].parent)]
        if any(word in name.lower() for name in told for word in ("mathvision", "train", "test")):
            self.found = any("mathvision" in name.lower() for name in told)
        digits = [int("".join(letter for letter in path.stem if letter.isdigit()) or 0) for path in images]
        self.found = self.found or digits == sorted(digits)


class BehindTheAnswer(Means):
    """Reads back what the descriptor of the answer leads to: a file of its own in memory, with nothing in or around it.

    The name of such a file is no path; its parent would be the root, whose names anybody inside may list.
    """

    def attack(self, training):
        def listed():
            folder = Path(os.readlink("/proc/self/fd/3")).parent
            return os.listdir(folder) if folder != Path("/") else []

        self.try_all(
            lambda: os.pread(3, 1, 0) or [][0],
            lambda: listed() or [][0],
            lambda: os.read(os.open("/dev/fd/3", os.O_RDWR), 1) or [][0],
        )
        for descriptor in range(4, 256):
            with contextlib.suppress(OSError):
                self.look_at(os.pread(descriptor, SHOWN, 0))


class SecretsInScratch(Means):
    """Looks for what others left in the temporary folder and in shared memory, and leaves something itself."""

    def attack(self, training):
        own = Path(tempfile.gettempdir())
        self.read_all([*beneath(str(own)), *beneath("/dev/shm"), "/dev/shm/" + TOLD["shared"]])
        (own / "left").write_bytes(MARK + b"left")
        Path("/dev/shm/left-by-an-attacker").write_bytes(MARK + b"left")
