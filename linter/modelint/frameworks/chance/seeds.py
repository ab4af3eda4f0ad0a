"""Global seeds judged: which draws they govern, by version, and which they were set for in vain."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from modelint.documents.trees import FUNCTIONS, LOOPS, descendants_of
from modelint.facts import UNKNOWN as UNKNOWN_SETTING
from modelint.facts import Assigned, Governor, KerasVersion, RandomSource, Seeding, Setting
from modelint.frameworks.events import DrawEvent, Event, FitEvent, GradientEvent, LayerEvent, SeedEvent
from modelint.frameworks.intent import path_to
from modelint.frameworks.layers import setting
from modelint.frameworks.running import Running
from modelint.frameworks.signatures import imported_as
from modelint.frameworks.trees import Trees
from modelint.program.frames import Frame
from modelint.program.statements import called_name, dotted_name
from modelint.program.values import Const

BOTH = "keras.utils.set_random_seed"
TENSORFLOW = "tensorflow.random.set_seed"
NUMPY = "numpy.random.seed"
PYTHON = "random.seed"

_BLAMED = (BOTH, TENSORFLOW, NUMPY, PYTHON, "torch.manual_seed")
"""Of several seeds that do not reach what is drawn, the first of these could most be thought to."""

_OWN = {TENSORFLOW: "tensorflow.", NUMPY: "numpy.", PYTHON: "random.", "torch.manual_seed": "torch."}
"""What is drawn from the generator that a function seeds."""

_BY_NUMPY = frozenset(("sample", "train_test_split", "resample", "KFold", "StratifiedKFold"))
"""Functions of pandas and scikit-learn that draw from NumPy's generator where they are given no ``random_state``."""

_KERAS_ITSELF = re.compile(r"^[ \t]*(from|import)\s+keras\b", re.MULTILINE)
_WHOLE = re.compile(r"reproduc|repeatab|determinis|same (result|outcome|number)", re.IGNORECASE)
_SEEDING = re.compile(r"seed|reproduc|determinis", re.IGNORECASE)
DIRECTLY = 3
"""So many statements after a seed, what is drawn is drawn right after it."""

NEAR = 4
"""So many lines apart, seeds are set together."""


class Seeds:
    """The global seeds that one program sets when it is run."""

    def __init__(self, trees: Trees, events: list[Event], running: Running) -> None:
        self.trees = trees
        self.versions = trees.versions
        seeds = [event for event in events if isinstance(event, SeedEvent) and _counts(event, running)]
        self.events = [event for event in seeds if not event.overwrites]
        self.overwriting = [event for event in seeds if event.overwrites]
        self.layers = [event for event in events if isinstance(event, LayerEvent)]
        self.draws = [event for event in events if isinstance(event, DrawEvent) and running.runs(event)]
        self.trained = [
            event
            for event in events
            if (isinstance(event, FitEvent) or (isinstance(event, GradientEvent) and event.applied))
            and running.runs(event)
        ]
        self._earliest: dict[str, int] = {}
        for event in self.events:
            self._earliest[event.name] = min(event.order, self._earliest.get(event.name, event.order))

    # what they govern

    def _before(self, order: int | None, *names: str) -> bool:
        return any(
            self._earliest[name] < order if order is not None else True for name in names if name in self._earliest
        )

    def may_govern_layer(self, event: LayerEvent) -> bool:
        """Whether a seed may reach a layer by the version of Keras, which is not known so exactly.

        Up to 2.3, ``keras`` (not ``tf.keras``) took the seed of a dropout from NumPy: ``np.random.randint(10e6)``.
        """
        old = self.versions == (KerasVersion.KERAS_2,) and self._before(None, NUMPY)
        return old and _is_of_keras_itself(event)

    def govern_layer(self, order: int, version: KerasVersion) -> bool:
        """Keras 3 takes a layer's seed from Python's ``random`` when it is made, Keras 2 TensorFlow's at the draw."""
        if version is KerasVersion.KERAS_2:
            return self._before(None, BOTH, TENSORFLOW)
        return self._before(order, BOTH, PYTHON)

    def govern_draw(self, event: DrawEvent, version: KerasVersion) -> bool:
        """Whether a global seed reaches a draw outside of layers."""
        if event.what.startswith(("keras.random.", "random.")):
            return self._before(None, BOTH, PYTHON)
        if event.what.startswith("numpy."):
            return self._before(None, BOTH, NUMPY)
        return self._before(None, BOTH, TENSORFLOW)

    def governor(self, seed: Setting, ungoverned: tuple[KerasVersion, ...]) -> Governor:
        """What makes a draw reproducible that has a seed of its own, or none, and that no global one reaches."""
        if seed is UNKNOWN_SETTING:
            return Governor.UNKNOWN
        if seed is not None:
            return Governor.ARGUMENT
        if self._before(None, "unknown"):
            return Governor.UNKNOWN
        if not ungoverned:
            return Governor.GLOBAL
        return Governor.NOTHING

    # what they were set for

    def seedings(self, sources: Sequence[RandomSource]) -> Iterator[Seeding]:
        """All of them; the one that is to blame for it has the draws that no seed reaches."""
        missed = [
            source
            for source in sources
            if source.runs
            and source.seeded_by is Governor.NOTHING
            and (source.is_training_noise or source.kind == "shuffle")
            and source.seed is None
        ]
        blamed = None if self.overwriting else self._blamed(missed)
        for event in (*self.events, *self.overwriting):
            if event.name == "unknown":
                continue
            early = all(event.order < made.order for made in self.layers)
            seeding = Seeding(event.site, event.name, setting(event.seed, self.trees.interpreter), early=early)
            if event.overwrites:
                yield replace(seeding, ineffective_for=tuple(missed), assigned=_assigned(event))
            else:
                yield seeding if event is not blamed else self._in_vain(event, seeding, missed)

    def _blamed(self, missed: Sequence[RandomSource]) -> SeedEvent | None:
        """The seed that could most be thought to govern the training of the whole program."""
        if not missed:
            return None
        trained = max((event.order for event in self.trained), default=None)
        candidates = [
            event
            for event in self.events
            if event.name in _BLAMED
            and (trained is None or event.order < trained)
            and (_is_said_to_be_for_all(event, self.events) or not self._is_for_what_follows(event))
        ]
        return min(
            candidates,
            key=lambda event: (not self._is_for_training(event, missed), _BLAMED.index(event.name), event.order),
            default=None,
        )

    def _in_vain(self, event: SeedEvent, seeding: Seeding, missed: Sequence[RandomSource]) -> Seeding:
        versions = tuple(v for v in self.versions if any(v in source.ungoverned_in for source in missed))
        others = {other.site.resolve(): other for other in self.events if other.name not in ("unknown", event.name)}
        return replace(
            seeding,
            ineffective_for=tuple(missed),
            reason=_reason(event.name, missed),
            versions=versions,
            intended=self._is_for_training(event, missed),
            because=tuple((place, "this seed does not reach them either") for place in others),
        )

    def _is_for_training(self, event: SeedEvent, missed: Sequence[RandomSource]) -> bool:
        """Whether a seed is meant for the whole training: it says so, or it could be meant for nothing else."""
        if event.name in (BOTH, TENSORFLOW) or _is_said_to_be_for_all(event, self.events):
            return True
        if event.function is not None and _SEEDING.search(event.function):
            return True
        at_top = event.frame.function is None or any(_within(event.frame, trained) for trained in self.trained)
        layers = any(source.kind != "shuffle" for source in missed)
        return at_top and layers and not any(draw.what.startswith(_OWN[event.name]) for draw in self.draws)

    def _is_for_what_follows(self, event: SeedEvent) -> bool:
        """Whether a seed is set for what its own generator draws right after it, or in the same function."""
        own = _OWN.get(event.name)
        if own is None:
            return False
        following = list(_following(event))
        drawn = [draw for draw in self.draws if draw.order > event.order and draw.what.startswith(own)]
        inside = [node for draw in drawn if (node := _within(event.frame, draw)) is not None]
        script = event.site.script
        if any(one in following for node in inside for one in (node, *path_to(script, node))):
            return True
        if event.name == NUMPY and any(_draws_by_numpy(statement) for statement in following):
            return True
        trains = any(_within(event.frame, trained) is not None for trained in self.trained)
        return bool(inside) and event.frame.function is not None and not trains


def _counts(event: SeedEvent, running: Running) -> bool:
    """Whether a seed is set when the program is run. ``seed(None)`` takes it back."""
    if event.name == "unknown":
        return True
    taken_back = isinstance(event.seed, Const) and event.seed.value is None and not event.seed.assumed
    return not taken_back and running.runs(event)


def _assigned(event: SeedEvent) -> Assigned | None:
    """The assignment to the function of a seed."""
    script, node = event.site.script, event.site.node
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return None
    target = node.targets[0]
    return Assigned(dotted_name(target), script.site(target), script.site(node.value))


def _is_said_to_be_for_all(event: SeedEvent, others: Sequence[SeedEvent]) -> bool:
    """Whether a comment says that a seed is for the whole program, or several generators are seeded together."""
    span = event.site.resolve().span
    if span is None:
        return False
    lines = event.site.script.lines
    comments = [lines[span.line - 1].partition("#")[2]]
    for line in reversed(lines[max(0, span.line - 1 - NEAR) : span.line - 1]):
        if not line.lstrip().startswith("#"):
            break
        comments.append(line)
    if any(map(_WHOLE.search, comments)):
        return True
    around = lines[max(0, span.line - 1 - NEAR) : span.line + NEAR]
    return any("PYTHONHASHSEED" in line for line in around) or any(
        other.frame is event.frame and other.name != event.name and _lines_apart(event, other) <= NEAR
        for other in others
    )


def _is_of_keras_itself(event: LayerEvent) -> bool:
    """Whether a layer may be one of ``keras``, and not of ``tf.keras``."""
    script, node = event.site.script, event.site.node
    name = dotted_name(node.func).partition(".")[0] if isinstance(node, ast.Call) else ""
    dotted = imported_as(script, name)
    if dotted is None:
        return _KERAS_ITSELF.search(script.text) is not None
    return dotted.partition(".")[0] == "keras"


def _reason(name: str, missed: Sequence[RandomSource]) -> str:
    """Why a seed does not reach the draws."""
    if name == TENSORFLOW and all(source.what.startswith("keras.layers.") for source in missed):
        return "Keras 3 takes the seed of a layer from Python's random"
    reasons = {
        BOTH: "it comes after the layers are made",
        TENSORFLOW: "it seeds TensorFlow only",
        NUMPY: "it seeds NumPy only",
        PYTHON: "it seeds Python's random only",
    }
    return reasons.get(name, "it seeds PyTorch only")


def _within(frame: Frame, event: Event) -> ast.AST | None:
    """The node in a frame that an event happens in, itself or in what is called there; None if it is elsewhere."""
    node: ast.AST | None = event.site.node
    scope: Frame | None = event.frame
    while scope is not None and scope is not frame:
        node, scope = scope.called_from, scope.caller
    return node if scope is not None else None


def _following(event: Event) -> Iterator[ast.AST]:
    """The statements that are executed directly after the one in which an event happens, in the same function."""
    script, node = event.site.script, event.site.node
    left = DIRECTLY
    for above in reversed(path_to(script, node)):
        blocks = (getattr(above, name, None) for name in ("body", "orelse", "finalbody"))
        block = next((one for one in blocks if isinstance(one, list) and node in one), [node])
        following = block[block.index(node) + 1 :][:left]
        left -= len(following)
        yield from following
        if left <= 0 or isinstance(above, (*FUNCTIONS, *LOOPS)):
            return
        node = above


def _draws_by_numpy(statement: ast.AST) -> bool:
    """Whether a statement draws from NumPy's generator through another library."""
    for node in descendants_of(statement):
        if isinstance(node, ast.Call) and called_name(node) in _BY_NUMPY:
            return not any(keyword.arg == "random_state" for keyword in node.keywords)
    return False


def _lines_apart(one: Event, other: Event) -> float:
    first, second = one.site.resolve(), other.site.resolve()
    if first.path != second.path or first.span is None or second.span is None:
        return float("inf")
    return abs(first.span.line - second.span.line)
