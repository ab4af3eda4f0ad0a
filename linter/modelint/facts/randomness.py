"""Random draws and what seeds them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from modelint.facts.calls import Because
from modelint.facts.model import KerasVersion, Setting
from modelint.finding import Edit, Fix, Located, Safety, Span
from modelint.written import Signature

SEED = 0
"""What a fix seeds a program with; any number does."""


class Governor(enum.Enum):
    """What makes a draw reproducible."""

    ARGUMENT = "argument"  # its own seed argument
    GLOBAL = "global"  # a global seed that reaches it and was set before
    NOTHING = "nothing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class RandomSource:
    """A draw: dropout, noise, augmentation, shuffle, initializer, a random operation.

    ``kind`` is one of ``"dropout"``, ``"noise"``, ``"augmentation"``, ``"shuffle"``, ``"initializer"``,
    ``"operation"``. ``seed`` is the seed argument as written (None: absent). ``in_forward``: it happens in a forward
    pass (of a model or layer); ``guarded``: there it happens only in train mode; ``mode_blind``: it takes no notice
    of the mode (``tf.nn.dropout``, ``keras.random.dropout``). ``rate`` is its rate where it has one.
    ``generative``: it is a sampler by contract (VAE sampling layer, decoding).
    """

    place: Located
    kind: str
    what: str  # "keras.layers.Dropout", "tf.nn.dropout" ...
    seed: Setting
    seeded_by: Governor
    in_forward: bool = False
    guarded: bool = False
    mode_blind: bool = False
    reaches_prediction: bool = False  # its value is part of what a prediction returns, in inference mode
    generative: bool = False
    masks: bool = False  # its numbers are made a mask, or are noise
    predicted: bool | None = True  # predictions run it; None: nothing shows it, False: it is run for other things only
    repeats: bool = False  # a stateless draw with a constant seed: the same numbers on every call
    drawn_again: str = ""  # where it is called again and again, outside of forward passes
    rate: Setting = None
    identity: int = 0
    deliberate: str | None = None
    ungoverned_in: tuple[KerasVersion, ...] = ()  # versions in play in which nothing governs it
    runs: bool = True  # running the program draws it; False: it is in what nothing calls
    seed_place: Located | None = None
    signature: Signature = Signature()  # of the function in which it is drawn
    rate_position: int | None = None  # where its rate is passed by position
    owner: str | None = None  # the class whose forward pass it stands in
    because: Because = ()

    @property
    def is_training_noise(self) -> bool:
        """Whether it is dropout or noise: of a layer, or written by hand under a test of the mode."""
        by_hand = self.kind == "operation" and self.in_forward and self.guarded and not self.generative
        return self.kind in ("dropout", "noise") or (by_hand and self.masks)


@dataclass(frozen=True, slots=True, eq=False)
class Assigned:
    """An assignment to a ``function``, as that is written: its place, and that of the value."""

    function: str
    target: Located
    value: Located

    def as_call(self, function: str) -> tuple[Edit, ...]:
        """A call of a function with the value, in the place of the assignment."""
        target, value = self.target.resolve().span, self.value.resolve().span
        if target is None or value is None:
            return ()
        head = Span(target.line, target.column, value.line, value.column)
        end = Span(value.end_line, value.end_column, value.end_line, value.end_column)
        return Edit(head, f"{function}("), Edit(end, ")")


@dataclass(frozen=True, slots=True, eq=False)
class Seeding:
    """A call that sets a global seed, or what was meant as one.

    ``function`` is its canonical name (``"tensorflow.random.set_seed"``). ``ineffective_for`` are the
    draws of the program that its author could expect it to govern and that it does not, for a ``reason``; of several
    such seeds, the one has them that could be expected most. ``intended``: it is plain that training was meant.
    """

    place: Located
    function: str
    seed: Setting
    ineffective_for: tuple[RandomSource, ...] = ()
    reason: str = ""
    versions: tuple[KerasVersion, ...] = ()  # in which it is ineffective
    early: bool = False  # it is called before any layer is made
    intended: bool = True
    assigned: Assigned | None = None  # the seed was assigned to the function instead: nothing is seeded
    because: Because = ()


@dataclass(frozen=True, slots=True, eq=False)
class Seeder:
    """How a root file can seed what it draws.

    ``function`` is ``keras.utils.set_random_seed`` as it can be written there (``"tf.keras.utils.set_random_seed"``),
    once ``imported`` has been executed; ``imports_end`` is the last import that follows it without other code between.
    Where Keras may be older than 2.7, which does not have that, it is ``tf.random.set_seed``, and not ``everything`` is
    seeded by it: not what NumPy and Python draw.
    """

    function: str
    imported: Located
    imports_end: Located
    everything: bool = True

    def fix(self, first: Located, drawn: str) -> Fix | None:
        """Seed the program once, after its imports.

        None if ``first``, the first draw, stands elsewhere or before, or if that does not seed what is ``drawn``.
        """
        if not self.everything and drawn.startswith(("numpy.", "random.")):
            return None
        end, place = self.imports_end.resolve(), first.resolve()
        if end.path != place.path or end.span is None or place.span is None or place.span.line <= end.span.end_line:
            return None
        below = Span(end.span.end_line + 1, 1, end.span.end_line + 1, 1)
        call = f"{self.function}({SEED})"
        return Fix(f"call {call}", Safety.UNSAFE, (Edit(below, f"\n{call}\n"),))

    def instead_of(self, seeding: Seeding) -> Fix | None:
        """Seed everything where something is seeded already, with the same number; None where that does not do."""
        place, imported = seeding.place.resolve(), self.imported.resolve()
        written = seeding.place.written()
        if not self.everything or place.path != imported.path or place.span is None or imported.span is None:
            return None
        after = place.span.line > imported.span.end_line
        whole = isinstance(seeding.seed, int) and not isinstance(seeding.seed, bool) and seeding.seed >= 0
        if seeding.assigned is not None and after and whole and seeding.early:
            return Fix(f"call {self.function}", Safety.UNSAFE, seeding.assigned.as_call(self.function))
        if written is None:
            return None
        plain = len(written.arguments) == 1 and not written.arguments[0].star and written.arguments[0].keyword is None
        if not (after and whole and plain and seeding.early) or written.function_span is None:
            return None
        edit = Edit(written.function_span, self.function)
        return Fix(f"call {self.function}", Safety.UNSAFE, (edit,)) if written.function != self.function else None
