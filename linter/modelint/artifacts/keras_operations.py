"""Operations in a Keras model that mix the samples of a batch.

Beside layers, a functional model holds operations of its backend (``ops.mean(x, axis=0)``, ``tf.reduce_mean``). Takes
the graph of a model and gives those whose result, taken over the batch axis, gets back into what is predicted for
each sample. To say so, the batch must certainly be the first axis of what is reduced: inputs have it there, layers
keep it there, and so do the operations that work on each element. A total that is only given out (a loss) does not mix.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from modelint.artifacts.model_file import Effect, EffectKind
from modelint.facts import Layer, Model, Setting

# The classes of keras.ops (Keras 3) and the functions of TensorFlow (Keras 2), by their own names.
_REDUCING: Final = """
    Amax Amin Average LogSumExp Logsumexp Max Mean Median Min Norm Prod Std Sum Var Variance
    reduce_euclidean_norm reduce_logsumexp reduce_max reduce_mean reduce_min reduce_prod reduce_std reduce_sum
    reduce_variance
"""
_ALONG: Final = """
    Cumprod Cumsum LogSoftmax Softmax Sort cumprod cumsum log_softmax softmax sort
"""
_BY_ELEMENT: Final = """
    Abs Absolute Add Arcsin Arctan Cast Clip Cos Divide Elu Erf Exp Expm1 Gelu HardSigmoid HardSilu LeakyRelu
    Log Log1p LogSigmoid Maximum Minimum Multiply Negative Power Reciprocal Relu Relu6 Rsqrt Selu Sigmoid Sign
    Silu Sin Softplus Softsign Sqrt Square SquaredDifference Subtract Tanh TrueDivide abs add cast clip_by_value
    cos divide divide_no_nan elu exp gelu leaky_relu log log1p maximum minimum multiply negative pow relu relu6
    rsqrt selu sigmoid silu sin softplus sqrt square squared_difference stop_gradient subtract swish tanh
    truediv
"""
_REDUCTIONS: Final = frozenset(_REDUCING.split())
_OVER_AN_AXIS: Final = frozenset(_ALONG.split())
_ELEMENTWISE: Final = frozenset(_BY_ELEMENT.split())
_LOSSES: Final = frozenset(("AddLoss", "AddMetric"))


def mixing(model: Model, fed: frozenset[int]) -> Iterator[Effect]:
    """The operations over the batch axis whose result enters what is predicted for each sample.

    ``fed`` are the layers, by index, that take an input of the model.
    """
    if all(_axis(layer) is None for layer in model.layers):
        return
    flow = _Flow(model, fed)
    for index, layer in enumerate(model.layers):
        axis = _axis(layer)
        if axis is None or not all(one in flow.by_sample for one in flow.producers[index]):
            continue
        if flow.is_predicted(index) if layer.kind in _OVER_AN_AXIS else flow.comes_back(index):
            yield Effect(EffectKind.MIXES, layer, layer.qualified, axis or None)


def _axis(layer: Layer) -> tuple[int, ...] | None:
    """The axes that an operation mixes samples over; empty for all, None if it does not or that is not known."""
    if not _is_operation(layer) or layer.kind not in _REDUCTIONS | _OVER_AN_AXIS:
        return None
    if layer.kind in _OVER_AN_AXIS:
        given: Setting = layer.config.get("axis", -1)
    else:
        given = layer.config.get("axis")
        if given is None:
            return ()
    axes = given if isinstance(given, tuple) else (given,)
    numbers = tuple(axis for axis in axes if isinstance(axis, int) and not isinstance(axis, bool))
    return numbers if 0 in numbers and len(numbers) == len(axes) else None


class _Flow:
    """Where the tensors of a model go. ``by_sample``: the layers whose output has the batch as its first axis."""

    def __init__(self, model: Model, fed: frozenset[int]) -> None:
        self.layers = model.layers
        self.fed = fed
        self.producers: list[list[int]] = [[] for _ in model.layers]
        self.consumers: list[list[int]] = [[] for _ in model.layers]
        for producer, consumer in model.edges:
            self.producers[consumer].append(producer)
            self.consumers[producer].append(consumer)
        self.by_sample: set[int] = set()
        for index, layer in enumerate(model.layers):
            if _keeps_the_batch(layer) and self._takes_samples(index, frozenset()):
                self.by_sample.add(index)

    def _takes_samples(self, index: int, totals: Collection[int]) -> bool:
        return index in self.fed or any(one in self.by_sample and one not in totals for one in self.producers[index])

    def comes_back(self, start: int) -> bool:
        """Whether a total over the batch meets the samples again, on the way to what is predicted."""
        totals = {start}  # and what is computed from totals alone
        stack = [start]
        while stack:
            for consumer in self.consumers[stack.pop()]:
                if consumer in totals:
                    continue
                if self._takes_samples(consumer, totals):
                    if self.is_predicted(consumer):
                        return True
                else:
                    totals.add(consumer)
                    stack.append(consumer)
        return False

    def is_predicted(self, start: int) -> bool:
        """Whether what a layer gives reaches anything but a loss."""
        seen = {start}
        stack = [start]
        while stack:
            index = stack.pop()
            if not self.consumers[index] and self.layers[index].kind not in _LOSSES:
                return True
            fresh = [one for one in self.consumers[index] if one not in seen]
            seen.update(fresh)
            stack += fresh
        return False


def _keeps_the_batch(layer: Layer) -> bool:
    """Whether a layer gives the batch as first axis if it takes it so."""
    return not layer.opaque and (not _is_operation(layer) or layer.kind in _ELEMENTWISE | _OVER_AN_AXIS)


def _is_operation(layer: Layer) -> bool:
    return layer.qualified.startswith(("tf.", "keras.ops."))
