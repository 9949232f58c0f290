"""How every network here is trained: seeded, on a fixed number of threads, in shuffled batches.

Torch's random state and its number of threads are a process's own, so one training at a time borrows them and gives
them back as they were. Losses are means over observed entries (Eq. S13); what is missing has no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmr_core.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BORROWED = RLock()


def device_of(router: str, device: str | None) -> torch.device:
    """The device of that name; None means cuda where there is one, else the processor.

    :raises UsageError: if torch knows no such device or finds none.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.zeros(0, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise _no_device(router, device) from error
    if found.type not in ("cpu", "cuda"):
        raise _no_device(router, device)
    return found


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Inside, torch computes on `count` threads; outside, on as many as before.

    Sums split over threads round by their number, and training makes much of such a difference: results would change
    with the number of cores or of parallel jobs. Networks as small as these gain little from a second thread, and
    lose a hundredfold to waiting for it on a busy machine.
    """
    with _BORROWED:
        before = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, torch draws from `seed`; outside, its random state is what it was."""
    devices = [device] if device.type == "cuda" else []
    with _BORROWED, torch.random.fork_rng(devices=devices):
        # Not torch.manual_seed, which also seeds devices whose state is not restored.
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def on_device(array: NDArray[Any], device: torch.device, dtype: type[np.generic] = np.float32) -> torch.Tensor:
    """A copy. (`torch.tensor` would copy an array forty times as slowly.)"""
    return torch.from_numpy(np.array(array, dtype=dtype)).to(device)


def observed_targets(values: NDArray[np.float64], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Targets with 0 where `values` is NaN, and weights that are 1 where it is not and 0 where it is."""
    observed = ~np.isnan(values)
    return on_device(np.where(observed, values, 0.0), device), on_device(observed, device)


def observed_mean_loss(loss: torch.Tensor, weight: torch.Tensor, over: tuple[int, ...] = (0, 1)) -> torch.Tensor:
    """The mean of the entries of weight 1 over some dimensions (Eq. S13); 0 where there are none."""
    return (loss * weight).sum(over) / weight.sum(over).clamp(min=1.0)


def train_in_batches(
    optimiser: torch.optim.Optimizer,
    batch_loss: Callable[..., torch.Tensor],
    tensors: Sequence[torch.Tensor],
    *,
    epochs: int,
    batch_size: int,
) -> None:
    """Minimises `batch_loss(*rows of tensors)` over shuffled batches; to be called within `seeded` and `on_threads`.

    :param tensors: all the rows there are, n in each, on one device.
    """
    rows = len(tensors[0])
    for _ in range(epochs):
        order = torch.randperm(rows).to(tensors[0].device)
        shuffled = [tensor[order] for tensor in tensors]
        for start in range(0, rows, batch_size):
            optimiser.zero_grad()
            batch_loss(*(tensor[start : start + batch_size] for tensor in shuffled)).backward()
            optimiser.step()


def _no_device(router: str, device: object) -> UsageError:
    return UsageError(
        f"{device!r} is not a device that can be used here",
        where=f"router {router!r}, device",
        fix="give 'cpu' or 'cuda', or leave it out to use a GPU where there is one",
    )
