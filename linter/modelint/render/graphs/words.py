"""Layers and shapes in words, the same in all formats."""

from __future__ import annotations

from collections.abc import Mapping

from modelint.facts import Layer, Passing, Port, Shape

TRAITS = {
    "mode-sensitive": "its output differs between train and inference mode",
    "couples-batch-in-training": "in train mode, a row of its output depends on other rows",
    "couples-batch-at-inference": "in inference mode too, a row of its output depends on other rows",
    "random-in-training": "it draws random numbers in train mode",
    "random-at-inference": "it draws random numbers in inference mode",
    "writes-state-in-training": "it updates variables in train mode",
    "writes-state-at-inference": "it carries state between calls in inference mode",
    "leaks-train-mode": "in some versions of Keras 3 it switches later layers to train mode",
    "frozen": "it, or a model that holds it, is set not trainable",
    "not-examined": "nothing is known about it",
}
"""What a layer can be said to do, and what that means."""


def traits(layer: Layer) -> tuple[str, ...]:
    """The names of ``TRAITS`` that hold for a layer."""
    own = layer.traits
    holds = (
        own.mode_sensitive,
        own.couples_batch_in_training,
        own.couples_batch_at_inference,
        own.stochastic_in_training,
        own.stochastic_at_inference,
        own.writes_state_in_training,
        own.writes_state_at_inference,
        own.leaks_train_mode,
        layer.frozen,
        layer.opaque,
    )
    return tuple(name for name, does in zip(TRAITS, holds, strict=True) if does)


def sentence(layer: Layer) -> str:
    """The traits of a layer in a few words: ``"mode-sensitive, couples the batch and writes state in training"``."""
    own = layer.traits
    training = {
        "couples the batch": own.couples_batch_in_training and not own.couples_batch_at_inference,
        "writes state": own.writes_state_in_training and not own.writes_state_at_inference,
    }
    inference = {
        "couples the batch": own.couples_batch_at_inference,
        "writes state": own.writes_state_at_inference,
    }
    clauses = [
        "not examined" if layer.opaque else "",
        "mode-sensitive" if own.mode_sensitive else "",
        _doing(training, "in training"),
        _doing(inference, "at inference"),
        "random at inference" if own.stochastic_at_inference else "",
        "random in training" if own.stochastic_in_training and not own.stochastic_at_inference else "",
        "leaks train mode" if own.leaks_train_mode else "",
        "frozen" if layer.frozen else "",
        {Passing.TRUE: "training=True", Passing.FALSE: "training=False"}.get(layer.training, ""),
    ]
    return ", ".join(filter(None, clauses))


def _doing(does: Mapping[str, bool], when: str) -> str:
    done = [what for what, is_done in does.items() if is_done]
    return f"{' and '.join(done)} {when}" if done else ""


def shape(sizes: Shape | None) -> str:
    """A shape as Python writes it, ``(None, 32, name, 3)``; empty if it is not known."""
    if sizes is None:
        return ""
    inside = ", ".join(str(size) for size in sizes)
    return f"({inside},)" if len(sizes) == 1 else f"({inside})"


def port(one: Port) -> str:
    """An input or output: its name, shape and type, as far as they are known."""
    return " ".join(filter(None, (one.name, shape(one.shape), one.dtype))) or "of unknown shape"
