"""Random draws judged: what they are for, and what seeds them, by version."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from modelint.documents.trees import FUNCTIONS
from modelint.facts import UNKNOWN as UNKNOWN_SETTING
from modelint.facts import Governor, KerasVersion, LayerMade, RandomSource, Seeding, Setting, Traits
from modelint.frameworks import declared as declarations
from modelint.frameworks import keras_layers as table
from modelint.frameworks.call_facts import EVALUATION_NAME, TRAINING_NAME
from modelint.frameworks.chance.repetition import drawn_again, is_constant
from modelint.frameworks.chance.sampling import BY_DESIGN, MASK, SAMPLE
from modelint.frameworks.chance.seeds import Seeds
from modelint.frameworks.data.data_facts import DataUse
from modelint.frameworks.events import DrawEvent, Event, LayerEvent, is_test
from modelint.frameworks.guards import gates_by_mode
from modelint.frameworks.intent import path_to, says_so
from modelint.frameworks.layers import LayerObject, setting, traits_of
from modelint.frameworks.predictions import Predictions
from modelint.frameworks.running import Running
from modelint.frameworks.signatures import signature_of
from modelint.frameworks.trees import Trees

_LAYER_KINDS = {"dropout": "dropout", "noise": "noise", "augmentation": "augmentation"}
_GENERATIVE = (
    "sampling",
    "sampler",
    "reparam",
    "latent",
    "vae",
    "generat",
    "decod",
    "diffus",
    "gumbel",
    "variational",
    "posterior",
    "distribution",
    "policy",
    "griffin",
)
_SHOWING = re.compile(r"visuali[sz]|plot|colou?r|(^|_)(show|display|draw)", re.IGNORECASE)
_NOISE = ("normal", "bernoulli", "binomial")
_SAMPLING_METHODS = frozenset(("sample", "rsample", "sample_n"))


def _is_for_show(event: DrawEvent) -> bool:
    """Whether what is put into another order is only shown (the colours of a drawing)."""
    return any(map(_SHOWING.search, event.functions()))


def _is_named_evaluation(event: DrawEvent) -> bool:
    """Whether what is put into another order is given a name that says that it is evaluated on."""
    for above in reversed(path_to(event.site.script, event.site.node)):
        if isinstance(above, ast.Assign):
            names = [target.id for target in above.targets if isinstance(target, ast.Name)]
            return any(map(EVALUATION_NAME.search, names)) and not any(map(TRAINING_NAME.search, names))
        if isinstance(above, FUNCTIONS):
            return False
    return False


def _kind_of(layer: LayerObject, traits: Traits) -> str:
    """The kind of draw; one of a declared class that goes on in inference is no dropout."""
    if layer.declared is not None and layer.declared.like is None and traits.stochastic_at_inference:
        return "operation"
    return _LAYER_KINDS.get(layer.category, "dropout")


def _seed_of(event: LayerEvent) -> Setting:
    """What seeds a layer's draws, as it is passed; not known of a declared class that may take it in other ways."""
    layer, declared = event.layer, event.layer.declared
    parameter = table.seed_parameter(layer.kind) if declared is None else declarations.seed_parameter(declared)
    if parameter is not None and parameter in layer.config:
        return layer.config[parameter]
    if declared is not None and declared.like is None:
        named = parameter is None and any("seed" in name or "rng" in name for name in layer.config)
        if named or len(event.positional) > 1:
            return UNKNOWN_SETTING
    return None


class RandomFacts:
    """Judges the draws of one program."""

    def __init__(
        self, trees: Trees, events: list[Event], running: Running, predictions: Predictions, data: DataUse
    ) -> None:
        self.trees = trees
        self.events = events
        self.predictions = predictions
        self.data = data
        self.versions = trees.versions
        self.running = running
        self.layers = [event for event in events if isinstance(event, LayerEvent)]
        self.draws = [event for event in events if isinstance(event, DrawEvent)]
        self.seeds = Seeds(trees, events, running)

    def made(self) -> Iterator[LayerMade]:
        """One fact per layer construction."""
        for event in self.layers:
            layer = event.layer
            named, positional = event.named, event.positional
            yield LayerMade(
                layer.kind,
                layer.qualified,
                traits_of(layer, self.versions[-1]),
                event.site,
                positional,
                layer.config,
                named,
                event.in_forward,
                layer.identity,
            )

    def facts(self) -> Iterator[RandomSource | Seeding]:
        """The draws, then the seedings with what they fail to reach."""
        sources = [*self._layer_sources(), *self._draw_sources()]
        yield from sources
        yield from self.seeds.seedings(sources)

    def _layer_sources(self) -> Iterator[RandomSource]:
        for event in self.layers:
            layer = event.layer
            traits = traits_of(layer, self.versions[-1])
            if not traits.stochastic_in_training:
                continue
            seed = _seed_of(event)
            ungoverned = tuple(v for v in self.versions if not self.seeds.govern_layer(event.order, v))
            yield RandomSource(
                place=event.site,
                kind=_kind_of(layer, traits),
                what=layer.qualified,
                seed=seed,
                seeded_by=self._layer_governor(event, seed, ungoverned),
                rate=layer.config.get("rate", layer.config.get("dropout", layer.config.get("stddev", UNKNOWN_SETTING))),
                in_forward=event.in_forward,
                identity=layer.identity,
                ungoverned_in=ungoverned,
                runs=self.running.runs(event),
            )

    def _layer_governor(self, event: LayerEvent, seed: Setting, ungoverned: tuple[KerasVersion, ...]) -> Governor:
        declared = event.layer.declared
        if declared is not None and declared.like is None and seed is None and self.seeds.events:
            return Governor.UNKNOWN  # it may draw by whatever is seeded
        if ungoverned and seed is None and self.seeds.may_govern_layer(event):
            return Governor.UNKNOWN
        return self.seeds.governor(seed, ungoverned)

    def _draw_sources(self) -> Iterator[RandomSource]:
        for event in self.draws:
            seed = None if event.seed is None else setting(event.seed, self.trees.interpreter)
            ungoverned = tuple(v for v in self.versions if not self.seeds.govern_draw(event, v))
            in_forward = event.forward is not None
            source = RandomSource(
                place=event.site,
                kind="operation" if event.kind == "shuffle" and self._orders_no_training(event) else event.kind,
                what=event.what,
                seed=seed,
                seeded_by=self.seeds.governor(seed, ungoverned),
                in_forward=in_forward,
                guarded=False not in event.reached or event.named_guard or gates_by_mode(event.frame.function),
                mode_blind=event.kind == "dropout" and self._is_live(event),
                reaches_prediction=in_forward and False in event.reached and not event.opaque_guard,
                generative=SAMPLE in event.uses or self._is_generative(event),
                masks=MASK in event.uses or event.what.endswith(_NOISE),
                repeats=is_constant(event.what, seed),
                drawn_again=drawn_again(event) if seed is not None else "",
                rate=None if event.rate is None else setting(event.rate, self.trees.interpreter),
                ungoverned_in=ungoverned,
                runs=self.running.runs(event),
                signature=signature_of(event.frame.function),
                # in TensorFlow 1 the second argument is the rate at which units are kept
                rate_position=None if "compat.v1" in event.site.script.text else 1,
                deliberate="a test" if is_test(event.site.script.path) else says_so(event.site),
                owner=event.owner if in_forward else None,
                because=event.forward_place() if in_forward else (),
            )
            yield self._predicting(source, event)

    def _orders_no_training(self, event: DrawEvent) -> bool:
        return _is_for_show(event) or self.data.shuffles_no_training(event) or _is_named_evaluation(event)

    def _predicting(self, source: RandomSource, event: DrawEvent) -> RandomSource:
        """A draw with what is known of whether predictions run it; that is asked only where it matters."""
        idle = source.guarded or source.generative or source.repeats or source.deliberate is not None
        if not source.reaches_prediction or idle or event.kind == "dropout" or event.forward is None:
            return source
        found = self.predictions.of(event.forward)
        if found is not None:
            predicted = None if BY_DESIGN in event.uses else True
            return replace(source, predicted=predicted, because=(*source.because, (found.site, found.how)))
        return replace(source, predicted=False if self.predictions.excludes(event.forward) else None)

    def _is_generative(self, event: DrawEvent) -> bool:
        if event.what.rpartition(".")[2] in ("categorical", "stateless_categorical", "multinomial"):
            return True  # decoding, or a policy's choice
        names = [name.lower() for name in event.functions()]
        function = event.frame.function
        owner = function.owner if function is not None else None
        if function is not None and owner is not None:
            if function.name in _SAMPLING_METHODS and self.trees.interpreter.library_base(owner) is None:
                return True  # of a distribution
            names.append(owner.name.lower())
        return any(word in name for name in names for word in _GENERATIVE)

    def _is_live(self, event: DrawEvent) -> bool:
        """Whether a functional dropout has a rate that is known not to be zero."""
        rate = None if event.rate is None else setting(event.rate, self.trees.interpreter)
        return isinstance(rate, (int, float)) and rate != 0
