"""Keeps what a run came to in one file: plain arrays and one JSON document, no pickle, whole or not at all."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.atomic import write_atomically
from mmr_core.errors import DataError
from mmr_core.evaluate.policies import Decided, Policy, Scored
from mmr_leaderboard.findings import Finding
from mmr_leaderboard.jobs.terms import BehaviourCheck, EntryRun

FORMAT = 1

Arrays = dict[str, NDArray[Any]]


def save_run(run: EntryRun, file: Path) -> None:
    """Writes a run into a file.

    :raises OSError: if it cannot be written; an old file is then as it was.
    """
    document = {
        "format": FORMAT,
        "policies": {"policy": _kind(run.policy), "placebo": _kind(run.placebo)},
        "trade_off": run.trade_off,
        "batch_seconds": run.batch_seconds,
        "checks": [asdict(check) for check in run.checks],
        "findings": [asdict(found) for found in run.findings],
        "method": run.method,
        "router": dict(run.router),
    }
    arrays: dict[str, Any] = {
        "document": np.frombuffer(json.dumps(document).encode(), dtype=np.uint8),
        "single_seconds": run.single_seconds,
        **_arrays("policy", run.policy),
        **_arrays("placebo", run.placebo),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomically(file, buffer.getvalue())


def load_run(file: Path) -> EntryRun:
    """The run in a file.

    :raises DataError: if there is none, or it is damaged or of another format.
    """
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        document = json.loads(arrays["document"].tobytes())
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']} where {FORMAT} is due")
        kinds = document["policies"]
        return EntryRun(
            policy=_policy("policy", kinds["policy"], arrays),
            trade_off=document["trade_off"],
            placebo=_policy("placebo", kinds["placebo"], arrays),
            single_seconds=arrays["single_seconds"],
            batch_seconds=document["batch_seconds"],
            checks=tuple(BehaviourCheck(**check) for check in document["checks"]),
            findings=tuple(
                Finding(**{**found, "examples": tuple(found["examples"])}) for found in document["findings"]
            ),
            method=document["method"],
            router=document["router"],
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"is no run that was kept: {reason}", where=str(file), fix="remove it and run again") from error


def _kind(policy: Policy | None) -> str | None:
    return None if policy is None else "scored" if isinstance(policy, Scored) else "decided"


def _arrays(name: str, policy: Policy | None) -> Arrays:
    if isinstance(policy, Scored):
        return {f"{name}.utility": policy.pred_utility, f"{name}.cost": policy.pred_cost}
    if isinstance(policy, Decided):
        return {f"{name}.trade_off": policy.trade_off, f"{name}.probabilities": np.stack(policy.probabilities)}
    return {}


def _policy(name: str, kind: str | None, arrays: Arrays) -> Policy | None:
    if kind is None:
        return None
    if kind == "scored":
        return Scored(arrays[f"{name}.utility"], arrays[f"{name}.cost"])
    return Decided(arrays[f"{name}.trade_off"], tuple(arrays[f"{name}.probabilities"]))
