"""A linear layer that is quick to train on any processor.

Torch's builds for x86 multiply float32 matrices with MKL, which takes twice as long as it need on processors that are
not Intel's. oneDNN, which is part of the same builds, is quick on all of them.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import linear


class OneDNNLinear(nn.Linear):
    """`torch.nn.Linear`, computed by oneDNN where that can be: float32, on the processor, in a build that has it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.device.type != "cpu" or x.dtype != torch.float32 or not torch.backends.mkldnn.is_available():
            return super().forward(x)
        rows = x.reshape(-1, x.shape[-1]).to_mkldnn()
        return linear(rows, self.weight, self.bias).to_dense().view(*x.shape[:-1], -1)
