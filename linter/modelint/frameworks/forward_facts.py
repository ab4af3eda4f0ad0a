"""Forward passes judged: how they take the mode, where they lose it, what they hard-wire."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modelint.documents import Site
from modelint.documents.trees import FUNCTIONS, NodePart, body_of, default_of, descendants_of, same_code
from modelint.facts import ForwardPass, HardWiredMode, KerasVersion, LostMode, Mode, Model, Passing
from modelint.frameworks.call_facts import bypass_of, is_literal_mode
from modelint.frameworks.events import CallEvent, EvaluateEvent, Event, FitEvent, ModelEvent
from modelint.frameworks.graph import Part
from modelint.frameworks.intent import path_to, says_so
from modelint.frameworks.keras_modes import CallNode, Entry, Style, Training, Unresolved, resolve
from modelint.frameworks.signatures import signature_of
from modelint.frameworks.structure import base_name, is_model_class, structure_of
from modelint.frameworks.trees import Tree, Trees, kind_of, mode_of
from modelint.program.frames import Arguments, ModuleState
from modelint.program.values import UNKNOWN, Class, Function, Instance, Value, alternatives
from modelint.written import Signature

_TRAINING_ONLY = ("training only", "only during training", "only in training", "train-time only", "only at training")
_AUGMENTING = re.compile(r"^Random|Augment|Jitter|Cut(out|mix)|Mix[uU]p|Crop|Flip")
"""Names of layers that augment: those of Keras are in train mode, too, where nobody says otherwise."""
_OUTER = -1


class ForwardFacts:
    """Judges the forward passes of one program."""

    def __init__(self, trees: Trees, events: list[Event], modules: Iterable[ModuleState]) -> None:
        self.trees = trees
        self.interpreter = trees.interpreter
        self.events = events
        self.modules = list(modules)  # the root first
        self.fits = [event for event in events if isinstance(event, FitEvent)]
        evaluated = (event.model for event in events if isinstance(event, EvaluateEvent))
        self._evaluated = {_identity(value) for model in evaluated for value in alternatives(model)}

    def forward_passes(self) -> Iterator[ForwardPass]:
        """One fact per class of the program that has a ``call`` of its own."""
        for module in self.modules:
            for definition in module.definitions:
                if isinstance(definition, Class):
                    instance = self._instance_of(definition, module)
                    store = self.interpreter.store
                    method = store.get(definition.identity, "call") or store.get(definition.identity, "__call__")
                    if instance is not None and isinstance(method, Function) and base_name(self.interpreter, instance):
                        yield self._forward(definition, instance, method)

    def _forward(self, cls: Class, instance: Instance, method: Function) -> ForwardPass:
        called = Arguments((UNKNOWN,), {}, method.node, method.frame)  # as fit does: all else by default
        structure = structure_of(self.interpreter, instance, called)
        tree = self.trees.of(instance, self.latest(), called)
        model = self.trees.model(instance, self.latest(), called)
        script = cls.module.script
        is_model = is_model_class(base_name(self.interpreter, instance))
        assert isinstance(method.node, FUNCTIONS)
        parameters = method.node.args
        named = (*parameters.args, *parameters.kwonlyargs)
        parameter = next((one for one in named if one.arg == structure.parameter), None)
        default = default_of(parameters, parameter) if parameter is not None else None
        place = script.site(method.node, part=NodePart.HEAD)
        is_run = not is_model or self._is_run_by_fit(instance)
        fitted = next((fit.site for fit in self.fits if is_run and self._is_of(fit.model, instance)), None)
        overridden = structure.method is not None and structure.method.node is not method.node
        hands_on = is_run and not overridden and not structure.by_hand
        return ForwardPass(
            place=place,
            owner=cls.name,
            kind="Model" if is_model else "Layer",
            parameter=structure.parameter,
            default=structure.default,
            default_place=script.site(default) if default is not None else None,
            parameter_place=script.site(parameter, default, NodePart.NAME) if parameter is not None else place,
            layers=model.layers,
            lost=tuple(self._lost(tree, place, method, is_model)) if hands_on else (),
            fitted_at=fitted,
            training_only=any(words in _docstring(cls).lower() for words in _TRAINING_ONLY)
            or (not is_model and _AUGMENTING.search(cls.name) is not None),
        )

    def _is_run_by_fit(self, instance: Instance) -> bool:
        """Whether ``fit`` runs the forward pass of a model: not if the program's own ``train_step`` never does."""
        step = self.interpreter.class_attribute(instance.cls, "train_step")
        return not isinstance(step, Function) or runs_itself(step)

    def latest(self) -> int:
        """The end of the execution."""
        return max((event.order for event in self.events), default=0) + 1

    def _is_of(self, model: Value, instance: Instance) -> bool:
        return any(isinstance(one, Instance) and one.cls is instance.cls for one in alternatives(model))

    def _lost(self, tree: Tree, place: Site, method: Function, is_model: bool) -> Iterator[LostMode]:
        """The sensitive leaves that stay in inference mode although the whole is trained."""
        arrives: dict[int, list[KerasVersion]] = {}
        lost: dict[int, list[KerasVersion]] = {}
        leaves = [leaf for leaf in tree.leaves() if leaf.layer is not None and leaf.layer.traits.mode_sensitive]
        for version in self.trees.versions:
            found = self._trained_modes(tree, version, is_model)
            for leaf in leaves:
                if leaf.key not in found:
                    continue
                mode = mode_of(found[leaf.key])
                if mode is not Mode.UNKNOWN:
                    (arrives if mode is Mode.TRAIN else lost).setdefault(leaf.key, []).append(version)
        for leaf in leaves:
            chain = chain_to(tree, leaf)
            if leaf.key not in lost or any(is_literal_mode(one) for one in chain) or leaf.layer is None:
                continue
            way = _way_lost(tree, chain, place, method)
            yield LostMode(
                leaf.layer,
                way.place,
                way.how,
                tuple(lost[leaf.key]),
                tuple(arrives.get(leaf.key, ())),
                way.signature,
                way.bypass,
                ((leaf.layer.place, f"{leaf.layer} is made here"),),
            )

    def _trained_modes(self, tree: Tree, version: KerasVersion, is_model: bool) -> dict[int, Training | Unresolved]:
        if is_model:
            return dict(self.trees.modes(tree, Entry.FIT, Passing.ABSENT, version))
        outer = CallNode(Style.FUNCTIONAL, _OUTER, children=(self.trees.call_node(tree, version),))
        return dict(resolve(outer, Entry.CALL, Passing.TRUE, version))

    # hard-wired modes

    def hard_wired(self) -> Iterator[HardWiredMode]:
        """The mode-sensitive layers called with a constant ``training``, in the models and forward passes seen.

        So are layers of a model that another one calls with a constant, where that other one is evaluated.

        A model inside another runs as that one calls it, which may override the constant; so a layer is judged by the
        outermost models that hold it, and by those that the program runs by themselves.
        """
        trees = [self.trees.of(value, self.latest()) for value in self._owners()]
        run = {id(tree) for tree in self._run_by_themselves(trees)}
        wired: dict[int, list[tuple[Tree, Tree, Part]]] = {}
        for tree in trees:
            for leaf in tree.leaves():
                called = self._wired_at(tree, leaf)
                if called is None or called.part is None or is_gated(tree, called):
                    continue
                places = wired.setdefault(called.part.identity, [])
                if called is leaf or all(place[0] is not tree for place in places):
                    places.append((tree, leaf, called.part))
        for places in wired.values():
            yield self._hard_wired([place for place in places if id(place[0]) in run] or places)

    def _wired_at(self, tree: Tree, leaf: Tree) -> Tree | None:
        """The node that is called with a constant mode: a mode-sensitive leaf, or a model that holds it."""
        if leaf.layer is None or not leaf.layer.traits.mode_sensitive:
            return None
        if leaf.part is not None and is_literal_mode(leaf):
            return leaf
        if _identity(tree.value) not in self._evaluated:
            return None
        around = (node for node in reversed(chain_to(tree, leaf)[1:-1]) if is_literal_mode(node))
        return next((node for node in around if node.part is not None and node.part.passing is Passing.TRUE), None)

    def _run_by_themselves(self, trees: list[Tree]) -> Iterator[Tree]:
        """The trees of what no other holds, or what the program calls or evaluates."""
        held = {_identity(node.value) for tree in trees for node in tree.all() if node is not tree}
        called = {
            _identity(value)
            for event in self.events
            if isinstance(event, (CallEvent, EvaluateEvent))
            for value in alternatives(event.model)
        }
        yield from (tree for tree in trees if _identity(tree.value) not in held - called)

    def _owners(self) -> Iterator[Value]:
        for event in self.events:
            if isinstance(event, ModelEvent) and event.site.script is self.modules[0].script:
                yield event.model
        for module in self.modules:
            for definition in module.definitions:
                if isinstance(definition, Class):
                    instance = self._instance_of(definition, module)
                    if instance is not None and base_name(self.interpreter, instance) is not None:
                        yield instance

    def _instance_of(self, cls: Class, module: ModuleState) -> Instance | None:
        """The instance by which a class is judged: of imported classes, only those that the program makes itself."""
        instance = self.interpreter.instances.get(cls.identity)
        return instance if module.is_root or (instance is not None and instance.made is not None) else None

    def _hard_wired(self, places: list[tuple[Tree, Tree, Part]]) -> HardWiredMode:
        """The fact of one call that is written in the program, from all trees that it is part of."""
        tree, leaf, part = places[0]
        assert leaf.layer is not None
        chain = chain_to(tree, leaf)
        held = next(node for node in chain if node.part is part)
        owner = kind_of(chain[chain.index(held) - 1].value) if len(chain) > 1 else kind_of(tree.value)
        return HardWiredMode(
            place=part.site,
            layer=leaf.layer,
            training=part.passing,
            owner="a functional model" if owner == "Functional" else f"{owner}.call",
            modes_in_predict=self._modes(places, Entry.PREDICT),
            modes_when_called=self._modes(places, Entry.CALL),
            deliberate=_said_of(part.site) or _named_deliberate(owner),
            within=kind_of(held.value) if held is not leaf else "",
            because=((leaf.layer.place, f"{leaf.layer} is made here"),),
        )

    def _modes(self, places: list[tuple[Tree, Tree, Part]], entry: Entry) -> dict[KerasVersion, Mode]:
        """The mode of a leaf by version; unknown where the trees that it is part of disagree."""
        modes: dict[KerasVersion, Mode] = {}
        for version in self.trees.versions:
            resolved = [(self.trees.modes(tree, entry, Passing.ABSENT, version), leaf) for tree, leaf, _ in places]
            found = {mode_of(by_key[leaf.key]) for by_key, leaf in resolved if leaf.key in by_key}
            if found:
                modes[version] = found.pop() if len(found) == 1 else Mode.UNKNOWN
        return modes

    def models(self) -> Iterator[Model]:
        """The models that the library built for the program, and the instances of the program's own model classes."""
        for value in self._owners():
            yield self.trees.model(value, self.latest())


def _identity(value: Value) -> int:
    """Equal for all instances of one class of the program."""
    return id(value.cls) if isinstance(value, Instance) else id(value)


def _said_of(site: Site) -> str | None:
    """Why a constant mode is taken for meant: it is said at the call, or at another call of the layer in the class."""
    told = says_so(site)
    around = (node for node in reversed(path_to(site.script, site.node)) if isinstance(node, ast.ClassDef))
    cls = None if told is not None else next(around, None)
    if cls is None or not isinstance(site.node, ast.Call):
        return told
    calls = (node for node in descendants_of(cls) if isinstance(node, ast.Call))
    twins = (call for call in calls if same_code(call.func, site.node.func))
    return next((told for twin in twins if (told := says_so(site.script.site(twin))) is not None), None)


def _named_deliberate(owner: str) -> str | None:
    lowered = owner.lower()
    for word in ("prenet", "montecarlo", "mcdropout", "mc_dropout", "alwayson"):
        if word in lowered:
            return f"{owner} says so by its name"
    return None


def runs_itself(method: Function) -> bool:
    """Whether a method may call the object that it is a method of: as a function, or by the method it overrides."""
    parameters = method.node.args.args
    own = parameters[0].arg if parameters else ""
    nodes = list(descendants_of(*body_of(method.node)))
    attributes = [node for node in nodes if isinstance(node, ast.Attribute)]
    based_on = {node.value for node in attributes}
    names = (node for node in nodes if isinstance(node, ast.Name))
    return any(name.id == "super" or (name.id == own and name not in based_on) for name in names) or any(
        isinstance(node.value, ast.Name) and node.value.id == own and node.attr in ("call", "__call__")
        for node in attributes
    )


def is_gated(tree: Tree, leaf: Tree) -> bool:
    """Whether a leaf is run under a test that says that the mode is train mode."""
    parts = (node.part for node in chain_to(tree, leaf))
    return any(part is not None and not part.reached & {None, False} for part in parts)


def chain_to(tree: Tree, leaf: Tree) -> list[Tree]:
    """The nodes from a tree's root to one of its leaves, both included."""
    if tree is leaf:
        return [tree]
    for child in tree.children:
        found = chain_to(child, leaf)
        if found:
            return [tree, *found]
    return []


@dataclass(frozen=True, slots=True, eq=False)
class _WayLost:
    """Where and how the mode is lost, and what of the code there a fix can use."""

    place: Site
    how: str
    signature: Signature = Signature()
    bypass: Site | None = None


def _way_lost(tree: Tree, chain: list[Tree], place: Site, method: Function) -> _WayLost:
    """Where and how the mode is lost on the way to a leaf."""
    for node in chain[1:]:
        part = node.part
        if part is None:
            continue
        function = part.arguments.frame.function if part.arguments is not None else None
        if part.bypass:
            how = "it is called through .call(), which does not hand on the mode"
            return _WayLost(part.site, how, signature_of(function), bypass_of(part.site))
        if part.passing is Passing.NONE:
            return _WayLost(part.site, "training=None is passed", signature_of(function))
    if tree.parameter is None:
        return _WayLost(place, "call() takes no training argument", signature_of(method))
    if tree.parameter != "training":
        return _WayLost(place, f"the mode comes as {tree.parameter!r}, which Keras does not pass")
    return _WayLost(place, "it is not handed on")


def _docstring(cls: Class) -> str:
    return ast.get_docstring(cls.node) or ""
