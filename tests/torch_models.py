"""Small PyTorch models with and without the defects that a saved program can have; most of them can be scripted.

``ZOO`` are the models by name, each with the input it takes.
"""

# The annotations are TorchScript's: they cannot be text, so that there is no "from __future__ import annotations" here.

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

IMAGES = (6, 3, 8, 8)
ROWS = (6, 5)


class Classifier(nn.Module):
    """Convolutions, BatchNorm, dropout, pooling: correct in inference mode."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = torch.flatten(functional.adaptive_avg_pool2d(x, [1, 1]), 1)
        return functional.softmax(self.head(self.dropout(x)), dim=1)


class Nested(nn.Module):
    """A module in a module, one of them called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Classifier()
        self.shared = nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1d(5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.inner(x)
        return self.shared(self.shared(x))


class Reused(nn.Module):
    """The same dropout and linear layer at two places."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 5)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.dropout(torch.relu(self.linear(x)))
        return self.dropout(self.linear(x))


class FunctionalDropout(nn.Module):
    """``functional.dropout`` without ``training=``: on in every mode."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(functional.dropout(x, 0.5))


class GuardedDropout(nn.Module):
    """``functional.dropout`` that follows the mode."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(functional.dropout(x, 0.5, training=self.training))


class ZeroDropout(nn.Module):
    """A dropout of rate 0 changes nothing."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(x, 0.0) * 2.0


class StatslessBatchNorm(nn.Module):
    """A BatchNorm that keeps no statistics uses those of the batch, in both modes."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.convolution(x)).mean([2, 3])


class OtherNorms(nn.Module):
    """Normalisations that look at one sample at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.instance = nn.InstanceNorm2d(3)
        self.group = nn.GroupNorm(3, 3)
        self.layer = nn.LayerNorm([3, 8, 8])

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.group(self.instance(x)))


class TrackingInstanceNorm(nn.Module):
    """An instance norm with running statistics: a BatchNorm over copies of them."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(3, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x) + 1.0


class SoftmaxOverBatch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return functional.softmax(self.linear(x), dim=0)


class Centred(nn.Module):
    """Subtracts the mean over the batch."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0, keepdim=True)


class ScaledByMaximum(nn.Module):
    """Divides by the maximum of the whole tensor."""

    def forward(self, x: Tensor) -> Tensor:
        return x / x.abs().max()


class PerSample(nn.Module):
    """Reductions over the axes of a sample, and over weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(7, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = x - x.mean(1, keepdim=True)
        x = x / (x.amax(-1, keepdim=True) + self.weight.abs().max() + self.weight.mean(0))
        return torch.cat([x, torch.cumsum(x, 1)], 1)


class Transposed(nn.Module):
    """The batch is the last axis for a while; what is reduced are features."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.t()
        y = y - y.mean(0, keepdim=True)
        return y.t()


class TransposedMixing(nn.Module):
    """The same, but it is the batch that is reduced."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.t()
        y = y - y.mean(1, keepdim=True)
        return y.t()


class Noise(nn.Module):
    """Draws in every mode."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x) * 0.1


class GuardedNoise(nn.Module):
    """Draws in train mode."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            x = x + torch.randn_like(x) * 0.1
        return x * 2.0


class Bernoulli(nn.Module):
    """Draws in place."""

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.empty_like(x)
        mask.bernoulli_(0.5)
        return x * mask


class UnusedDraw(nn.Module):
    """A draw that no output depends on."""

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.rand_like(x)
        return x + torch.zeros_like(noise)


class Counter(nn.Module):
    """Counts its calls; nothing depends on the count."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls.add_(1.0)
        return x * 2.0


class RunningMean(nn.Module):
    """Keeps a running mean in every mode, and uses it."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(5))

    def forward(self, x: Tensor) -> Tensor:
        self.mean.mul_(0.9).add_(x.mean(0) * 0.1)
        return x - self.mean


class Recurrent(nn.Module):
    """An LSTM with a dropout between its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(8, 4, num_layers=2, dropout=0.5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.lstm(x.mean(1))
        return out[:, -1]


class Attention(nn.Module):
    """A transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.mean(1))


class DroppedAttention(nn.Module):
    """An attention whose dropout takes no notice of the mode."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(x, x, x, dropout_p=0.3)


class ChannelDropout(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout2d(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(x) + 1.0


class FrozenNorm(nn.Module):
    """A BatchNorm that stays in inference mode, and a convolution behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.convolution = nn.Conv2d(3, 2, 3)

    def train(self, mode: bool = True) -> "FrozenNorm":
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(self.norm(x))


class StandardisedWeights(nn.Module):
    """Weight standardisation by a BatchNorm of the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        weight = functional.batch_norm(self.weight.reshape(1, 4, 27), None, None, training=True).reshape(4, 3, 3, 3)
        return functional.conv2d(x, weight)


class AuxiliaryLoss(nn.Module):
    """A mean over the batch that is an output of its own and no part of the prediction."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.linear(x)
        return y, (y * y).mean()


ZOO: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    **{
        model.__name__: (model, IMAGES)
        for model in (
            Classifier, Nested, StatslessBatchNorm, OtherNorms, TrackingInstanceNorm, Recurrent, Attention,
            DroppedAttention, ChannelDropout, FrozenNorm, StandardisedWeights,
        )
    },
    **{
        model.__name__: (model, ROWS)
        for model in (
            Reused, FunctionalDropout, GuardedDropout, ZeroDropout, SoftmaxOverBatch, Centred, ScaledByMaximum,
            PerSample, Transposed, TransposedMixing, Noise, GuardedNoise, Bernoulli, UnusedDraw, Counter, RunningMean,
            AuxiliaryLoss,
        )
    },
}  # fmt: skip
