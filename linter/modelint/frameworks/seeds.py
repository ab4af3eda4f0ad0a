"""Global seeds judged: which draws they govern, by version, and which they were set for in vain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modelint.facts import UNKNOWN as UNKNOWN_SETTING
from modelint.facts import Governor, KerasVersion, RandomSource, Seeding, Setting
from modelint.frameworks.events import DrawEvent, Event, LayerEvent, SeedEvent
from modelint.frameworks.layers import setting
from modelint.frameworks.trees import Trees

BOTH = "keras.utils.set_random_seed"
TENSORFLOW = "tensorflow.random.set_seed"


class Seeds:
    """The global seeds that one program sets."""

    def __init__(self, trees: Trees, events: list[Event]) -> None:
        self.trees = trees
        self.versions = trees.versions
        self.events = [event for event in events if isinstance(event, SeedEvent)]
        self.layers = [event for event in events if isinstance(event, LayerEvent)]
        self._earliest: dict[str, int] = {}
        for event in self.events:
            self._earliest[event.name] = min(event.order, self._earliest.get(event.name, event.order))

    def _before(self, order: int | None, *names: str) -> bool:
        return any(
            self._earliest[name] < order if order is not None else True for name in names if name in self._earliest
        )

    def govern_layer(self, order: int, version: KerasVersion) -> bool:
        """Keras 3 takes a layer's seed from Python's ``random`` when it is made, Keras 2 TensorFlow's at the draw."""
        if version is KerasVersion.KERAS_2:
            return self._before(None, BOTH, TENSORFLOW)
        return self._before(order, BOTH, "random.seed")

    def govern_draw(self, event: DrawEvent, version: KerasVersion) -> bool:
        """Whether a global seed reaches a draw outside of layers."""
        if event.what.startswith("keras.random."):
            return self._before(None, BOTH, "random.seed")
        if event.what.startswith("numpy."):
            return self._before(None, BOTH, "numpy.random.seed")
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

    def seeding(self, event: SeedEvent, sources: Sequence[RandomSource]) -> Seeding:
        """A seed with the draws that it fails to reach."""
        early = all(event.order < made.order for made in self.layers)
        seeding = Seeding(event.site, event.name, setting(event.seed, self.trees.interpreter), early=early)
        missed = [
            s
            for s in sources
            if s.seeded_by is Governor.NOTHING and s.kind in ("dropout", "noise", "shuffle") and s.seed is None
        ]
        if not missed:
            return seeding
        others = [s for s in self.events if s is not event and s.name in (BOTH, TENSORFLOW)]
        if event.name not in (BOTH, TENSORFLOW) and others:
            return seeding  # one of them is the one to blame
        reasons = {
            BOTH: "it comes after the layers are made",
            TENSORFLOW: "Keras 3 takes the seed of a layer from Python's random",
            "numpy.random.seed": "it seeds NumPy only",
            "random.seed": "it seeds Python's random only",
        }
        if event.name == "random.seed" and any(s.name == "numpy.random.seed" for s in self.events):
            return seeding
        versions = tuple(v for v in self.versions if any(v in s.ungoverned_in for s in missed))
        return replace(seeding, ineffective_for=tuple(missed), reason=reasons.get(event.name, ""), versions=versions)
