"""Knows pickles by their names and by their first bytes, whatever they are called; never loads one."""

from __future__ import annotations

PICKLE_SUFFIXES = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".npy", ".npz", ".dill", ".ckpt")
"""Names of formats that are pickles or may hold one; NumPy's files are taken at their worst, without being opened."""

HEAD = 512
"""How many bytes tell."""

_NUMPY = b"\x93NUMPY"
_ZIP = b"PK\x03\x04"


def looks_pickled(content: bytes, *, archive: bool = False) -> bool:
    """Whether content begins as a pickle of protocol 2 to 5, a NumPy array of objects or a PyTorch file does.

    :param archive: a zip archive is due here, whatever it holds.
    """
    head = content[:HEAD]
    pickled = len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5
    objects = head.startswith(_NUMPY) and (b"'|O'" in head or b"'O'" in head)
    packed = head.startswith(_ZIP) and (b"data.pkl" in head or b".npy" in head)
    return pickled or objects or (packed and not archive)
