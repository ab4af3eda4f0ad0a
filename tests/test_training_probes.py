"""Claims about training, decided by what a worker measures: where they hold, and where they do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from modelint.confirm.hypotheses import Claim, Hypothesis
from modelint.confirm.verdicts import decide
from modelint.confirm.worker import Worker
from modelint.facts import KerasVersion
from modelint.finding import Confirmation, Verdict


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


def call(kind: str, identity: int, inbound: int, config: Mapping[str, Any], **arguments: bool) -> dict[str, Any]:
    return {"class": kind, "config": config, "identity": identity, "inbound": [inbound], "arguments": arguments}


def asked(
    worker: Worker,
    do: str,
    claim: Claim,
    layers: list[dict[str, Any]],
    outputs: list[int],
    generation: str,
    shape: tuple[int, ...] = (512,),
    **more: Any,
) -> Confirmation:
    inputs = [{"shape": [None, *shape], "dtype": "float32"}]
    subject = {"kind": "rebuilt", "generation": generation, "inputs": inputs, "layers": layers, "outputs": outputs}
    answer = worker.ask({"do": do, "subject": subject, "device": "cpu", **more}, 120)
    return decide(Hypothesis(claim, tuple(KerasVersion), **more), answer["screening"])


@pytest.mark.parametrize("generation", ["3", "2"])
@pytest.mark.parametrize(
    ("kind", "config", "seeds", "verdict"),
    [
        ("Dropout", {"rate": 0.5}, (7, 7), Verdict.CONFIRMED),
        ("Dropout", {"rate": 0.5}, (7, 8), Verdict.REFUTED),
        ("GaussianNoise", {"stddev": 0.5}, (7, 7), Verdict.CONFIRMED),
        ("GaussianNoise", {"stddev": 0.5}, (7, None), Verdict.REFUTED),
        ("Dropout", {"rate": 0.0}, (7, 7), Verdict.INCONCLUSIVE),
    ],
)
def test_two_layers_draw_the_same_if_their_seeds_are(
    worker: Worker, generation: str, kind: str, config: dict[str, float], seeds: tuple[int, int], verdict: Verdict
) -> None:
    layers = [call(kind, number, -1, {**config, "seed": seed}) for number, seed in enumerate(seeds)]
    assert asked(worker, "draws", Claim.SAME_DRAWS, layers, [0, 1], generation).verdict is verdict


@pytest.mark.parametrize(
    ("generation", "trainable", "verdict"),
    [("3", True, Verdict.CONFIRMED), ("3", False, Verdict.REFUTED), ("2", True, Verdict.REFUTED)],
    ids=["Keras 3, unfrozen", "Keras 3, frozen", "Keras 2, unfrozen"],
)
def test_fit_moves_the_statistics_of_a_base_called_in_inference_mode_where_it_is_not_frozen(
    worker: Worker, generation: str, trainable: bool, verdict: Verdict
) -> None:
    held = {"layers": [call("BatchNormalization", 1, -1, {"trainable": trainable})], "outputs": [0]}
    base = {"class": "Functional", "model": held, "identity": 0, "inbound": [-1], "arguments": {"training": False}}
    layers = [base, call("Dense", 2, 0, {"units": 1})]
    found = asked(worker, "step", Claim.DRIFTS, layers, [1], generation)
    assert found.verdict is verdict
    assert (found.absolute or 0.0) > 0 if verdict is Verdict.CONFIRMED else found.absolute == 0.0


@pytest.mark.parametrize("generation", ["3", "2"])
@pytest.mark.parametrize(
    ("layers", "verdict"),
    [
        ([call("Dense", 0, -1, {"units": 64}), call("Dense", 1, 0, {"units": 3})], Verdict.CONFIRMED),
        ([call("Activation", 0, -1, {"activation": "relu"})], Verdict.INCONCLUSIVE),
        ([call("UnitNormalization", 0, -1, {"axis": 0})], Verdict.INCONCLUSIVE),
    ],
    ids=["rounding", "the same bits", "more than rounding"],
)
def test_predictions_in_batches_of_two_sizes_differ_by_rounding(
    worker: Worker, generation: str, layers: list[dict[str, Any]], verdict: Verdict
) -> None:
    last = [len(layers) - 1]
    assert asked(worker, "sizes", Claim.ROUNDS, layers, last, generation, sizes=(64, 1)).verdict is verdict


@pytest.mark.parametrize(
    ("initializer", "rate", "verdict"),
    [
        ("glorot_uniform", 0.0, Verdict.CONFIRMED),
        ("glorot_uniform", 0.5, Verdict.REFUTED),
        ("zeros", 0.5, Verdict.INCONCLUSIVE),
    ],
    ids=["nothing drawn", "drawn", "drawn and lost"],
)
def test_that_nothing_is_drawn_shows_only_in_outputs_that_vary(
    worker: Worker, initializer: str, rate: float, verdict: Verdict
) -> None:
    layers = [
        call("Dropout", 0, -1, {"rate": rate}),
        call("Dense", 1, 0, {"units": 2, "kernel_initializer": initializer}),
    ]
    assert asked(worker, "screen", Claim.INFERENCE_MODE, layers, [1], "3", entry="fit").verdict is verdict


@pytest.mark.parametrize(
    ("kind", "config"), [("RandomErasing", {"factor": 0.02}), ("RandomGrayscale", {"factor": 0.05})]
)
def test_an_augmentation_that_rarely_does_anything_is_not_taken_for_inference_mode(
    worker: Worker, kind: str, config: dict[str, float]
) -> None:
    layers = [call(kind, 0, -1, config)]
    found = asked(worker, "screen", Claim.TRAIN_MODE, layers, [0], "3", (16, 16, 3), entry="true")
    assert found.verdict is Verdict.CONFIRMED
