"""What random numbers of a forward pass become: noise on the samples, or a sample of a distribution.

A draw is a sample by contract where the network itself computes what it is drawn from: numbers that are scaled by an
exponential or softplus of the input and shifted (the reparameterisation of a variational autoencoder), that become
Gumbel noise (``-log(-log(u))``), or that are the input of a layer (the latent vector of a generator). It is perhaps
meant where the numbers are indices, are features beside those of the samples, or are scaled by a learned weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelint.frameworks.tensors import Tensor
from modelint.program.interpreter import Interpreter

SAMPLE = "sample"
BY_DESIGN = "by design"
MASK = "mask"

SPREAD = "spread"
LOGARITHM = "logarithm"

SPREADING = frozenset(("exp", "softplus", "exponential"))
"""Functions that make a scale of what a network computes."""

_AS_INDICES = {"argsort": 0, "top_k": 0, "argmax": 0, "gather": 1, "gather_nd": 1, "take": 1, "take_along_axis": 1}
"""Functions by the position of what is taken as places or makes them."""

_MASKING = frozenset(("floor", "ceil", "round", "less", "less_equal", "greater", "greater_equal"))
"""Functions that make zeros and ones of numbers between them."""

ORDERING = frozenset(("Lt", "LtE", "Gt", "GtE"))

_JOINING = frozenset(("concat", "concatenate", "hstack"))

_ELEMENTWISE_LAYERS = frozenset(("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Dropout"))


def origin_of(last: str, tensors: Sequence[Tensor]) -> str:
    """What a function of one name makes of arrays, as far as that matters to what draws become."""
    if last in SPREADING and any(tensor.from_batch or tensor.parameter for tensor in tensors):
        return SPREAD
    if last == "log":
        return LOGARITHM
    return tensors[0].origin if len(tensors) == 1 else ""


def note_function(interpreter: Interpreter, last: str, tensors: Sequence[Tensor], positional: Sequence[object]) -> None:
    """Note what a function of arrays does with the draws that they hold."""
    drawn = [tensor for tensor in tensors if tensor.draws]
    if not drawn:
        return
    if last == "log":
        _note(interpreter, (tensor for tensor in drawn if tensor.origin == LOGARITHM), SAMPLE)
    elif last in ("multiply", "mul"):
        note_product(interpreter, tensors)
    elif last in _MASKING:
        note_mask(interpreter, tensors)
    elif last in _JOINING:
        note_input(interpreter, "Concatenate", tensors)
    elif last in _AS_INDICES:
        place = _AS_INDICES[last]
        indices = positional[place : place + 1]
        _note(interpreter, (tensor for tensor in drawn if any(tensor is one for one in indices)), BY_DESIGN)


def note_product(interpreter: Interpreter, tensors: Sequence[Tensor]) -> None:
    """Note what draws are multiplied by."""
    drawn = [tensor for tensor in tensors if tensor.draws]
    if not drawn:
        return
    others = [tensor for tensor in tensors if not tensor.draws]
    if any(tensor.origin == SPREAD for tensor in others):
        _note(interpreter, drawn, SAMPLE)
    if any(tensor.parameter for tensor in others):
        _note(interpreter, drawn, BY_DESIGN)


def note_mask(interpreter: Interpreter, tensors: Iterable[Tensor]) -> None:
    """Note that draws are made a mask, as dropout does."""
    _note(interpreter, (tensor for tensor in tensors if tensor.draws), MASK)


def note_input(interpreter: Interpreter, kind: str, tensors: Iterable[Tensor]) -> None:
    """Note the draws that are given to a layer or model as they are."""
    given = list(tensors)
    drawn = [tensor for tensor in given if tensor.draws and not tensor.from_batch]
    if kind == "Concatenate":  # features beside those of the samples
        _note(interpreter, drawn if any(tensor.from_batch for tensor in given) else (), BY_DESIGN)
    elif kind not in _ELEMENTWISE_LAYERS:
        _note(interpreter, drawn, SAMPLE)


def _note(interpreter: Interpreter, tensors: Iterable[Tensor], use: str) -> None:
    for tensor in tensors:
        for draw in tensor.draws:
            if use not in draw.uses:
                draw.uses.add(use)
                interpreter.effects += 1
