"""Array operations of TensorFlow, Keras and NumPy: what they do to the samples of a batch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from modelint.facts import Passing
from modelint.frameworks.chance.sampling import SAMPLE, SPREAD, note_function, origin_of
from modelint.frameworks.data.means import note_mean_of_list
from modelint.frameworks.events import CompareEvent, DrawEvent, ReductionEvent, StaticBatchEvent, record
from modelint.frameworks.graph import ForwardContext, Part, forward_pass
from modelint.frameworks.guards import has_opaque_guard, is_mode, is_named_mode, reached
from modelint.frameworks.keras_modes import ALWAYS
from modelint.frameworks.layers import setting
from modelint.frameworks.shapes import array_shape, broadcast, literal_shape
from modelint.frameworks.structure import Operation
from modelint.frameworks.tensors import Tensor, merged, note_single, tensors_in, use
from modelint.program.frames import Arguments
from modelint.program.interpreter import Interpreter
from modelint.program.values import Const, External, ListObject, Tuple, Value

ARRAY_PACKAGES = (
    "tensorflow.",
    "numpy.",
    "keras.ops.",
    "keras.backend.",
    "keras.losses.",
    "keras.activations.",
    "tensorflow_probability.",
)

REDUCTIONS = frozenset(
    (
        "reduce_mean",
        "reduce_sum",
        "reduce_max",
        "reduce_min",
        "reduce_std",
        "reduce_variance",
        "mean",
        "sum",
        "max",
        "min",
        "amax",
        "amin",
        "std",
        "var",
        "variance",
        "moments",
        "median",
        "norm",
        "l2_normalize",
        "normalize",
        "softmax",
        "log_softmax",
        "reduce_euclidean_norm",
        "reduce_logsumexp",
        "logsumexp",
        "reduce_prod",
        "prod",
        "reduce_any",
        "reduce_all",
        "cumsum",
        "argsort",
        "sort",
    )
)
"""Operations with an axis argument that mix the values along it."""

NORMALISING = frozenset(
    (
        "moments",
        "l2_normalize",
        "normalize",
        "softmax",
        "log_softmax",
        "mean",
        "reduce_mean",
        "std",
        "reduce_std",
        "var",
        "variance",
        "reduce_variance",
        "reduce_max",
        "max",
        "amax",
        "reduce_min",
        "min",
        "amin",
    )
)
"""Those of them that are reported when they run over the batch axis; sums feed losses and counters as a rule."""

MEANS = frozenset(("mean", "reduce_mean", "average"))
MIXING = frozenset(("l2_normalize", "normalize", "softmax", "log_softmax"))
"""Those whose result is the batch again, mixed."""

LAST_AXIS_DEFAULT = frozenset(("softmax", "log_softmax", "l2_normalize_last", "argsort", "sort"))

ELEMENTWISE = frozenset(
    (
        "add",
        "subtract",
        "multiply",
        "divide",
        "truediv",
        "relu",
        "sigmoid",
        "tanh",
        "gelu",
        "elu",
        "selu",
        "leaky_relu",
        "swish",
        "silu",
        "softplus",
        "exp",
        "log",
        "log1p",
        "sqrt",
        "rsqrt",
        "square",
        "abs",
        "maximum",
        "minimum",
        "cast",
        "identity",
        "clip",
        "clip_by_value",
        "negative",
        "pow",
        "power",
        "sign",
        "round",
        "where",
        "convert_to_tensor",
        "convert_to_numpy",
        "stop_gradient",
        "bias_add",
        "nan_to_num",
        "zeros_like",
        "ones_like",
        "floor",
        "ceil",
        "sin",
        "cos",
        "softmax",
        "log_softmax",
        "dropout",
        "conv2d",
        "conv1d",
        "max_pool2d",
        "avg_pool2d",
        "batch_normalization",
        "matmul",
        "checkpoint",
        "asarray",
        "array",
        "float32",
    )
)
"""Operations that keep the samples where they are."""

RESHAPING = frozenset(("avg_pool2d", "checkpoint", "conv1d", "conv2d", "matmul", "max_pool2d"))
"""Those of them whose result has other positions."""

CREATORS = frozenset(
    (
        "zeros",
        "ones",
        "empty",
        "full",
        "normal",
        "uniform",
        "truncated_normal",
        "rand",
        "randn",
        "random",
        "random_sample",
        "randint",
        "standard_normal",
        "integers",
        "eye",
        "categorical",
        "gamma",
        "poisson",
        "beta",
        "binomial",
        "stateless_normal",
        "stateless_uniform",
        "linspace",
        "arange",
        "range",
        "choice",
        "permutation",
    )
)

KEEPING_MODE = frozenset(("logical_and", "cast", "convert_to_tensor", "constant", "identity"))
"""Functions that give a mode back that they are given, or that and something else must hold."""

SHAPING: dict[str, tuple[int | str, ...]] = {
    "broadcast_to": (1, "shape"),
    "fill": (0, "dims", "shape"),
    "full": (0, "shape"),
    "one_hot": (1, "depth", "num_classes"),
    "ones": (0, "shape"),
    "pad": (1, "paddings", "pad_width"),
    "range": (0, "limit"),
    "repeat": (1, "repeats"),
    "reshape": (1, "shape", "newshape"),
    "resize": (1, "size"),
    "scatter_nd": (2, "shape"),
    "scatter": (2, "shape"),
    "sequence_mask": (1, "maxlen"),
    "tile": (1, "multiples", "repeats"),
    "zeros": (0, "shape"),
}
"""Operations with an argument that says how large the result is: where it stands, and its names."""

SPLITTING = frozenset(("array_split", "split", "unstack"))

INTEGERS = ("int", "uint", "bool")

OF_LISTS = frozenset(("array", "asarray", "constant", "convert_to_tensor"))
"""Operations that make an array of a list."""

RANDOM_PREFIXES = (
    "tensorflow.image.random_",
    "tensorflow.random.",
    "keras.random.",
    "numpy.random.",
    "keras.backend.random_",
    "tensorflow.raw_ops.Random",
)
NOT_DRAWS = frozenset(
    (
        "seed",
        "set_seed",
        "set_random_seed",
        "Generator",
        "SeedGenerator",
        "get_state",
        "set_state",
        "get_global_generator",
        "create_rng_state",
        "from_seed",
        "shuffle",
        "experimental",
        "all_candidate_sampler",
    )
)

DROPOUTS = frozenset(
    (
        "tensorflow.nn.dropout",
        "tensorflow.nn.experimental.stateless_dropout",
        "tensorflow.nn.experimental.general_dropout",
        "keras.random.dropout",
        "keras.backend.dropout",
        "tensorflow.compat.v1.nn.dropout",
    )
)

SHUFFLES = frozenset(
    ("numpy.random.shuffle", "numpy.random.permutation", "random.shuffle", "tensorflow.random.shuffle")
)

PYTHON_DRAWS = frozenset(
    f"random.{name}"
    for name in ("random", "randint", "randrange", "choice", "choices", "sample", "uniform", "gauss", "normalvariate")
)

EXACT_COMPARISONS = frozenset(
    (
        "numpy.array_equal",
        "numpy.testing.assert_array_equal",
        "numpy.testing.assert_equal",
        "numpy.array_equiv",
        "tensorflow.debugging.assert_equal",
        "tensorflow.equal",
        "tensorflow.reduce_all",
        "numpy.all",
    )
)

EXACT_ASSERTIONS = frozenset(("assertAllEqual", "assertEqual", "assertListEqual", "assertSequenceEqual"))
"""Methods of test cases."""


def operate(interpreter: Interpreter, name: str, arguments: Arguments) -> Value | None:
    """The result of a library operation on arrays, its effects recorded; None if it is no such operation."""
    last = name.rpartition(".")[2]
    if name in DROPOUTS:
        return _dropout(interpreter, name, arguments)
    if name in SHUFFLES:
        record(interpreter, DrawEvent(arguments.site, arguments.frame, what=name, kind="shuffle"))
        return merged(tensors_in(arguments.all(), interpreter))
    if name.startswith(RANDOM_PREFIXES) and last not in NOT_DRAWS:
        return _draw(interpreter, name, last, arguments)
    if name in PYTHON_DRAWS:
        record(interpreter, DrawEvent(arguments.site, arguments.frame, what=name, kind="operation"))
    if not name.startswith(ARRAY_PACKAGES) and not name.startswith("builtins."):
        return None
    mode = next((value for value in arguments.positional if is_mode(value)), None) if last in KEEPING_MODE else None
    if mode is not None:
        return mode
    tensors = list(_operands(interpreter, last, arguments))
    _note_uses(interpreter, name, last, tensors)
    note_function(interpreter, last, tensors, arguments.positional)
    if name in EXACT_COMPARISONS and len(arguments.positional) >= 2:
        note_comparison(interpreter, name, arguments)
    if last in REDUCTIONS and tensors:
        return _reduce(interpreter, name, last, arguments, tensors)
    if last in CREATORS and not tensors:
        return Tensor(shape=array_shape(interpreter, name, arguments), literal=True)
    if last in OF_LISTS and isinstance(arguments.get(0), (ListObject, Tuple)):
        shape = literal_shape(arguments.at(0), interpreter)
        return merged(tensors, shape=shape, batching=None) or Tensor(shape=shape, written=True)
    if not tensors:
        return None
    if last == "reshape":
        _note_reshape(interpreter, arguments, tensors[0])
        rows = tensors[0].batch_first and _rows(interpreter, arguments) == -1  # of all samples, with their positions
        return merged(tensors, batch_first=rows)
    if last == "expand_dims" and _axis(interpreter, last, arguments) == (0,):
        note_single(interpreter, tensors[0])
    if last == "stop_gradient":
        for tensor in tensors:
            use(interpreter, tensor, "stop_gradient")
        return replace(tensors[0], calls=frozenset())
    if last in ELEMENTWISE:
        note_mixing(interpreter, tensors, always=last == "batch_normalization")
        selects = last == "where" and len(arguments.positional) < 3  # the numbers of what is true
        shape = None if selects else broadcast([t.shape for t in tensors])
        first = any(t.batch_first for t in tensors)
        keeps = last not in RESHAPING
        result = merged(
            tensors,
            elementwise=keeps,
            batch_first=first,
            shape=shape,
            batching=tensors[0].batching,
            origin=origin_of(last, tensors),
        )
        if result is not None and last == "cast" and _is_integer(arguments.get(1, "dtype")):
            return replace(result, statistics=frozenset())  # how many, or where: no part of what is computed
        return result
    if last in SPLITTING:
        return _split(interpreter, last, arguments, tensors)
    return merged(tensors, integer=last in ("argmax", "argmin"), origin=origin_of(last, tensors), structured=True)


def _split(interpreter: Interpreter, last: str, arguments: Arguments, tensors: list[Tensor]) -> Value | None:
    """Several tensors, each with a part of an axis: of the samples, or of every sample."""
    axis = _axis(
        interpreter, last, Arguments(arguments.positional[1:], arguments.keywords, arguments.node, arguments.frame)
    )
    within = isinstance(axis, tuple) and 0 not in axis
    batching = tensors[0].batching if within else None
    return merged(tensors, batch_first=within and tensors[0].batch_first, batching=batching, structured=True)


def _operands(interpreter: Interpreter, last: str, arguments: Arguments) -> Iterator[Tensor]:
    """The tensors among the arguments of an operation. What a shape is made of is not in the result."""
    if last not in SHAPING:
        yield from tensors_in(arguments.all(), interpreter)
        return
    position, *names = SHAPING[last]
    values = [(index == position, value) for index, value in enumerate(arguments.positional)]
    values += [(name in names, value) for name, value in arguments.keywords.items()]
    for is_shape, value in values:
        for tensor in tensors_in((value,), interpreter):
            yield replace(tensor, statistics=frozenset()) if is_shape and tensor.statistics else tensor


def _rows(interpreter: Interpreter, arguments: Arguments) -> int | None:
    """The length that a reshape gives the first axis, as far as it is known."""
    shape = arguments.get(1, "shape") or arguments.get(None, "newshape")
    axes = setting(shape, interpreter) if shape is not None else None
    rows = axes[0] if isinstance(axes, tuple) and axes else None
    return rows if isinstance(rows, int) and not isinstance(rows, bool) else None


def _note_reshape(interpreter: Interpreter, arguments: Arguments, tensor: Tensor) -> None:
    """Record a reshape of a batch in a forward pass that fixes how many samples there are."""
    if tensor.batch_first and forward_pass(interpreter) is not None:
        size = _rows(interpreter, arguments)
        if size is not None and size > 1 and _is_constant(arguments.node):
            record(interpreter, StaticBatchEvent(arguments.site, arguments.frame, how="a reshape", size=size))


def _is_integer(dtype: Value | None) -> bool:
    """Whether a type of numbers is one of integers."""
    match dtype:
        case Const(value=str(name)) | External(dotted=name):
            return name.rpartition(".")[2].startswith(INTEGERS)
    return False


def _is_constant(node: ast.AST) -> bool:
    """Whether the first axis of a reshape is written as a number or constant, not taken from the object at hand."""
    given = (*node.args, *(keyword.value for keyword in node.keywords)) if isinstance(node, ast.Call) else ()
    first = next((one.elts[0] for one in given if isinstance(one, (ast.Tuple, ast.List)) and one.elts), None)
    match first:
        case ast.Constant(value=value):
            return type(value) is int
        case ast.Name(id=name) | ast.Starred(value=ast.Name(id=name)):
            return name.isupper()
    return False


def _note_uses(interpreter: Interpreter, name: str, last: str, tensors: list[Tensor]) -> None:
    if name.startswith("builtins.print"):
        how = "print"
    elif last in ("argmax", "equal", "array_equal", "in_top_k", "top_k"):
        how = "decision"
    elif name.startswith("numpy."):
        how = "numpy"
    else:
        return
    for tensor in tensors:
        use(interpreter, tensor, how)


def _axis(interpreter: Interpreter, last: str, arguments: Arguments) -> tuple[int, ...] | str | None:
    """The axes of a reduction: a tuple, None for all, "unknown"."""
    given = arguments.get(1, "axis") or arguments.get(None, "axes") or arguments.get(None, "dim")
    if given is None:
        return (-1,) if last in LAST_AXIS_DEFAULT else None
    axes = setting(given, interpreter)
    if axes is None:
        return None
    if isinstance(axes, int) and not isinstance(axes, bool):
        return (axes,)
    if isinstance(axes, tuple) and axes and all(isinstance(a, int) and not isinstance(a, bool) for a in axes):
        return tuple(a for a in axes if isinstance(a, int))
    return "unknown"


def _reduce(interpreter: Interpreter, name: str, last: str, arguments: Arguments, tensors: list[Tensor]) -> Value:
    axis = _axis(interpreter, last, arguments)
    context = forward_pass(interpreter)
    over_batch = axis is None or (isinstance(axis, tuple) and 0 in axis)
    operand = next(tensors_in(arguments.positional[:1], interpreter), tensors[0])
    result = merged(tensors)
    assert result is not None
    if context is not None and over_batch and last in NORMALISING and not isinstance(axis, str):
        modes = reached(interpreter)
        event = ReductionEvent(
            arguments.site, arguments.frame, operation=name, axis=axis, reached=modes, forward=context
        )
        if operand.batch_first and last in MIXING and axis is not None:
            record(interpreter, event)
        elif operand.batch_first or (last == "moments" and axis is not None):
            result = replace(result, statistics=result.statistics | {event})
    if last == "moments" and (over_batch or axis == "unknown"):
        note_operation(interpreter, context, name, arguments, stochastic=False)
    keeps = isinstance(axis, tuple) and 0 not in axis
    row_mean = axis is None and last in MEANS
    if row_mean and all(tensor.row_mean for tensor in tensors):
        note_mean_of_list(interpreter, tensors, arguments)
    made = replace(result, batch_first=keeps and operand.batch_first, row_mean=row_mean)
    return Tuple((made, made)) if last == "moments" else made


def note_mixing(interpreter: Interpreter, tensors: list[Tensor], always: bool = False) -> None:
    """Record the batch statistics that flow back into the samples they were computed from."""
    if always or any(t.batch_first and not t.statistics for t in tensors):
        for tensor in tensors:
            for event in tensor.statistics:
                if event not in interpreter.events:
                    record(interpreter, event)


def _dropout(interpreter: Interpreter, name: str, arguments: Arguments) -> Value:
    rate = arguments.get(1, "rate") or arguments.get(None, "keep_prob")
    context = forward_pass(interpreter)
    record(
        interpreter,
        DrawEvent(
            arguments.site,
            arguments.frame,
            what=name,
            kind="dropout",
            seed=arguments.get(None, "seed"),
            rate=rate,
            forward=context.owner if context is not None else None,
            reached=reached(interpreter),
            opaque_guard=has_opaque_guard(interpreter),
            named_guard=is_named_mode(interpreter),
            repeated=interpreter.loop_depth > 0,
        ),
    )
    note_operation(interpreter, context, name, arguments, stochastic=True)
    tensors = list(tensors_in(arguments.all(), interpreter))
    result = merged(tensors)
    return replace(result, batch_first=tensors[0].batch_first) if result is not None else Tensor()


def note_operation(
    interpreter: Interpreter, context: ForwardContext | None, name: str, arguments: Arguments, stochastic: bool
) -> None:
    """Record in a forward pass an operation that makes the layer's own mode matter."""
    modes = reached(interpreter)
    if context is not None and modes != ALWAYS:
        operation = Operation(name, arguments.site, stochastic)
        context.add(interpreter, Part(operation, arguments.site, Passing.TRUE, modes))


def _draw(interpreter: Interpreter, name: str, last: str, arguments: Arguments) -> Value:
    context = forward_pass(interpreter)
    event = DrawEvent(
        arguments.site,
        arguments.frame,
        what=name,
        kind="operation",
        seed=arguments.get(1 if name.startswith("tensorflow.random.stateless_") else None, "seed"),
        forward=context.owner if context is not None else None,
        reached=reached(interpreter),
        opaque_guard=has_opaque_guard(interpreter),
        named_guard=is_named_mode(interpreter),
        repeated=interpreter.loop_depth > 0,
    )
    record(interpreter, event)
    note_operation(interpreter, context, name, arguments, stochastic=True)
    tensors = list(tensors_in(arguments.all(), interpreter))
    if context is None:
        return Tensor(shape=array_shape(interpreter, name, arguments), literal=not tensors)
    if any(tensor.origin == SPREAD for tensor in tensors):
        event.uses.add(SAMPLE)
    drawn = frozenset({event})
    if name.startswith("tensorflow.image.") and tensors:
        return replace(tensors[0], draws=drawn)
    return Tensor(draws=drawn)


def note_comparison(interpreter: Interpreter, how: str, arguments: Arguments) -> None:
    """Record an exact comparison of two predictions."""
    left, right = arguments.at(0), arguments.at(1)
    compare(interpreter, how, left, right, arguments)


def compare(interpreter: Interpreter, how: str, left: Value, right: Value, arguments: Arguments) -> None:
    """Record that two values are compared exactly, if both are predictions."""
    sides = [
        next((t for t in tensors_in((side,), interpreter) if t.calls and not t.integer), None) for side in (left, right)
    ]
    if sides[0] is not None and sides[1] is not None and sides[0] is not sides[1]:
        if how in ("tensorflow.reduce_all", "numpy.all"):
            return
        record(interpreter, CompareEvent(arguments.site, arguments.frame, how=how, left=sides[0], right=sides[1]))
