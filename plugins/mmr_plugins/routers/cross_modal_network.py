"""The network of the cross-modal router: one token per modality, attention between them, heads per model.

Attention is written out rather than taken from torch's transformer: with two tokens no faster kernel pays, these
operations are deterministic on every device, and training and inference are the same code in float32 and float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import linear

if TYPE_CHECKING:
    from collections.abc import Sequence


class OneDNNLinear(nn.Linear):
    """`torch.nn.Linear`, computed by oneDNN where that can be: float32, on the processor, in a build that has it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.device.type != "cpu" or x.dtype != torch.float32 or not torch.backends.mkldnn.is_available():
            return super().forward(x)
        rows = x.reshape(-1, x.shape[-1]).to_mkldnn()
        return linear(rows, self.weight, self.bias).to_dense().view(*x.shape[:-1], -1)


@dataclass(frozen=True, kw_only=True)
class CrossModalShape:
    """Everything that the network's tensors are sized by.

    :param inputs: the embedding width of each modality that has a token; may be empty.
    :param models: K.
    :param width: of the tokens, a multiple of `heads`.
    :param layers, heads: of the attention.
    :param feed_forward: how many times wider than a token the feed-forward part is inside.
    :param dropout: the share dropped in training.
    """

    inputs: tuple[int, ...]
    models: int
    width: int
    layers: int
    heads: int
    feed_forward: int
    dropout: float


class CrossModalNetwork(nn.Module):
    """Logits of utility and standardised costs from unit embeddings.

    An instance without any token gets one learned token instead, so that nothing is ever averaged over nothing.
    """

    def __init__(self, shape: CrossModalShape) -> None:
        super().__init__()
        self.project = nn.ModuleList(nn.Linear(inputs, shape.width) for inputs in shape.inputs)
        self.modality = nn.Parameter(0.02 * torch.randn(len(shape.inputs), shape.width))
        self.empty = nn.Parameter(0.02 * torch.randn(shape.width))
        self.layers = nn.ModuleList(AttentionLayer(shape) for _ in range(shape.layers))
        self.utility = nn.Linear(shape.width, shape.models)
        self.cost = nn.Linear(shape.width, shape.models)

    def forward(self, embeddings: Sequence[torch.Tensor], present: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Utility logits and costs, [n, K] each.

        :param embeddings: one [n, d] for each modality of the shape.
        :param present: bool [n, modalities], which tokens there are.
        """
        absent = ~present.any(dim=1, keepdim=True)  # [n, 1]
        tokens = [
            project(rows) + modality
            for project, rows, modality in zip(self.project, embeddings, self.modality, strict=True)
        ]
        if not tokens or absent.any():
            tokens.append(self.empty.expand(len(present), -1))
            present = torch.cat([present, absent], dim=1)
        x = torch.stack(tokens, dim=1)  # [n, tokens, width]
        for layer in self.layers:
            x = layer(x, present)
        weight = present.to(x.dtype)
        pooled = (x * weight[:, :, None]).sum(dim=1) / weight.sum(dim=1, keepdim=True)  # [n, width]
        return self.utility(pooled), self.cost(pooled)


class AttentionLayer(nn.Module):
    """Multi-head attention between the tokens of an instance, then a feed-forward part with GELU; each is added to
    its input and the sum normalised."""

    def __init__(self, shape: CrossModalShape) -> None:
        super().__init__()
        inside = shape.feed_forward * shape.width
        self.heads, self.dropout = shape.heads, shape.dropout
        self.query_key_value = OneDNNLinear(shape.width, 3 * shape.width)
        self.mix = OneDNNLinear(shape.width, shape.width)
        self.widen = OneDNNLinear(shape.width, inside)
        self.narrow = OneDNNLinear(inside, shape.width)
        self.attention_norm = nn.LayerNorm(shape.width)
        self.feed_forward_norm = nn.LayerNorm(shape.width)

    def forward(self, x: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """[n, tokens, width] to the same; absent tokens are attended to by none."""
        x = self.attention_norm(x + self._drop(self.mix(self._attend(x, present))))
        inside = self._drop(functional.gelu(self.widen(x)))
        return self.feed_forward_norm(x + self._drop(self.narrow(inside)))

    def _attend(self, x: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        n, tokens, width = x.shape
        split = self.query_key_value(x).view(n, tokens, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # [n, heads, tokens, width / heads] each
        score = query @ key.transpose(-1, -2) / math.sqrt(width // self.heads)
        score = score.masked_fill(~present[:, None, None, :], -math.inf)
        mixed = self._drop(score.softmax(dim=-1)) @ value
        return mixed.transpose(1, 2).reshape(n, tokens, width)

    def _drop(self, x: torch.Tensor) -> torch.Tensor:
        return functional.dropout(x, self.dropout, self.training)
