"""TensorFlow and Keras (and what of NumPy and others carries tensors) as a ``Library`` of the interpreter."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Hashable

from modelint.facts import Declared, Passing
from modelint.frameworks import estimators, given, guards
from modelint.frameworks import keras_layers as table
from modelint.frameworks.applications import contents
from modelint.frameworks.chance.sampling import ORDERING, note_mask, note_product
from modelint.frameworks.data import dataset_sources, datasets
from modelint.frameworks.data.fitting import run_of_unknown
from modelint.frameworks.data.means import adds_to_itself, note_mean_of_means
from modelint.frameworks.declared_names import declared_handlers
from modelint.frameworks.events import ModeEvent, SeedEvent, record
from modelint.frameworks.graph import GraphNode, Part, forward_pass, is_differentiated
from modelint.frameworks.layers import LayerObject, Variables, call_layer, input_tensor, make_layer, note_trainable
from modelint.frameworks.models import (
    OpaqueModel,
    Sequential,
    call_model,
    fill_sequential,
    make_application,
    make_functional,
    make_sequential,
    model_attribute,
    save_model,
)
from modelint.frameworks.names import canonical, layer_kind
from modelint.frameworks.nests import gathered, map_structure
from modelint.frameworks.operations import EXACT_ASSERTIONS, compare, note_comparison, note_mixing, operate
from modelint.frameworks.shapes import array_shape, broadcast
from modelint.frameworks.structure import base_name
from modelint.frameworks.tapes import Optimizer, Strategy, Tape, gradient_function, graph_gradients, note_scope
from modelint.frameworks.tensors import Tensor, merged, tensors_in, use
from modelint.program.frames import Arguments, Frame
from modelint.program.interpreter import Interpreter
from modelint.program.statements import dotted_name
from modelint.program.values import (
    NONE,
    UNKNOWN,
    Builtin,
    Class,
    Const,
    External,
    Function,
    Handler,
    Instance,
    ListObject,
    Object,
    Range,
    Tuple,
    Union,
    Unknown,
    Value,
    alternatives,
    join_all,
)

PACKAGES = frozenset(
    (
        "tensorflow",
        "keras",
        "tf_keras",
        "numpy",
        "torch",
        "jax",
        "flax",
        "sklearn",
        "scipy",
        "pandas",
        "matplotlib",
        "cv2",
        "PIL",
        "tensorflow_hub",
        "tensorflow_datasets",
        "tensorflow_addons",
        "tensorflow_probability",
        "os",
        "sys",
        "time",
        "random",
        "re",
        "json",
        "logging",
        "pathlib",
        "datetime",
        "tqdm",
        "yaml",
        "six",
        "h5py",
        "seaborn",
        "pickle",
        "glob",
        "shutil",
    )
)

SEEDING = frozenset(
    (
        "tensorflow.random.set_seed",
        "keras.utils.set_random_seed",
        "numpy.random.seed",
        "random.seed",
        "torch.manual_seed",
    )
)

FORWARD_METHODS = frozenset(
    ("call", "build", "compute_output_shape", "compute_mask", "get_config", "from_config", "__init__")
)


COMPARING = frozenset(("Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"))
"""Operators that give a mask: what it selects is not as long as it is."""


class Named(External):
    """A name of a library that is known: calling it runs its handler."""

    __slots__ = ("handler",)

    def __init__(self, dotted: str, handler: Handler) -> None:
        super().__init__(dotted)
        self.handler = handler

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        return self.handler(interpreter, arguments)


def _identity(interpreter: Interpreter, arguments: Arguments) -> Value:
    return arguments.at(0)


def _function(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``tf.function(f)``, or ``tf.function(**options)`` as a decorator factory."""
    return arguments.get(0, "func") or UNKNOWN


def _cond(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``tf.cond(test, yes, no)`` and ``smart_cond``: both branches, each under its guard."""
    test, yes, no = arguments.at(0, "pred"), arguments.at(1, "true_fn"), arguments.at(2, "false_fn")

    def run(branch: Value) -> Callable[[], Value]:
        return lambda: interpreter.call(branch, Arguments((), {}, arguments.node, arguments.frame))

    truth = test.truth()
    if truth is not None:
        return run(yes if truth else no)()
    return interpreter.either(test, arguments.node, run(yes), run(no))


def _in_phase(train_first: bool) -> Handler:
    """``K.in_train_phase(x, alt, training)``."""

    def choose(interpreter: Interpreter, arguments: Arguments) -> Value:
        test = arguments.get(2, "training") or guards.LEARNING_PHASE
        first, second = arguments.at(0), arguments.at(1)

        def run(branch: Value) -> Callable[[], Value]:
            if isinstance(branch, Function):
                return lambda: interpreter.call(branch, Arguments((), {}, arguments.node, arguments.frame))
            return lambda: branch

        yes, no = (first, second) if train_first else (second, first)
        return interpreter.either(test, arguments.node, run(yes), run(no))

    return choose


def _seed(name: str) -> Handler:
    def set_seed(interpreter: Interpreter, arguments: Arguments) -> Value:
        record(interpreter, SeedEvent(arguments.site, arguments.frame, name=name, seed=arguments.at(0, "seed")))
        return NONE

    return set_seed


class RandomModule(External):
    """A module whose global seed is set by a function: whoever assigns to the function instead seeds nothing."""

    __slots__ = ()

    def set_attribute(self, interpreter: Interpreter, name: str, value: Value) -> None:
        function = f"{self.dotted}.{name}"
        frame = interpreter.stack[-1]
        if function not in SEEDING or frame.module is None or not _is_number(value):
            return
        match frame.statement:
            case ast.Assign(targets=[ast.Attribute()]) as node:
                site = frame.module.script.site(node)
                record(interpreter, SeedEvent(site, frame, name=function, seed=value, overwrites=True))


def _is_number(value: Value) -> bool:
    return all(
        isinstance(one, Range) or (isinstance(one, Const) and one.value is not None) for one in alternatives(value)
    )


def _learning_phase(interpreter: Interpreter, arguments: Arguments) -> Value:
    value = arguments.at(0, "value")
    phase = bool(value.value) if isinstance(value, Const) and value.value in (0, 1, True, False) else None
    interpreter.remember("learning_phase", phase)
    record(interpreter, ModeEvent(arguments.site, arguments.frame, value=phase))
    return NONE


def _mirrored(interpreter: Interpreter, arguments: Arguments) -> Value:
    devices = arguments.get(0, "devices")
    items = devices.iterate(interpreter) if devices is not None and not isinstance(devices, Const) else None
    replicas = Range(len(items), len(items)) if items else Range(1, None)
    return Strategy(replicas)


def _strategy(low: int, high: int | None, *, fixed_shapes: bool = False) -> Handler:
    return lambda interpreter, arguments: Strategy(Range(low, high), fixed_shapes)


def _map_function(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``tf.map_fn(f, x)``, ``tf.vectorized_map``: f sees one element."""
    return interpreter.call(arguments.at(0, "fn"), Arguments((Tensor(),), {}, arguments.node, arguments.frame))


def _run_main(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``absl.app.run(main)``."""
    return interpreter.call(arguments.at(0, "main"), Arguments((UNKNOWN,), {}, arguments.node, arguments.frame))


def _variable(interpreter: Interpreter, arguments: Arguments) -> Value:
    """A variable. One that a forward pass makes for itself, under a name of its own, carries nothing to the next."""
    statement = arguments.frame.statement
    targets = statement.targets if isinstance(statement, ast.Assign) else ()
    is_local = bool(targets) and all(isinstance(target, ast.Name) for target in targets)
    return Tensor(parameter=not (is_local and forward_pass(interpreter) is not None))


def _merge(kind: str) -> Handler:
    """The functional forms ``keras.layers.add([...])``."""

    def apply(interpreter: Interpreter, arguments: Arguments) -> Value:
        layer = make_layer(interpreter, kind, Arguments((), {}, arguments.node, arguments.frame))
        return call_layer(interpreter, layer, arguments)

    return apply


def _load_data(name: str) -> Handler:
    return lambda interpreter, arguments: dataset_sources.load_data(name)


def _clone(interpreter: Interpreter, arguments: Arguments) -> Value:
    return join_all([model.copied(interpreter) for model in alternatives(arguments.at(0, "model"))])


def _metric(name: str) -> Handler:
    """A metric or loss object: using it on predictions evaluates them."""

    def make(interpreter: Interpreter, arguments: Arguments) -> Value:
        return Metric(name)

    return make


class Metric(Object):
    """An object of ``keras.metrics`` or ``keras.losses``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def call(self, interpreter: Interpreter, arguments: Arguments) -> Value:
        tensors = list(tensors_in(arguments.all(), interpreter))
        how = "metric" if self.name.startswith("keras.metrics") else "loss"
        for tensor in tensors:
            use(interpreter, tensor, how)
        return merged(tensors, row_mean=True) or UNKNOWN

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        if name in ("update_state", "__call__"):
            return Builtin(f"metric.{name}", self.call)
        return UNKNOWN


class RandomGenerator(Object):
    """A NumPy generator: its draws have shapes, and a seed of their own."""

    __slots__ = ()

    def attribute(self, interpreter: Interpreter, name: str) -> Value:
        return Builtin(f"generator.{name}", lambda i, a: self._draw(i, name, a))

    def _draw(self, interpreter: Interpreter, name: str, arguments: Arguments) -> Value:
        tensors = list(tensors_in(arguments.all(), interpreter))
        return merged(tensors) or Tensor(
            shape=array_shape(interpreter, f"numpy.random.{name}", arguments), literal=True
        )


def _shown(interpreter: Interpreter, arguments: Arguments) -> Value:
    """The elements of what is gone through; that many are worth a progress bar, so they are not told apart."""
    value = arguments.at(0)
    if value.iterate(interpreter) is None:
        return value
    return interpreter.new_list((), value.element(interpreter))


SHOWING_PROGRESS = (
    "alive_progress.alive_it",
    "fastprogress.fastprogress.progress_bar",
    "fastprogress.progress_bar",
    "progressbar.progressbar",
    "rich.progress.track",
    "tqdm.auto.tqdm",
    "tqdm.autonotebook.tqdm",
    "tqdm.gui.tqdm",
    "tqdm.notebook.tqdm",
    "tqdm.rich.tqdm",
    "tqdm.std.tqdm",
    "tqdm.tqdm",
    "tqdm.tqdm_gui",
    "tqdm.tqdm_notebook",
)
"""What gives the elements of its first argument, and shows how many have been taken."""

_HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(SHOWING_PROGRESS, _shown),
    "tensorflow_datasets.as_numpy": _identity,
    "numpy.random.default_rng": lambda i, a: RandomGenerator(),
    "numpy.random.RandomState": lambda i, a: RandomGenerator(),
    "keras.Sequential": make_sequential,
    "keras.Model": make_functional,
    "keras.Input": input_tensor,
    "keras.models.load_model": lambda i, a: OpaqueModel("load_model", a.site),
    "keras.saving.load_model": lambda i, a: OpaqueModel("load_model", a.site),
    **dict.fromkeys(
        (
            "keras.models.save_model",
            "keras.saving.save_model",
            "tensorflow.saved_model.save",
            "tensorflow.lite.TFLiteConverter.from_keras_model",
        ),
        save_model,
    ),
    "keras.models.model_from_json": lambda i, a: OpaqueModel("model_from_json", a.site),
    "keras.models.clone_model": _clone,
    "tensorflow.saved_model.load": lambda i, a: OpaqueModel("saved_model.load", a.site),
    "keras.backend.learning_phase": guards.learning_phase.handler,
    "keras.backend.set_learning_phase": _learning_phase,
    "keras.backend.in_train_phase": _in_phase(train_first=True),
    "keras.backend.in_test_phase": _in_phase(train_first=False),
    "keras.utils.set_random_seed": _seed("keras.utils.set_random_seed"),
    "tensorflow.GradientTape": lambda i, a: Tape(a.frame),
    "tensorflow.function": _function,
    "tensorflow.autograph.experimental.do_not_convert": _function,
    "tensorflow.recompute_grad": _function,
    "tensorflow.custom_gradient": _function,
    "tensorflow.cond": _cond,
    "tensorflow.compat.v1.cond": _cond,
    "keras.ops.cond": _cond,
    "keras.utils.smart_cond": _cond,
    "absl.app.run": _run_main,
    "tensorflow.compat.v1.app.run": _run_main,
    "jax.grad": gradient_function(with_value=False),
    "jax.value_and_grad": gradient_function(with_value=True),
    "jax.jit": _function,
    "tensorflow.gradients": graph_gradients,
    "tensorflow.compat.v1.gradients": graph_gradients,
    "keras.backend.gradients": graph_gradients,
    "tensorflow.map_fn": _map_function,
    "tensorflow.vectorized_map": _map_function,
    "tensorflow.nest.map_structure": map_structure,
    "tensorflow.Variable": _variable,
    "keras.Variable": _variable,
    "tensorflow.distribute.MirroredStrategy": _mirrored,
    "tensorflow.distribute.experimental.MultiWorkerMirroredStrategy": _strategy(1, None),
    "tensorflow.distribute.MultiWorkerMirroredStrategy": _strategy(1, None),
    "tensorflow.distribute.TPUStrategy": _strategy(1, None, fixed_shapes=True),
    "tensorflow.distribute.experimental.TPUStrategy": _strategy(1, None, fixed_shapes=True),
    "tensorflow.distribute.OneDeviceStrategy": _strategy(1, 1),
    "tensorflow.distribute.get_strategy": _strategy(1, 1),
    "tensorflow.data.Dataset.from_tensor_slices": dataset_sources.from_tensors,
    "tensorflow.data.Dataset.from_tensors": lambda i, a: datasets.Dataset(),
    "tensorflow.data.Dataset.range": dataset_sources.counted,
    "tensorflow.data.Dataset.zip": dataset_sources.zipped,
    "tensorflow_datasets.builder": dataset_sources.builder,
    "tensorflow_datasets.load": dataset_sources.load_split,
    "keras.preprocessing.image.ImageDataGenerator": lambda i, a: datasets.Dataset(),
    **{
        f"keras.utils.{name}": dataset_sources.from_directory
        for name in (
            "image_dataset_from_directory",
            "text_dataset_from_directory",
            "audio_dataset_from_directory",
            "timeseries_dataset_from_array",
        )
    },
    **{f"keras.datasets.{name}.load_data": _load_data(name) for name in dataset_sources.DATASETS},
    **{name: _seed(name) for name in SEEDING},
    **dict(estimators.handlers()),
}


@functools.lru_cache(maxsize=8192)
def _named(dotted: str) -> Value:
    name = canonical(dotted)
    if name in ("numpy.random", "random", "tensorflow.random"):
        return RandomModule(name)
    if name in _HANDLERS:
        return Named(name, _HANDLERS[name])
    merging = table.merge_function(name.removeprefix("keras.layers.")) if name.startswith("keras.layers.") else None
    if merging is not None:
        return Named(name, _merge(merging))
    kind = layer_kind(name)
    if kind is not None:
        return Named(name, lambda interpreter, arguments: make_layer(interpreter, kind, arguments))
    parts = name.split(".")
    if name.startswith("keras.applications.") and len(parts) == 3:
        found = contents(parts[2])
        if found is not None:
            return Named(name, lambda i, a: make_application(i, parts[2], found, a))
    if (
        parts[0] in ("keras", "tensorflow")
        and "optimizers" in parts
        and parts[-1][:1].isupper()
        and "schedules" not in parts
    ):
        return Named(name, lambda i, a: Optimizer())
    if name.startswith(("keras.metrics.", "keras.losses.")) and parts[-1][:1].isupper():
        return Named(name, _metric(name))
    if name.startswith("tensorflow.data.") and name.endswith(
        ("Dataset", "from_generator", "list_files", "Dataset.random")
    ):
        return Named(name, lambda i, a: datasets.Dataset())
    return External(name)


class Frameworks:
    """Implements ``modelint.program.library.Library``. ``declared`` is what is known beside the library's own names."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self._own = {name: Named(name, handler) for name, handler in declared_handlers(declared)}

    def knows(self, package: str) -> bool:
        return package in PACKAGES

    def name(self, dotted: str) -> Value:
        if dotted in ("tensorflow.newaxis", "numpy.newaxis"):
            return NONE
        if dotted == "random.seed":
            return Named(dotted, _seed(dotted))
        if self._own:
            own = self._own.get(canonical(dotted))
            if own is not None:
                return own
        return _named(dotted)

    def imported_name(self, package: str, name: str) -> Value | None:
        found = self.name(f"{package}.{name}")
        return found if isinstance(found, Named) else None

    def surroundings(self, interpreter: Interpreter) -> Hashable:
        if not interpreter.contexts:
            return None
        in_tape = is_differentiated(interpreter)
        if forward_pass(interpreter) is None:
            return in_tape
        return in_tape, guards.reached(interpreter), guards.has_opaque_guard(interpreter)

    def unknown_call(self, interpreter: Interpreter, callee: Value, arguments: Arguments) -> Value:
        if isinstance(callee, External):
            found = operate(interpreter, canonical(callee.dotted), arguments)
            if found is not None:
                return found
            found = gathered(interpreter, canonical(callee.dotted), arguments)
            if found is not None:
                return found
        if isinstance(callee, Unknown):
            if callee.origins:
                given.note_call(interpreter, callee, arguments)
            _note_unknown_part(interpreter, arguments)
            match arguments.node:
                case ast.Call(func=ast.Attribute(attr=name)) if name in EXACT_ASSERTIONS:
                    note_comparison(interpreter, name, arguments)
        if _is_seeding(callee, arguments.node):
            record(interpreter, SeedEvent(arguments.site, arguments.frame, name="unknown", seed=arguments.at(0)))
        tensors = list(tensors_in(arguments.all(), interpreter))
        if isinstance(callee, Tensor):
            tensors.append(callee)
        found = merged(tensors, structured=True) or datasets.passed_on(interpreter, arguments)
        return found or given.result_value(interpreter, callee, arguments)

    def unknown_attribute(self, interpreter: Interpreter, value: Value, name: str) -> Value:
        if not isinstance(value, Unknown):
            return UNKNOWN
        if name in ("apply_gradients", "minimize", "compute_gradients"):
            return Optimizer().attribute(interpreter, name)
        shown = datasets.step_of_unknown(name) or run_of_unknown(name)
        if shown is not None:
            return shown
        return given.attribute_value(interpreter, value, name)

    def parameter(self, interpreter: Interpreter, function: Function, instance: Instance | None, name: str) -> Value:
        return given.parameter_value(interpreter, function, instance, name)

    def operation(
        self, interpreter: Interpreter, operator: str, operands: tuple[Value, ...], node: ast.AST, frame: Frame
    ) -> Value | None:
        on_mode = guards.operation(operator, operands)
        if on_mode is not None:
            return on_mode
        if operator == "Add" and len(operands) == 2:
            added = _add_variables(interpreter, operands)
            if added is not None:
                return added
        tensors = [value for operand in operands for value in alternatives(operand) if isinstance(value, Tensor)]
        if not tensors:
            return None
        if operator in ("Is", "IsNot", "In", "NotIn"):
            return None
        if operator in ("And", "Or"):
            return None
        if operator in ("Eq", "NotEq") and len(operands) == 2:
            compare(interpreter, "==" if operator == "Eq" else "!=", *operands, Arguments(operands, {}, node, frame))
            for tensor in tensors:
                use(interpreter, tensor, "decision")
        note_mixing(interpreter, tensors)
        if operator == "Mult":
            note_product(interpreter, tensors)
        elif operator in ORDERING:
            note_mask(interpreter, tensors)
        averages = all(t.row_mean for t in tensors)
        sums = operator in ("Add", "Sub")
        added_at = next((t.accumulated for t in tensors if t.accumulated is not None), None)
        if operator == "Div" and added_at is not None:
            note_mean_of_means(interpreter, tensors, operands[-1], added_at, node, frame)
        elif averages and operator == "Add" and interpreter.loop_depth > 0 and adds_to_itself(node, frame):
            added_at = node
        return merged(
            tensors,
            elementwise=operator != "MatMult",
            batch_first=any(t.batch_first for t in tensors),
            shape=None if operator in COMPARING else broadcast([t.shape for t in tensors]),
            row_mean=averages and (len(tensors) == 1 or sums),
            integer=all(t.integer for t in tensors),
            accumulated=added_at if sums else None,
        )

    def class_base(self, value: Value) -> External | None:
        if not isinstance(value, External):
            return None
        name = canonical(value.dotted)
        if name in ("keras.Model", "keras.Sequential", "keras.Layer") or layer_kind(name) is not None:
            return value
        return None

    def base_attribute(self, interpreter: Interpreter, instance: Instance, base: External, name: str) -> Value | None:
        kind = canonical(base.dotted)
        if name == "__init__":
            return Builtin(f"{kind}.__init__", lambda i, a: _initialise(i, instance, kind, a))
        if name == "__call__":
            return Builtin(f"{kind}.__call__", lambda i, a: self.call_instance(i, instance, a) or UNKNOWN)
        graph = interpreter.store.get(instance.identity, "#graph")
        if graph is not None and name in ("add", "layers", "output", "outputs", "input", "inputs", "get_layer", "call"):
            return interpreter.attribute(graph, name)
        if name == "call":
            own = interpreter.class_attribute(instance.cls, "call")
            if isinstance(own, Function) and forward_pass(interpreter) is None:
                return Builtin(f"{kind}.call", lambda i, a: call_model(i, instance, a, through="call"))
            layer = layer_kind(kind)
            if layer is not None:
                stock = LayerObject(layer, {}, instance.cls.site, ())
                return Builtin(f"{kind}.call", lambda i, a: call_layer(i, stock, a, bypass=True))
        if name in ("add_loss", "add_metric"):
            return Builtin(f"{kind}.{name}", _add_loss)
        if name in ("add_weight", "add_variable"):
            return Builtin(f"{kind}.{name}", _variable)
        if kind in ("keras.Model", "keras.Sequential"):
            if name == "optimizer":
                return Optimizer()
            found = model_attribute(interpreter, instance, name)
            if found is not None:
                return found
        if name in ("trainable_variables", "trainable_weights", "weights", "variables"):
            return Variables((instance,))
        return None

    def instantiated(self, interpreter: Interpreter, instance: Instance, arguments: Arguments) -> None:
        note_scope(interpreter, instance)
        base = base_name(interpreter, instance)
        if base is not None and not isinstance(interpreter.class_attribute(instance.cls, "__init__"), Function):
            _initialise(interpreter, instance, base, arguments)

    def method(self, interpreter: Interpreter, instance: Instance, name: str) -> Value | None:
        if name == "call" and base_name(interpreter, instance) is not None:
            if isinstance(interpreter.class_attribute(instance.cls, "__call__"), Function):
                return None  # what calling it does is the program's own affair
            return Builtin("call", lambda i, a: call_model(i, instance, a, through="call"))
        return None

    def call_instance(self, interpreter: Interpreter, instance: Instance, arguments: Arguments) -> Value | None:
        base = base_name(interpreter, instance)
        if base is None:
            return None
        has_call = interpreter.class_attribute(instance.cls, "call") is not None
        graph = interpreter.store.get(instance.identity, "#graph")
        if not has_call and graph is None and layer_kind(base) is None:
            return call_model(interpreter, instance, arguments)
        tensors = list(tensors_in(arguments.all(), interpreter))
        concrete = any(t.symbolic is None for t in tensors)
        in_tape = is_differentiated(interpreter)
        is_model = base in ("keras.Model", "keras.Sequential")
        if not is_model and not concrete and not in_tape and forward_pass(interpreter) is None and not tensors:
            part = Part(instance, arguments.site, Passing.ABSENT, arguments=arguments)
            return Tensor(symbolic=GraphNode(part, presumed=True))
        return call_model(interpreter, instance, arguments)

    def attribute_set(self, interpreter: Interpreter, instance: Instance, name: str, value: Value) -> None:
        if name == "trainable":
            note_trainable(interpreter, instance, value)

    def decorate(self, interpreter: Interpreter, decorator: Value, function: Function | Class) -> Value | None:
        return None

    def dropped(self, interpreter: Interpreter, value: Value, node: ast.AST, frame: Frame) -> None:
        for tensor in tensors_in((value,), interpreter):
            for call in tensor.calls:
                if call.site.node is node:
                    call.dropped = True
                    interpreter.effects += 1

    def returned(self, interpreter: Interpreter, value: Value, frame: Frame) -> None:
        for tensor in tensors_in((value,), interpreter):
            use(interpreter, tensor, f"returned by {frame.name}")

    def enter_root(self, interpreter: Interpreter, function: Function, instance: Instance | None) -> bool:
        if instance is None:
            return True
        if base_name(interpreter, instance) is None:
            return True
        return function.name not in FORWARD_METHODS


def _note_unknown_part(interpreter: Interpreter, arguments: Arguments) -> None:
    """Note that a forward pass runs something of its owner's of which nothing is known (``self.backbone(x)``)."""
    context = forward_pass(interpreter)
    match arguments.node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"))):
            if context is not None and not context.opaque and any(True for _ in tensors_in(arguments.positional)):
                context.opaque = True
                interpreter.effects += 1


def _is_seeding(callee: Value, node: ast.AST) -> bool:
    """Whether an unknown call sets a seed, by its name (``seed_everything``, ``utils.set_random_seeds``)."""
    if isinstance(callee, External):
        name = callee.dotted
        if name.startswith(("numpy.", "torch.", "tensorflow.", "keras.")):
            return False
    elif isinstance(node, ast.Call):
        name = dotted_name(node.func)
    else:
        return False
    return "seed" in name.rpartition(".")[2].lower()


def _add_variables(interpreter: Interpreter, operands: tuple[Value, ...]) -> Value | None:
    owners: list[Value] = []
    for operand in operands:
        for one in alternatives(operand):
            if isinstance(one, Variables):
                owners.extend(one.owners)
            elif isinstance(one, Unknown) and isinstance(operand, Union):
                continue  # of another kind of network; whose weights these are is known of the others
            elif not isinstance(one, (ListObject, Tuple, Tensor)):
                return None
    return Variables(tuple(dict.fromkeys(owners))) if owners else None


def _add_loss(interpreter: Interpreter, arguments: Arguments) -> Value:
    """``self.add_loss(x)``: what x takes from the whole batch is part of a loss."""
    for tensor in tensors_in(arguments.all(), interpreter):
        for event in tensor.statistics:
            event.loss = True
            interpreter.effects += 1
    return NONE


def _initialise(interpreter: Interpreter, instance: Instance, kind: str, arguments: Arguments) -> Value:
    """``super().__init__(...)`` of a Keras class: may give a functional or sequential graph."""
    if kind == "keras.Sequential":
        graph = Sequential(arguments.site, instance.cls.name)
        fill_sequential(interpreter, graph, arguments)
        interpreter.store.set(instance.identity, "#graph", graph)
    elif kind == "keras.Model":
        named = arguments.named(("inputs", "outputs"))
        if "inputs" in named and "outputs" in named:
            interpreter.store.set(instance.identity, "#graph", make_functional(interpreter, arguments))
    trainable = arguments.keywords.get("trainable")
    if trainable is not None:
        note_trainable(interpreter, instance, trainable)
    return NONE
