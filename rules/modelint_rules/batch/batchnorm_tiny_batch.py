"""BatchNorm is trained on batches too small for their statistics to mean anything.

In training, BatchNormalization shifts and scales every value by the mean and variance of its channel over the batch.
Over n values these are guesses, and every sample is shown the guess that its neighbours happened to make:

| n | error of the mean | moving variance / true variance | correlation with the properly normalised value |
|---|---|---|---|
| 1 | 1.0 sd | 0.00 | none: the output is constant |
| 2 | 0.71 sd | 0.49 | 0.58, every value is +1 or -1 |
| 4 | 0.50 sd | 0.75 | 0.80 |
| 8 | 0.35 sd | 0.88 | 0.90 |
| 32 | 0.18 sd | 0.97 | 0.98 |

(Keras 3.15, Gaussian inputs.) With one value per channel the output is beta, whatever the sample, and nothing before
the layer learns. The moving statistics that inference uses are learned from the same guesses, so training and
inference see different networks: a classifier of ten classes, trained for 2000 steps with BatchNorm, reached 12 %
accuracy at batch size 1, 36 % at 2, 72 % at 4, 79 % at 8 and 88 % at 32, and with LayerNorm 73 %, 77 %, 82 %, 87 %
and 89 %.

What counts is the batch that one layer sees: under `MirroredStrategy` the global batch divided by the replicas (Keras
3 moreover keeps the moving statistics of the first replica only), and under `gradient_accumulation_steps` the
micro-batch. A convolutional layer averages over positions too, but positions of one image are alike and are no
substitute for images: ResNet-50's error rises from 23.6 % at 32 images per device to 27.3 % at 4 and 34.7 % at 2, where
its last layers see 98 values per channel. Where shapes can be followed, the message names the layer with the fewest
values per channel and says how many they are. Behind a convolution of 3 x 3, two images with the spectrum of natural
ones gave an error of the mean of 0.30 sd on 4 x 4 positions, 0.20 on 8 x 8 and 0.12 on 64 x 64, which is less than that
of 32 values drawn by themselves. So where every layer sees 10 000 values and more, as in networks for video and volumes
that hardly reduce them, the finding is a note.

The same holds of a saved model that serves a BatchNorm in train mode, where the file fixes the batch of its inputs at
less than the limit (SavedModel, frozen graph, ONNX, TFLite, `.pt2`; Keras feeds a `.keras` or `.h5` file batches of any
size). With a batch of 1 and no positions to average over, what the layer gives is the same for every sample: of two
models exported so by Keras 2 and 3, all predictions were equal. This is always an error, and it takes the place of
`train-mode-at-inference` at the layer, which says the same of batches of any size. That the batch is fixed is another
matter, with another remedy: `static-batch-size` reports it at the input.

## How to fix it

Train with at least 8, better 32 samples per replica. Where memory forbids it, use `GroupNormalization` or
`LayerNormalization`, which look at one sample at a time, or `BatchNormalization(synchronized=True)` under a
distribution strategy. When fine-tuning, keep the layer frozen (`trainable = False`). Gradient accumulation does not
help. Save a model in inference mode: with no `training=True` inside it, or after `eval()`.

## When it is not a bug

Image-to-image networks such as pix2pix train on single images on purpose: over one image, BatchNorm is instance
normalisation, which they then need at inference too. Say so with an ignore comment, or write
`GroupNormalization(groups=-1)`. The limit of 8 is the setting `tiny-batch`; with `tiny-batch-values`, a batch is not
tiny either if every layer is known to see so many values per channel.

## References

- [Group Normalization](https://arxiv.org/abs/1803.08494), table 2
- [Rethinking "Batch" in BatchNorm](https://arxiv.org/abs/2105.07576)
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from modelint import (
    Confidence,
    Finding,
    Interval,
    Layer,
    Mode,
    ModelCall,
    Program,
    Rule,
    Severity,
    StaticBatch,
    TrainingRun,
)

rule = Rule(__name__, severity=Severity.WARNING, since="0.1")


MANY = 10_000
"""Values per channel that give about as good statistics as a batch that is not tiny, positions being alike or not."""


@rule.on(TrainingRun)
def check(run: TrainingRun, program: Program) -> Iterator[Finding]:
    """A live BatchNorm that sees fewer samples than the configured limit."""
    norms = program.batchnorms_trained_by(run)
    divided = [norm for norm in norms if not _synchronized(norm)]
    size = run.effective if divided else run.batch_size
    enough = program.settings.tiny_batch
    if not norms or run.deliberate or size is None or size.high is None or size.high >= enough:
        return
    if run.among is not None and run.among.high is not None and run.among.high < enough:
        return  # said of all that the program chooses between
    norm, values = _fewest(run, divided or norms, size)
    wanted = program.settings.tiny_batch_values
    if values.for_all is not None and wanted is not None and values.for_all >= wanted:
        return
    share = f" per replica ({run.batch_size} over {run.replicas})" if size != run.batch_size else ""
    if values.per_channel == 1:
        problem, severity = f"trains {norm} on single samples{share}, which it turns into a constant", Severity.ERROR
    else:
        counted = f", {values.per_channel} values per channel" if values.per_channel else ""
        problem = f"trains {norm} on batches of {size}{share}{counted}"
        severity = Severity.NOTE if values.for_all is not None and values.for_all >= MANY else Severity.WARNING
    yield rule.at(
        run.place,
        f"{problem}; use at least {enough} samples, or a normalisation of single samples",
        because=[*run.because_of_batch, (norm.place, "normalises with the statistics of the batch")],
        severity=severity,
        confidence=Confidence.HIGH if run.certain else Confidence.MEDIUM,
    )


class _Values(NamedTuple):
    """How many values per channel a layer sees, where it is more than samples; how many all layers see at least."""

    per_channel: int | None
    for_all: int | None


def _fewest(run: TrainingRun, norms: Sequence[Layer], size: Interval) -> tuple[Layer, _Values]:
    """The layer that is known to see the fewest values per channel; the first, if not all are known."""
    known = [norm for norm in norms if norm.identity in run.positions]
    norm = min(known, key=lambda one: run.positions[one.identity], default=norms[0])
    fewest = run.positions.get(norm.identity)
    if fewest == 1 and size.exact == 1:
        return norm, _Values(1, None)
    if fewest is None or len(known) < len(norms):
        return norms[0], _Values(None, None)
    lowest = size.low * fewest if size.low is not None else None
    return norm, _Values(size.exact * fewest if size.exact is not None and fewest > 1 else None, lowest)


@rule.on(ModelCall)
def check_served(call: ModelCall, program: Program) -> Iterator[Finding]:
    """A BatchNorm that a saved model runs on the statistics of a batch of fixed size, smaller than the limit."""
    norms = [layer for layer in call.affected if layer.is_batchnorm]
    batch = next((batch for batch in program.all(StaticBatch) if batch.model is call.model), None)
    if not call.served or call.mode is not Mode.TRAIN or not norms or batch is None:
        return
    if batch.size >= program.settings.tiny_batch:
        return
    norm = norms[0]
    batches = f"batches of {batch.size}" if batch.size > 1 else "single samples"
    if batch.size == 1 and norm.shape is not None and len(norm.shape) == 2:  # no positions, one value per channel
        batches += ", which it turns into a constant"
    advice = "call eval() before saving it" if call.model.framework == "torch" else "save the model in inference mode"
    yield rule.at(
        norm.called_at,
        f"normalises with the statistics of {batches} ({norm} in train mode); {advice}",
        because=[(batch.place, f"the batch is fixed here ({batch.how})"), *call.because],
        severity=Severity.ERROR,
        confidence=Confidence.HIGH if call.certain else Confidence.MEDIUM,
    )


def _synchronized(norm: Layer) -> bool:
    """Whether the layer shares its statistics among the replicas."""
    return norm.kind == "SyncBatchNormalization" or norm.config.get("synchronized") is True
