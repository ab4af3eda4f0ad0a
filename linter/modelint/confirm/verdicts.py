"""What was measured, against what was claimed: confirmed, refuted or inconclusive, in a sentence with numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modelint.confirm.hypotheses import Claim, Hypothesis
from modelint.finding import Confirmation, Verdict

NOISY = 0.25
"""Change of a row's output, over its root mean square, by other rows of the batch that makes statistics noisy.

The mean of n samples is off by 1/sqrt(n) of their standard deviation: a quarter with 16 samples.
"""

ROUNDING = 1e-9
"""Difference over root mean square, in float64, below which it is rounding (measured: at most 1.8e-14)."""

RANDOM_STATE = ("seed_generator", "StateVar", "generator_state")
"""Variables that only hold the state of a random generator."""


def decide(hypothesis: Hypothesis, screening: Mapping[str, Any]) -> Confirmation:
    """The verdict on a claim. Source, framework, device and seconds are for the caller to fill in."""
    measured = _Measured(screening, hypothesis)
    if screening["not_a_number"]:
        return _inconclusive(measured, "the outputs hold values that are no numbers")
    found = _DECIDED[hypothesis.claim](measured)
    if found.absolute is None:
        absolute, relative = measured.largest()
        found = replace(found, absolute=absolute, relative=relative)
    rests_on_nothing = _rests_on_nothing(found, hypothesis)
    unseen, why = screening["unseen"], screening["unwatched"]
    nothing_ran = len(unseen) == screening["watched"] and why is None
    if unseen and (nothing_ran or rests_on_nothing):
        where = unseen[0]["where"]
        missed = f"cannot be watched ({why})" if why else "did not run with the inputs that were drawn"
        return _inconclusive(measured, f"{where} {missed}, and may show it")
    if not rests_on_nothing or hypothesis.claim in (Claim.WRITES, Claim.DRIFTS, Claim.FIXED_BATCH):
        return found
    if screening["flat"]:
        alone = "it takes one row at a time, beside which nothing can change"
        text = "every row gets the same output, or none at all, in which nothing can show"
        return _inconclusive(measured, alone if screening["rows"] == 1 else text)
    if not str(screening["dtype"]).startswith(("float", "bfloat")):
        return _inconclusive(measured, "the outputs are no real numbers, in which small changes can show")
    return found


def _rests_on_nothing(found: Confirmation, hypothesis: Hypothesis) -> bool:
    """Whether a verdict says that something did not happen, which holds only if what could make it happen ran."""
    if hypothesis.claim is Claim.INFERENCE_MODE:
        return found.verdict is Verdict.CONFIRMED
    return found.verdict is Verdict.REFUTED


class _Measured:
    """A screening, and what was claimed of it.

    Each difference is None where it is none: where it is no more than the noise of a repeat, or than the tolerance.
    """

    def __init__(self, screening: Mapping[str, Any], hypothesis: Hypothesis) -> None:
        self.screening, self.hypothesis = screening, hypothesis
        self.tolerance = float(screening["tolerance"])
        reseeded = screening["reseeded"]
        # it draws from what no seed reaches
        self.unsteady = bool(reseeded["error"]) or float(reseeded["relative"]) > self.tolerance
        self.noise = 0.0 if self.unsteady else float(reseeded["absolute"])
        self.repeat = self._exact("repeat")
        self.redrawn = self._exact("redrawn")
        self.content = None if self.unsteady else self._exact("content")

    def worst(self, *names: str) -> Mapping[str, Any] | None:
        """The first of some differences that is one."""
        found = (self._exact(name) if name == "content" else self._beyond(name) for name in names)
        return next((one for one in found if one is not None), None)

    def written(self) -> dict[str, float]:
        """Variables that a call changed, without the state of random generators."""
        changed = self.screening["written"].items()
        return {name: by for name, by in changed if not any(mark in name for mark in RANDOM_STATE)}

    def largest(self) -> tuple[float | None, float | None]:
        """The largest difference of those that a claim speaks of, as it was measured, and over the output's size."""
        if self.hypothesis.claim in (Claim.WRITES, Claim.DRIFTS):
            return max(self.written().values(), default=0.0), None
        found = [self.screening[name] for name in _spoken_of(self.hypothesis)]
        found = [one for one in found if one and not one["error"]]
        worst = max(found, key=lambda one: float(one["absolute"]), default=None)
        return (worst["absolute"], _finite(worst["relative"])) if worst else (None, None)

    def mode(self) -> Mapping[str, Any] | None:
        """The difference to the other way of running it, beyond the tolerance."""
        return self._beyond("mode")

    def _exact(self, name: str) -> Mapping[str, Any] | None:
        """A difference that needs no tolerance, but for the noise that a repeat under one seed has."""
        found: Mapping[str, Any] = self.screening[name]
        return found if found["error"] or float(found["absolute"]) > 4 * self.noise else None

    def _beyond(self, name: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self.screening[name]
        if found is None:
            return None
        if name == "size" and self.repeat:
            return None  # a batch of another size draws other numbers
        precise = self.screening.get("precise") if name == "size" else None
        if precise is not None and float(precise["relative"]) < ROUNDING:
            return None  # it shrinks with the precision of the arithmetic: rounding
        least = ROUNDING if precise is not None else self.tolerance
        return found if found["error"] or float((precise or found)["relative"]) > least else None


def _mixes(measured: _Measured) -> Confirmation:
    if measured.unsteady:
        return _inconclusive(measured, "it draws at random, from what no seed reaches")
    if measured.content and measured.content["error"]:
        text = f"the output depends on the other rows of the batch: {measured.content['error']}"
        return _made(measured, Verdict.CONFIRMED, text, measured.content)
    text = "a row's prediction changes by {} when other rows of its batch do"
    return _either(measured, measured.worst("content", "size"), text, "no row depends on another")


def _changes(measured: _Measured) -> Confirmation:
    if measured.repeat is not None and measured.redrawn is None:
        return _inconclusive(measured, "it carries a state from call to call, which hides what is drawn")
    if measured.hypothesis.partial and measured.redrawn is None:
        return _inconclusive(measured, "the same input gets the same prediction, as with a constant seed")
    text = "the same input gets a prediction that differs by {}"
    return _either(measured, measured.redrawn, text, "the same input gets the same prediction")


def _train_mode(measured: _Measured) -> Confirmation:
    """In train mode: rows depend on each other, or on chance, or statistics are written; or it is not as without."""
    if measured.hypothesis.partial and (measured.content or measured.repeat or measured.written()):
        return _inconclusive(measured, "other layers of it are hard-wired to train mode, and show the same")
    for found, text in (
        (measured.content, "in this mode a row's prediction changes by {} when other rows of its batch do"),
        (measured.repeat, "in this mode the same input gets a prediction that differs by {}"),
        (measured.mode(), "its output differs from that of training=False by {}"),
    ):
        if found is not None and not found["error"]:
            return _confirmed(measured, found, text)
    if measured.written():
        return _writes(measured)
    if measured.content or measured.repeat:
        return _inconclusive(measured, "the shape of its output varies")
    return _refuted(measured, "it runs in inference mode: same rows, same predictions, nothing written")


def _inference_mode(measured: _Measured) -> Confirmation:
    """In inference mode although it trains: nothing is drawn, mixed or written, and training=True gives otherwise."""
    alive = measured.repeat or measured.content or measured.written()
    apart = measured.mode()
    if alive and measured.hypothesis.partial:
        return _inconclusive(measured, "other layers of it run in train mode, and hide these")
    if alive:
        return _refuted(measured, "it runs in train mode here")
    if measured.hypothesis.other is None:
        text = "as fit runs it nothing is drawn, normalised over the batch or written: it is in inference mode"
        return _made(measured, Verdict.CONFIRMED, text, {})
    if apart is None:
        return _inconclusive(measured, "the mode makes no difference to the output")
    return _confirmed(measured, apart, "its output is not that of training=True, from which it differs by {}")


def _noisy_statistics(measured: _Measured) -> Confirmation:
    """What the other rows of a small batch do to one; never refuted, for random inputs are steadier than data."""
    apart, rows = measured.screening["companions"], measured.screening["rows"]
    if rows == 1 and not apart["absolute"]:
        text = "alone in its batch every sample gets the same output"
        return _made(measured, Verdict.CONFIRMED, text, {})
    if rows > 1 and apart["relative"] > NOISY:
        text = f"in batches of {rows} the output of a sample varies by {{}} with the others"
        return _confirmed(measured, apart, text)
    return _inconclusive(measured, "random inputs, whose positions are all independent, hardly show it")


def _unseeded(measured: _Measured) -> Confirmation:
    found = measured.screening["runs"]
    if found["absolute"]:
        return _confirmed(measured, found, "two runs that start from the same weights differ by {}")
    unseeded = measured.screening["unseeded"]
    if unseeded is not None and not unseeded["absolute"]:
        return _inconclusive(measured, "chance does not show in its output, whatever seeds are set")
    if measured.hypothesis.seeds and not measured.hypothesis.seeds_placed:
        return _inconclusive(measured, "the seeds govern it if they are set before the model is built")
    return _refuted(measured, "two runs draw the same")


def _same_draws(measured: _Measured) -> Confirmation:
    found = measured.screening["draws"]
    if measured.screening["flat"]:
        return _inconclusive(measured, "neither layer changes its input")
    if found["error"]:
        return _inconclusive(measured, str(found["error"]))
    if found["absolute"]:
        return _refuted(measured, "the two layers draw different numbers")
    text = "given the same input, both layers give the same output, bit for bit: they draw the same numbers"
    return _made(measured, Verdict.CONFIRMED, text, found)


def _rounds(measured: _Measured) -> Confirmation:
    """Never refuted: that kernels agree in every bit here says nothing of other sizes, machines and versions."""
    found = measured.screening["sizes"]
    if found["error"]:
        return _inconclusive(measured, str(found["error"]))
    if not found["absolute"]:
        return _inconclusive(measured, "here both sizes give the same bits, which nothing promises")
    if found["relative"] > measured.tolerance:
        text = f"they differ by {found['relative']:.2g} times their size, which is more than rounding"
        return _inconclusive(measured, text)
    one, two = measured.hypothesis.sizes or (0, 0)
    return _confirmed(measured, found, f"the same rows in batches of {one} and {two} differ by {{}}, which is rounding")


def _drifts(measured: _Measured) -> Confirmation:
    written = measured.written()
    if written and measured.hypothesis.partial:
        text = "statistics move, but the model has others besides those of the base"
        return _inconclusive(measured, text)
    if not written:
        return _refuted(measured, "one step of fit leaves all statistics as they were")
    name = max(written, key=lambda one: written[one])
    found = {"absolute": written[name], "relative": None, "layer": name, "error": None}
    return _confirmed(measured, found, f"one step of fit changes {name} by {{}}")


def _writes(measured: _Measured) -> Confirmation:
    written = measured.written()
    if not written and measured.repeat:
        return _inconclusive(measured, "its predictions change from call to call, but no variable known here")
    if not written:
        return _refuted(measured, "a call leaves all variables as they were")
    name = max(written, key=lambda one: written[one])
    label = name.partition(":")[2] or name
    more = f" and {len(written) - 1} more" if len(written) > 1 else ""
    found = {"absolute": written[name], "relative": None, "layer": label, "error": None}
    return _confirmed(measured, found, f"one call changes {label}{more} by {{}}")


def _fixed_batch(measured: _Measured) -> Confirmation:
    size = measured.screening["size"]
    other = "a single row" if measured.screening["rows"] > 1 else "a batch of two rows"
    if size["error"]:
        return _confirmed(measured, size, f"{other} is not taken ({size['error']})")
    if measured.written():
        return _inconclusive(measured, f"{other} is taken, but not with the state that is its own")
    if measured.screening["declared"]:
        return _inconclusive(measured, f"{other} is taken here, though the model declares its batch")
    return _refuted(measured, f"{other} is taken as well")


def _either(measured: _Measured, found: Mapping[str, Any] | None, text: str, otherwise: str) -> Confirmation:
    if found is None:
        return _refuted(measured, otherwise)
    if found["error"]:
        return _inconclusive(measured, str(found["error"]))
    return _confirmed(measured, found, text)


def _confirmed(measured: _Measured, found: Mapping[str, Any], text: str) -> Confirmation:
    relative = found["relative"]
    number = (
        f"{relative:.2g} times its size"
        if relative is not None and math.isfinite(relative)
        else f"{found['absolute']:.2g}"
    )
    at = f" (first in {found['layer']})" if found["layer"] and relative is not None else ""
    return _made(measured, Verdict.CONFIRMED, text.format(number) + at, found)


def _refuted(measured: _Measured, text: str) -> Confirmation:
    return _made(measured, Verdict.REFUTED, text, {})


def _inconclusive(measured: _Measured, text: str) -> Confirmation:
    return _made(measured, Verdict.INCONCLUSIVE, text, {})


def _made(measured: _Measured, verdict: Verdict, text: str, found: Mapping[str, Any]) -> Confirmation:
    return Confirmation(
        verdict=verdict,
        message=text,
        absolute=found.get("absolute"),
        relative=_finite(found.get("relative")),
        layer=found.get("layer"),
        rows=int(measured.screening["rows"]),
        mode=measured.hypothesis.entry,
        dtype=str(measured.screening["dtype"]),
    )


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _spoken_of(hypothesis: Hypothesis) -> tuple[str, ...]:
    """The differences that a claim speaks of."""
    if hypothesis.claim is Claim.INFERENCE_MODE and hypothesis.other is not None:
        return ("mode",)
    return _SPOKEN_OF[hypothesis.claim]


_SPOKEN_OF: Mapping[Claim, tuple[str, ...]] = {
    Claim.TRAIN_MODE: ("content", "repeat", "mode"),
    Claim.INFERENCE_MODE: ("content", "repeat"),
    Claim.MIXES: ("content", "size"),
    Claim.CHANGES: ("redrawn",),
    Claim.FIXED_BATCH: ("size",),
    Claim.NOISY_STATISTICS: ("companions",),
    Claim.UNSEEDED: ("runs",),
    Claim.SAME_DRAWS: ("draws",),
    Claim.ROUNDS: ("sizes",),
}

_DECIDED: Mapping[Claim, Callable[[_Measured], Confirmation]] = {
    Claim.TRAIN_MODE: _train_mode,
    Claim.INFERENCE_MODE: _inference_mode,
    Claim.MIXES: _mixes,
    Claim.CHANGES: _changes,
    Claim.WRITES: _writes,
    Claim.FIXED_BATCH: _fixed_batch,
    Claim.NOISY_STATISTICS: _noisy_statistics,
    Claim.UNSEEDED: _unseeded,
    Claim.SAME_DRAWS: _same_draws,
    Claim.ROUNDS: _rounds,
    Claim.DRIFTS: _drifts,
}
