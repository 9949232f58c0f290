"""Routers whose answers are not what is due: from their hands, or written past the driver into its descriptor."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
import zlib

import numpy as np

from mmr_core.contracts import Decisions, Prediction

from .means import TOLD, Means


class Changed(Means):
    """Predictions, with something done to them."""

    def predict(self, queries):
        prediction = super().predict(queries)
        return self.changed(prediction.utility, prediction.cost)

    def changed(self, utility, cost):
        raise NotImplementedError


class NotANumber(Changed):
    def changed(self, utility, cost):
        utility[-1, -1] = np.nan
        return Prediction(utility=utility, cost=cost)


class Infinite(Changed):
    def changed(self, utility, cost):
        cost[0] = -np.inf
        return Prediction(utility=utility, cost=cost)


class Enormous(Changed):
    def changed(self, utility, cost):
        return Prediction(utility=utility * 1e300, cost=cost)


class OneModelMore(Changed):
    def changed(self, utility, cost):
        return Prediction(utility=np.hstack([utility, utility[:, :1]]), cost=cost)


class OneQueryLess(Changed):
    """Drops a row that it might get wrong."""

    def changed(self, utility, cost):
        return Prediction(utility=utility[1:], cost=cost[1:])


class Turned(Changed):
    def changed(self, utility, cost):
        return Prediction(utility=utility.T, cost=cost.T)


class Words(Changed):
    def changed(self, utility, cost):
        return Prediction(utility=np.full(utility.shape, "the best"), cost=cost)


class Objects(Changed):
    """Objects that would be pickled."""

    def changed(self, utility, cost):
        strange = np.empty(utility.shape, dtype=object)
        strange[:] = [[{"a": object()} for _ in row] for row in utility]
        return Prediction(utility=strange, cost=cost)


class NoPrediction(Changed):
    def changed(self, utility, cost):
        return {"utility": utility, "cost": cost}


class NoneAtAll(Means):
    def predict(self, queries):
        return None


class NoMethods:
    """Neither predicts nor decides."""

    default_fusion = None

    def __init__(self, *, seed=0):
        self.seed = seed

    def fit(self, training):
        return self


class Policy:
    """A policy router; what it decides is up to each below."""

    default_fusion = None

    def __init__(self, *, seed=0):
        self.seed = seed

    def fit(self, training):
        self.models = training.utility.shape[1]
        return self

    def decide(self, queries, trade_off):
        return self.decided(len(queries))

    def decided(self, n):
        raise NotImplementedError


class NegativeProbability(Policy):
    def decided(self, n):
        rows = np.full((n, self.models), 2 / (self.models - 1))
        rows[:, 0] = -1
        return Decisions(probabilities=rows)


class TwoCallsEach(Policy):
    """Rows that sum to 2: two calls for the price of one."""

    def decided(self, n):
        return Decisions(probabilities=np.full((n, self.models), 2 / self.models))


class NoProbability(Policy):
    def decided(self, n):
        return Decisions(probabilities=np.full((n, self.models), np.nan))


class ModelOutsideThePool(Policy):
    def decided(self, n):
        return Decisions(choice=np.full(n, self.models))


class ModelFromTheEnd(Policy):
    def decided(self, n):
        return Decisions(choice=np.full(n, -1))


class HalfAModel(Policy):
    def decided(self, n):
        return Decisions(choice=np.full(n, 0.5))


class NoDecision(Policy):
    def decided(self, n):
        return Decisions()


class FewerDecisions(Policy):
    def decided(self, n):
        return Decisions(choice=np.zeros(n // 2, dtype=int))


class Written(Means):
    """Writes an answer of its own and ends as if all were well."""

    def attack(self, training):
        self.n = TOLD["test"]
        self.write(self.content())

    def write(self, content):
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(3, rest) :]
        os._exit(0)

    def content(self):
        raise NotImplementedError

    def members(self):
        """A valid answer, but for what each does to it."""
        zeros = np.zeros((self.n, len(self.utility)))
        arrays = {"0-utility": zeros, "0-cost": zeros, "0-seconds": np.array([1.0]), "stated": stated({})}
        return {f"{name}.npy": saved(array) for name, array in arrays.items()}


def saved(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def stated(said):
    return np.frombuffer(json.dumps(said).encode(), dtype=np.uint8)


def zipped(members, method=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return buffer.getvalue()


class Exploit:
    """Writes a file where it is unpickled."""

    def __reduce__(self):
        return open, (TOLD["unpickled"], "w")


class Pickle(Written):
    def content(self):
        return pickle.dumps(Exploit())


class PickleAsArray(Written):
    """An npy file, which numpy would unpickle."""

    def content(self):
        return saved(np.array([Exploit()], dtype=object), allow_pickle=True)


class PickleInside(Written):
    """An archive with the right members, one of which holds objects."""

    def content(self):
        array = np.array([[Exploit()] * len(self.utility)] * self.n, dtype=object)
        return zipped({**self.members(), "0-utility.npy": saved(array, allow_pickle=True)})


class Garbage(Written):
    def content(self):
        return os.urandom(100_000)


class Truncated(Written):
    def content(self):
        return zipped(self.members())[:-40]


class Empty(Written):
    def content(self):
        return b""


class Bomb(Written):
    """A valid answer in which one member unpacks to gigabytes."""

    def content(self):
        header = saved(np.zeros((self.n, len(self.utility))))[:128]
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(header) + b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024))
        packed += packer.flush()
        name = b"0-utility.npy"
        size = (1 << 30) + len(header)
        local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0) + name
        central = struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0, 0, 0, 0, 0, 0
        )
        central += name
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local) + len(packed), 0)
        return local + packed + central + end


class ManyMembers(Written):
    """A directory of as many members as fit."""

    def content(self):
        return zipped({str(number): b"" for number in range(2_000)})


class Overlapping(Written):
    """Members that each claim the whole file, so that little is much."""

    def content(self):
        plain = bytearray(zipped(self.members()))
        at = plain.find(b"PK\1\2")
        while at >= 0:
            struct.pack_into("<2I", plain, at + 20, len(plain), len(plain))
            at = plain.find(b"PK\1\2", at + 4)
        return bytes(plain)


class TenGigabytesClaimed(Written):
    """A header that claims 10 GB, and nothing behind it."""

    def content(self):
        claimed = saved(np.zeros(1)).replace(b"(1,), }" + b" " * 9, b"(1342177280,), }"[:16])
        return zipped({**self.members(), "0-utility.npy": claimed})


class Hole(Written):
    """A file of 10 GB without a byte in it."""

    def write(self, content):
        os.ftruncate(3, 10 << 30)
        os._exit(0)

    def content(self):
        return b""


class NegativeTime(Written):
    def content(self):
        return zipped({**self.members(), "0-seconds.npy": saved(np.array([-1.0]))})


class EndlessTime(Written):
    """A time that a float can hold and no sum of two."""

    def content(self):
        return zipped({**self.members(), "0-seconds.npy": saved(np.array([1e308]))})


class NestedStatement(Written):
    """A statement about itself that no parser without end of its stack survives."""

    def content(self):
        deep = np.frombuffer(b"[" * 60_000, dtype=np.uint8)
        return zipped({**self.members(), "stated.npy": saved(deep)})


class PathsInside(Written):
    """Members that would be unpacked elsewhere."""

    def content(self):
        return zipped({f"../../{name}": content for name, content in self.members().items()})
