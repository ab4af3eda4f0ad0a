"""What the interpreter saw a program do, in order: the raw material of the facts.

Events are written while the program is executed abstractly and judged afterwards, when it is known what happened to
their results. ``order`` grows along the execution.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from modelint.documents import Site
from modelint.documents.trees import FUNCTIONS
from modelint.facts import Passing, Setting
from modelint.frameworks.keras_modes import ALWAYS, Training
from modelint.program.frames import Frame
from modelint.program.interpreter import Interpreter
from modelint.program.values import External, Function, Instance, Value, new_identity

_TESTING = re.compile(
    r"^[ \t]*(from|import)\s+(pytest|unittest|absl\.testing|\S*test_case|\S*testing)\b|\btf\.test\.|TestCase\)",
    re.MULTILINE,
)

if TYPE_CHECKING:
    from modelint.frameworks.data.batching import Batching
    from modelint.frameworks.data.rounding import Rounding
    from modelint.frameworks.graph import ForwardContext, GraphNode
    from modelint.frameworks.layers import LayerObject
    from modelint.frameworks.tapes import Tape


def is_test(path: str) -> bool:
    """Whether a file holds tests: what it trains is trained for the test's sake."""
    *folders, name = path.split("/")
    return (
        name.lstrip("_").startswith("test_")
        or name.endswith(("_test.py", "_tests.py"))
        or name == "conftest.py"
        or "tests" in folders
    )


def is_unit_test(frame: Frame) -> bool:
    """Whether a frame executes a unit test. A script that tests a network is called ``test_network.py`` as well."""
    owner = frame.function.owner if frame.function is not None else None
    if owner is not None:
        names = (base.dotted if isinstance(base, External) else getattr(base, "name", "") for base in owner.mro())
        if any(name.endswith("TestCase") for name in names):
            return True
    named_so = frame.name is not None and frame.name.startswith("test")
    return named_so and frame.module is not None and _tests_units(frame.module.script.text)


@lru_cache(maxsize=2048)
def _tests_units(text: str) -> bool:
    return bool(_TESTING.search(text))


@dataclass(slots=True, eq=False)
class Event:
    """Something that happened at a site."""

    site: Site
    frame: Frame
    order: int = field(default_factory=new_identity)

    @property
    def function(self) -> str | None:
        """The name of the innermost named function it happened in."""
        scope: Frame | None = self.frame
        while scope is not None:
            if scope.name is not None and scope.name != "<lambda>":
                return scope.name
            scope = scope.parent
        return None

    def method(self) -> Function | None:
        """The method of a class that it happens in."""
        scope: Frame | None = self.frame
        while scope is not None:
            function = scope.function
            if function is not None and function.owner is not None and isinstance(function.node, FUNCTIONS):
                return function
            scope = scope.caller
        return None

    @property
    def owner(self) -> str | None:
        """The name of the class in whose method it happens."""
        method = self.method()
        return method.owner.name if method is not None and method.owner is not None else None

    def forward_place(self) -> tuple[tuple[Site, str], ...]:
        """The method of a class that it happens in, as a reason."""
        method = self.method()
        if method is None or not isinstance(method.node, FUNCTIONS):
            return ((self.site, "in a forward pass"),)
        return ((method.site, f"in the forward pass of {self.owner}"),)

    def functions(self) -> list[str]:
        """The names of all functions under way, innermost first, but those of unit tests, which test anything."""
        names: list[str] = []
        scope: Frame | None = self.frame
        while scope is not None and len(names) < 12:
            if scope.name is not None and not is_unit_test(scope):
                names.append(scope.name)
            scope = scope.caller
        return names

    @property
    def in_unit_test(self) -> bool:
        """Whether it happens in a unit test, or in what one calls."""
        scope: Frame | None = self.frame
        while scope is not None:
            if is_unit_test(scope):
                return True
            scope = scope.caller
        return False


@dataclass(slots=True, eq=False)
class CallEvent(Event):
    """A model was run outside of another model's forward pass."""

    model: Value = field(kw_only=True)
    through: str = field(kw_only=True)
    passing: Passing = field(kw_only=True)
    tapes: tuple[Tape, ...] = ()
    reached: frozenset[Training] = ALWAYS
    batching: Batching | None = None
    arguments: tuple[Value, ...] = ()
    keywords: dict[str, Value] = field(default_factory=dict)
    uses: set[str] = field(default_factory=set)  # what its result was seen to be used for
    dropped: bool = False
    repeated: bool = False  # in a loop or comprehension whose variable it does not use
    learning_phase: Training = None
    presumed: bool = False  # it may as well be part of a model that is being built


@dataclass(slots=True, eq=False)
class FitEvent(Event):
    """``fit``, ``train_on_batch`` and their like."""

    model: Value = field(kw_only=True)
    through: str = field(kw_only=True)
    batching: Batching | None = None
    batch_size: Value | None = None
    scopes: tuple[Any, ...] = ()
    keywords: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class EvaluateEvent(Event):
    """``evaluate``, ``predict`` and their like, and evaluation data given to ``fit``."""

    model: Value = field(kw_only=True)
    through: str = field(kw_only=True)
    batching: Batching | None = None
    steps: Value | None = None
    rounding: Rounding | None = None  # of the number of steps
    one_batch: bool = False  # what it runs over is one batch of a pipeline
    fixed_shapes: bool = False  # it runs on a device that takes batches of one size only


@dataclass(slots=True, eq=False)
class GradientEvent(Event):
    """``tape.gradient(target, sources)``."""

    tape: Tape | None = field(kw_only=True)  # None: the gradients of a graph, without a tape
    calls: frozenset[CallEvent] = frozenset()
    target_known: bool = False
    sources: Value = field(kw_only=True)
    applied: bool = False


@dataclass(slots=True, eq=False)
class TrainableEvent(Event):
    """``layer.trainable = flag`` (None: not known)."""

    target: Value = field(kw_only=True)
    flag: bool | None = field(kw_only=True)


@dataclass(slots=True, eq=False)
class LayerEvent(Event):
    """A layer object was made."""

    layer: LayerObject = field(kw_only=True)
    in_forward: bool = False
    positional: tuple[Setting, ...] = ()
    named: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class ModelEvent(Event):
    """A model was made by the library."""

    model: Value = field(kw_only=True)


@dataclass(slots=True, eq=False)
class SeedEvent(Event):
    """A global seed was set. ``overwrites``: it was assigned to the function that sets it, and nothing is seeded."""

    name: str = field(kw_only=True)
    seed: Value = field(kw_only=True)
    overwrites: bool = False


@dataclass(slots=True, eq=False)
class DrawEvent(Event):
    """A random operation, outside of layers. ``forward`` is the layer or model in whose forward pass it happens."""

    what: str = field(kw_only=True)
    kind: str = field(kw_only=True)
    seed: Value | None = None
    rate: Value | None = None
    forward: Value | None = None
    reached: frozenset[Training] = ALWAYS
    opaque_guard: bool = False  # under a test that says nothing of the mode
    named_guard: bool = False  # under a test that is about the mode by its names
    repeated: bool = False  # in a loop, or in what a loop calls
    uses: set[str] = field(default_factory=set)  # what its numbers were seen to be used for

    @property
    def owner(self) -> str | None:
        """The name of the class of the program in whose forward pass it happens."""
        return self.forward.cls.name if isinstance(self.forward, Instance) else None

    def forward_place(self) -> tuple[tuple[Site, str], ...]:
        """The layer or model in whose forward pass it happens, as a reason."""
        if not isinstance(self.forward, Instance):
            return ((getattr(self.forward, "site", self.site), "in the function of this Lambda layer"),)
        scope: Frame | None = self.frame
        while scope is not None and (scope.function is None or scope.function.bound is not self.forward):
            scope = scope.caller
        function = scope.function if scope is not None else None
        if function is None or not isinstance(function.node, FUNCTIONS):
            return ((self.site, f"in the forward pass of {self.owner}"),)
        return ((function.site, f"in the forward pass of {self.owner}"),)


@dataclass(slots=True, eq=False)
class SaveEvent(Event):
    """A model was saved with its graph, to be run elsewhere."""

    model: Value = field(kw_only=True)


@dataclass(slots=True, eq=False)
class ReductionEvent(Event):
    """An operation that mixes the samples of a batch, in a forward pass."""

    operation: str = field(kw_only=True)
    axis: tuple[int, ...] | None = None
    reached: frozenset[Training] = ALWAYS
    loss: bool = False
    forward: ForwardContext | None = None


@dataclass(slots=True, eq=False)
class CompareEvent(Event):
    """Two values compared exactly, at least one of which is a prediction."""

    how: str = field(kw_only=True)
    left: Value = field(kw_only=True)
    right: Value = field(kw_only=True)


@dataclass(slots=True, eq=False)
class MeanEvent(Event):
    """A sum to which a loop adds the means of batches, divided by something."""

    calls: frozenset[CallEvent] = field(kw_only=True)  # of the models that it was computed from
    added: ast.AST = field(kw_only=True)
    divisor: ast.AST = field(kw_only=True)
    counted: bool = field(kw_only=True)  # the divisor is known to be a number of batches


@dataclass(slots=True, eq=False)
class ResetEvent(Event):
    """The state of a recurrent layer (or of a model's) was reset."""

    target: Value = field(kw_only=True)


@dataclass(slots=True, eq=False)
class ModeEvent(Event):
    """``set_learning_phase(value)``."""

    value: Training = None


@dataclass(slots=True, eq=False)
class StaticBatchEvent(Event):
    """A fixed batch dimension."""

    how: str = field(kw_only=True)
    size: int = field(kw_only=True)
    node: GraphNode | None = None  # of an input
    stateful: bool = False


@dataclass(slots=True, eq=False)
class WriteEvent(Event):
    """A variable assigned in a forward pass."""

    how: str = field(kw_only=True)
    reached: frozenset[Training] = ALWAYS


def record(interpreter: Interpreter, event: Event) -> None:
    """Add an event to those of the module or root under way."""
    interpreter.events.append(event)
    interpreter.effects += 1
