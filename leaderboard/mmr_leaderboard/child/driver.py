"""The first file that runs inside the isolation: sets the module path, does the job, writes the answer, ends.

Whatever a plugin does, the process ends here by `os._exit`, so that no exit hook and no running thread can hold it.
The exit status says how it went; the last line on standard error says why.
"""

from __future__ import annotations

import errno
import io
import json
import os
import sys
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

DONE = 0
OUT_OF_MEMORY = 91
RAISED = 92
NOT_AVAILABLE = 93
NO_PREDICTION = 94
NO_DECISION = 95
NOT_STARTED = 96
"""The engine itself cannot be imported, such as for want of a shared library; submitted code has not run yet."""

ANSWER = 3
"""The file descriptor that the answer is written to."""

_REASON_BYTES = 2000

# Kept before any plugin is imported: what a plugin does to the module `os` must not reach them.
_write = os.write
_exit = os._exit


def main(folder: str) -> int:
    """Does the job in a folder, writes the answer, and gives the exit status."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"
    with open(os.path.join(folder, "job.json"), encoding="utf-8") as file:
        path = json.load(file)["path"]
    sys.path[:] = path

    try:
        from mmr_leaderboard.child.inference import BadAnswer, NotAvailable, run_job
    except BaseException as error:
        return _say(NOT_STARTED, _reason(error))

    try:
        content = archive(run_job(folder))
        _write_all(content)
    except MemoryError:
        return _say(OUT_OF_MEMORY, "MemoryError: out of memory")
    except NotAvailable as error:
        return _say(NOT_AVAILABLE, _reason(error.args[0]))
    except BadAnswer as error:
        return _say(NO_DECISION if error.about_decisions else NO_PREDICTION, str(error))
    except BaseException as error:
        return _say(OUT_OF_MEMORY if _is_out_of_memory(error) else RAISED, _reason(error))
    return DONE


def _write_all(content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[_write(ANSWER, rest) :]


def _reason(error: BaseException) -> str:
    """`ExceptionType: message` in one line; a plugin's exception may be unable to say what it is."""
    name = type(error).__name__
    try:
        message = " ".join(str(error).split())
    except BaseException:  # even SystemExit, by which this process would end as if all were well
        message = "(it cannot be printed)"
    return f"{name}: {message}" if message else name


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether the kernel reported that memory is exhausted, where Python did not."""
    return isinstance(error, OSError) and error.errno == errno.ENOMEM


def _say(status: int, reason: str) -> int:
    line = reason.encode("utf-8", "replace")[:_REASON_BYTES]
    _write(2, b"\n" + line + b"\n")
    return status


_ALIGNMENT = 64
_PREFIX = b"\x93NUMPY\x01\x00"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def archive(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An uncompressed npz file of C-contiguous arrays of numbers, with members `<name>.npy` in the order given.

    It is written without numpy's functions and without pickles: a plugin may have replaced those by now.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, array in arrays.items():
            file.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), _npy(array))
    return buffer.getvalue()


def _npy(array: NDArray[Any]) -> bytes:
    header = f"{{'descr': {array.dtype.str!r}, 'fortran_order': False, 'shape': {array.shape!r}, }}".encode()
    padding = -(len(_PREFIX) + 2 + len(header) + 1) % _ALIGNMENT
    header += b" " * padding + b"\n"
    return _PREFIX + len(header).to_bytes(2, "little") + header + array.tobytes()


if __name__ == "__main__":
    # 2 is what Python itself ends with where it cannot start a program.
    _exit(main(sys.argv[1]) if len(sys.argv) == 2 else 2)
