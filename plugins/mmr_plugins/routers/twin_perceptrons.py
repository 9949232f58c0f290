"""Two independent perceptrons of one shape, for utility and for cost, computed side by side.

Their weights are stacked, so that a training step multiplies each layer of both at once: the same numbers as two
networks trained one after the other on the same batches, in two thirds of the time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from mmr_plugins.routers.torch_training import (
    device_of,
    observed_mean_loss,
    observed_targets,
    on_device,
    on_threads,
    seeded,
    train_in_batches,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

Layers = list[tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True, kw_only=True)
class TwinShape:
    """The shape of both perceptrons.

    :param widths: of the layers' outputs in order, the last one K.
    :param rectified: for each layer whether a ReLU follows.
    """

    widths: tuple[int, ...]
    rectified: tuple[bool, ...]


def train_twins(
    z: NDArray[np.float64],
    targets: tuple[NDArray[np.float64], NDArray[np.float64]],
    shape: TwinShape,
    *,
    router: str,
    seed: int,
    device: str | None,
    epochs: int,
    batch_size: int,
    learning_rate: float,
) -> dict[str, NDArray[np.float32]]:
    """Trains both with Adam on the observed-entry mean squared error, one loss each (Eq. S13).

    :param z: [n, p].
    :param targets: two arrays [n, K], NaN where missing.
    :returns: `weight_0` [2, p, width], `bias_0` [2, 1, width], `weight_1`, and so on.
    """
    place = device_of(router, device)
    wanted, observed = observed_targets(np.stack(targets, axis=1), place)  # [n, 2, K]
    with on_threads(1), seeded(seed, place):
        layers = _fresh_layers(z.shape[1], shape.widths, place)
        parameters = [parameter for layer in layers for parameter in layer]

        def batch_loss(x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
            error = (_forward(layers, shape, x).transpose(0, 1) - y).square()
            return observed_mean_loss(error, weight, over=(0, 2)).sum()  # one mean for each of the two

        train_in_batches(
            torch.optim.Adam(parameters, lr=learning_rate, fused=True),
            batch_loss,
            [on_device(z, place), wanted, observed],
            epochs=epochs,
            batch_size=batch_size,
        )
    names = [f"{part}_{i}" for i in range(len(layers)) for part in ("weight", "bias")]
    trained = (parameter.detach().cpu().numpy() for parameter in parameters)
    return dict(zip(names, trained, strict=True))


def apply_twins(
    weights: dict[str, NDArray[np.float32]], shape: TwinShape, z: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both outputs, [n, K] each, in float64: in float32 a row would change with the size of its batch."""
    x = z[None]  # [1, n, p], broadcast to both
    for i, rectified in enumerate(shape.rectified):
        x = x @ weights[f"weight_{i}"].astype(np.float64) + weights[f"bias_{i}"]
        if rectified:
            x = np.maximum(x, 0.0)
    return x[0], x[1]


def _fresh_layers(width: int, widths: tuple[int, ...], device: torch.device) -> Layers:
    """Weights and biases uniform within 1 / sqrt(inputs), as `torch.nn.Linear` draws them."""
    layers: Layers = []
    for inputs, outputs in zip((width, *widths[:-1]), widths, strict=True):
        bound = 1.0 / math.sqrt(inputs)
        weight = torch.empty(2, inputs, outputs).uniform_(-bound, bound)
        bias = torch.empty(2, 1, outputs).uniform_(-bound, bound)
        layers.append((weight.to(device).requires_grad_(), bias.to(device).requires_grad_()))
    return layers


def _forward(layers: Layers, shape: TwinShape, x: torch.Tensor) -> torch.Tensor:
    x = x.expand(2, -1, -1)
    for (weight, bias), rectified in zip(layers, shape.rectified, strict=True):
        x = torch.baddbmm(bias, x, weight)
        if rectified:
            x = x.relu()
    return x  # [2, n, K]
