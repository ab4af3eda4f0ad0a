"""Small networks of PyTorch: clean ones, ones that mix samples, ones that draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn


class Convolutional(nn.Module):
    def __init__(self, *, track: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4, track_running_stats=track)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.conv(x))).mean((2, 3))
        return self.last(self.drop(x))


class Attention(nn.Module):
    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=batch_first)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), 1)
        self.last = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.encoder(x).mean(1))


class Norms(nn.Module):
    """Normalisations that look at one sample alone."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.group = nn.GroupNorm(2, 8)
        self.instance = nn.InstanceNorm2d(8, affine=True)
        self.layer = nn.LayerNorm(36)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.instance(self.group(self.conv(x))).flatten(2)).mean(1)


class StandardisedWeights(nn.Module):
    """Weights normalised by a BatchNorm in train mode, as BiT and NFNets do it: no batch is involved."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        flat = self.conv.weight.reshape(1, 4, -1)
        weight = nn.functional.batch_norm(flat, None, None, training=True).reshape_as(self.conv.weight)
        return nn.functional.conv2d(x, weight).mean((2, 3))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(5, 6, batch_first=True)
        self.last = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.rnn(x)[0][:, -1])


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor | tuple[Tensor, ...]]) -> None:
        super().__init__()
        self.function = function
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 16))

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        return self.function(x * self.scale)


def softmax_by_hand(x: Tensor) -> Tensor:
    e = torch.exp(x - x.max())
    return e / e.sum(-1, keepdim=True)


def loss_beside(x: Tensor) -> tuple[Tensor, ...]:
    p = torch.softmax(x, -1)
    return p, (p * torch.log(p)).mean()


def through_a_reshape(x: Tensor) -> Tensor:
    rows = x.shape[0]
    return torch.softmax(x.view(rows, 4, 4).transpose(1, 2).reshape(rows, -1).T, 0).T


def centred_through_a_reshape(x: Tensor) -> Tensor:
    blocks = x.view(x.shape[0], 4, 4)
    return (blocks - blocks.mean(0, keepdim=True)).flatten(1)


def pairwise(x: Tensor) -> Tensor:
    distances = (x[:, None] - x[None]).pow(2).sum(-1)
    return torch.softmax(-distances / 100, -1) @ x


ROWS = (16,)
IMAGE = (3, 8, 8)
STEPS = (5, 16)

NETWORKS: Mapping[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "conv": (Convolutional, IMAGE),
    "conv without running statistics": (lambda: Convolutional(track=False), IMAGE),
    "conv in train mode": (lambda: Convolutional().train(), IMAGE),
    "attention": (lambda: Attention(batch_first=True), STEPS),
    "attention over the batch": (lambda: Attention(batch_first=False), STEPS),
    "encoder": (Encoder, STEPS),
    "norms": (Norms, IMAGE),
    "standardised weights": (StandardisedWeights, IMAGE),
    "recurrent": (Recurrent, (7, 5)),
    "softmax over the batch": (lambda: Apply(lambda x: torch.softmax(x, 0)), ROWS),
    "softmax": (lambda: Apply(lambda x: torch.softmax(x, 1)), ROWS),
    "over the largest": (lambda: Apply(lambda x: x / x.abs().max()), ROWS),
    "centred": (lambda: Apply(lambda x: x - x.mean(0)), ROWS),
    "centred by sample": (lambda: Apply(lambda x: x - x.mean(1, keepdim=True)), ROWS),
    "gram": (lambda: Apply(lambda x: x @ (x.T @ x)), ROWS),
    "pairwise": (lambda: Apply(pairwise), ROWS),
    "softmax by hand": (lambda: Apply(softmax_by_hand), ROWS),
    "loss beside": (lambda: Apply(loss_beside), ROWS),
    "through a reshape": (lambda: Apply(through_a_reshape), ROWS),
    "centred through a reshape": (lambda: Apply(centred_through_a_reshape), ROWS),
    "noise": (lambda: Apply(lambda x: x + torch.randn_like(x)), ROWS),
    "dropout that ignores the mode": (lambda: Apply(lambda x: nn.functional.dropout(x, 0.5)), ROWS),
}
