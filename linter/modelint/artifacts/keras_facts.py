"""What a saved Keras model does when it is called: the facts beside its graph.

Takes the flattened model and the versions that may have written it. The mode of every layer is resolved by simulation
(``frameworks.keras_modes``) for a bare ``model(x)`` and for ``predict``. A file holds no call, so what is said of
``model(x)`` is said of any call of that form, and in Keras 3 of an exported model, which is traced by one.

Keras 3.0 to 3.15 record the defaults of signatures as if they had been passed. A recorded ``training`` that equals the
default of its layer is therefore no sign that somebody wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from modelint.artifacts.keras_graph import Flattened, Step
from modelint.artifacts.keras_operations import mixing
from modelint.artifacts.model_file import Effect, EffectKind
from modelint.facts import (
    Fact,
    HardWiredMode,
    KerasVersion,
    Layer,
    Mode,
    ModelCall,
    Passing,
    Purpose,
)
from modelint.finding import Place
from modelint.frameworks.keras_modes import Entry, Training, Unresolved, resolve
from modelint.wording import version_ranges

Modes = dict[int, Training | Unresolved]

_RECORDS_DEFAULTS: Final = (KerasVersion.KERAS_3_0, KerasVersion.KERAS_3_6, KerasVersion.KERAS_3_10)


def facts_of(model: Flattened, versions: tuple[KerasVersion, ...]) -> tuple[Fact, ...]:
    """The modes that are hard-wired in a model, and those that a bare call leaks."""
    judging = _Judging(model, versions)
    return (*judging.hard_wired(), *judging.leaks())


def effects_of(model: Flattened) -> tuple[Effect, ...]:
    """What running the model in inference mode does beside computing: state carried on, samples mixed."""
    layers = {layer.identity: layer for layer in model.model.layers}
    carried = (
        Effect(EffectKind.WRITES, layer, f"the state of {layer} is carried from one prediction to the next")
        for layer in layers.values()
        if layer.traits.writes_state_at_inference
    )
    return (*carried, *mixing(model.model, model.fed))


@dataclass(slots=True)
class _Judging:
    flattened: Flattened
    versions: tuple[KerasVersion, ...]
    called: dict[KerasVersion, Modes] = field(init=False)
    predicted: dict[KerasVersion, Modes] = field(init=False)

    def __post_init__(self) -> None:
        nodes = {version: self.flattened.root.call_node(version) for version in self.versions}
        self.called = {v: dict(resolve(node, Entry.CALL, Passing.ABSENT, v)) for v, node in nodes.items()}
        self.predicted = {v: dict(resolve(node, Entry.PREDICT, Passing.ABSENT, v)) for v, node in nodes.items()}

    # hard-wired modes

    def hard_wired(self) -> Iterator[HardWiredMode]:
        """The calls with a constant ``training`` that somebody wrote; for a model or wrapper, one for all it holds."""
        for step in _steps(self.flattened.root):
            if not all(_is_written(step, version) for version in self.versions):
                continue
            leaves = [leaf for leaf in step.leaves() if self._layer(leaf).traits.mode_sensitive]
            if leaves:
                layer = self._as_layer(step, leaves)
                yield HardWiredMode(
                    layer.called_at,
                    layer,
                    step.passing,
                    f"{self.flattened.model.kind} {self.flattened.model.name!r}",
                    {version: _together(self.predicted[version], leaves) for version in self.versions},
                    {version: _together(self.called[version], leaves) for version in self.versions},
                    because=tuple(
                        (self._layer(leaf).place, f"it holds {self._layer(leaf)}")
                        for leaf in leaves[:3]
                        if step.children
                    ),
                )

    def _as_layer(self, step: Step, leaves: list[Step]) -> Layer:
        """What was called, as a layer that does what its parts do."""
        first = self._layer(leaves[0])
        if not step.children:
            return first
        place = Place(first.place.resolve().path, node="/".join((*step.path, step.layer.name)))
        return replace(
            first,
            kind=step.layer.kind,
            qualified=step.layer.qualified,
            config=step.layer.settings,
            place=place,
            called_at=place,
            name=step.layer.name,
            path=step.path,
            training=step.passing,
        )

    # modes that leak

    def leaks(self) -> Iterator[ModelCall]:
        """A bare call that runs layers in train mode that nobody told to."""
        found: dict[KerasVersion, list[Step]] = {}
        for version in self.versions:
            unasked = list(_unasked(self.flattened.root, version))
            found[version] = [
                leaf
                for leaf in unasked
                if self._layer(leaf).traits.mode_sensitive and self.called[version].get(_index(leaf)) is True
            ]
        if not any(found.values()):
            return
        told = {v: [leaf for leaf in leaves if not _by_default(leaf, v)] for v, leaves in found.items()}
        leaked = {_index(leaf): self._layer(leaf) for leaves in told.values() for leaf in leaves}
        alive = {_index(leaf): self._layer(leaf) for leaves in found.values() for leaf in leaves}
        affected = tuple({layer.identity: layer for layer in (*leaked.values(), *alive.values())}.values())
        modes = {
            version: Mode.TRAIN if (told if leaked else found)[version] else Mode.INFERENCE for version in self.versions
        }
        agreed = set(modes.values())
        cause = self._cause(found)
        always = all(self._predicts(leaves, version) for version, leaves in found.items() if leaves)
        yield ModelCall(
            place=affected[0].called_at,
            model=self.flattened.model,
            through="__call__",
            training=Passing.ABSENT,
            modes=modes,
            mode=agreed.pop() if len(agreed) == 1 else Mode.UNKNOWN,
            purpose=Purpose.INFERENCE,
            affected=affected,
            mode_reason=self._reason(cause, found, leaked=bool(leaked)),
            purpose_reason="a saved model is there to predict",
            evaluated=True,
            certain=bool(leaked),
            any_call="every prediction" if always else "model(x)",
            because=self._because(cause, affected),
        )

    def _cause(self, found: dict[KerasVersion, list[Step]]) -> Layer | None:
        """What turns the context to train mode first, in the newest version in which something does."""
        version = max((version for version, leaves in found.items() if leaves), key=list(KerasVersion).index)
        for step in _steps(self.flattened.root):
            if step.passing is Passing.TRUE or (step.index is not None and _by_default(step, version)):
                leaves = list(step.leaves())
                return self._as_layer(step, leaves) if leaves else None
        return None

    def _reason(self, cause: Layer | None, found: dict[KerasVersion, list[Step]], *, leaked: bool) -> str:
        """Why the layers run in train mode, and in which calls."""
        why = f"{cause} switches what runs after it to train mode" if leaked else "its call defaults to training=True"
        versions = [version for version, leaves in found.items() if leaves]
        predicts = [version for version in versions if self._predicts(found[version], version)]
        if predicts == versions:
            return why
        exported = "" if KerasVersion.KERAS_2 in versions else "so does an exported model, "
        return f"{why} ({exported}{'predict() only in ' + version_ranges(predicts) if predicts else 'not predict()'})"

    def _predicts(self, leaves: list[Step], version: KerasVersion) -> bool:
        """Whether ``predict`` runs the leaves in train mode too."""
        return any(self.predicted[version].get(_index(leaf)) is True for leaf in leaves)

    def _because(self, cause: Layer | None, affected: tuple[Layer, ...]) -> tuple[tuple[Place, str], ...]:
        steps = [(layer.place.resolve(), f"{layer} runs in train mode") for layer in affected[1:4]]
        if cause is not None and cause.identity != affected[0].identity:
            steps.insert(0, (cause.place.resolve(), f"{cause} sets the mode"))
        return tuple(steps)

    def _layer(self, leaf: Step) -> Layer:
        return self.flattened.model.layers[_index(leaf)]


def _index(leaf: Step) -> int:
    assert leaf.index is not None, "a leaf has a layer"
    return leaf.index


def _steps(root: Step) -> Iterator[Step]:
    """All calls inside, parents first, in the order of execution."""
    stack = list(reversed(root.children))
    while stack:
        step = stack.pop()
        yield step
        stack += reversed(step.children)


def _is_written(step: Step, version: KerasVersion) -> bool:
    """Whether a recorded constant ``training`` was written by somebody."""
    if step.passing not in (Passing.TRUE, Passing.FALSE) or not step.layer.known:
        return False
    default = step.layer.default_training(version)
    if default is Passing.ABSENT:
        return False
    return version not in _RECORDS_DEFAULTS or default is not step.passing


def _unasked(root: Step, version: KerasVersion) -> Iterator[Step]:
    """The leaves that nobody told their mode, neither themselves nor what holds them."""
    stack = [root]
    while stack:
        step = stack.pop()
        if step is not root and _is_written(step, version):
            continue
        if step.index is not None:
            yield step
        stack += reversed(step.children)


def _by_default(leaf: Step, version: KerasVersion) -> bool:
    """Whether a leaf is alive because its own call defaults to ``training=True``."""
    return leaf.layer.default_training(version) is Passing.TRUE


def _together(modes: Modes, leaves: Iterable[Step]) -> Mode:
    """The mode of several leaves as one: train if any is."""
    values = [modes.get(_index(leaf)) for leaf in leaves]
    if any(value is True for value in values):
        return Mode.TRAIN
    return Mode.UNKNOWN if any(isinstance(value, Unresolved) for value in values) else Mode.INFERENCE
