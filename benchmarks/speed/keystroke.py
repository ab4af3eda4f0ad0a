"""How long an editor waits: from one keystroke in a script to new diagnostics, against parsing the script.

    python benchmarks/speed/keystroke.py [FILE]

Starts ``modelint server``, opens FILE (or a training script of 1,000 lines), and types in it, a keystroke after the
other, each when the diagnostics of the one before have come. The first diagnostics are given apart: there the rules are
loaded, and the modules that the file imports executed. Nothing is limited; the exit status is 0 if the server answered.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import click
import libcst
from lsprotocol import types
from pygls.lsp.client import LanguageClient

PATIENCE = 120.0
HEAD = """\
import tensorflow as tf

optimizer = tf.keras.optimizers.Adam()
"""
PART = """

class Classifier{n}(tf.keras.Model):
    def __init__(self, classes, rate=0.5):
        super().__init__()
        self.convolution = tf.keras.layers.Conv2D(32, 3, activation="relu")
        self.norm = tf.keras.layers.BatchNormalization()
        self.dropout = tf.keras.layers.Dropout(rate)
        self.head = tf.keras.layers.Dense(classes)

    def call(self, images, training=None):
        x = self.norm(self.convolution(images), training=training)
        x = tf.reduce_mean(x, axis=[1, 2])
        return self.head(self.dropout(x, training=training))


def train{n}(dataset, epochs):
    model = Classifier{n}(10)
    for epoch in range(epochs):
        for images, labels in dataset:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(images) - labels) ** 2)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        print(epoch, float(loss))
    return model
"""


def script(lines: int) -> str:
    """A training script of about so many lines, with a finding in every part."""
    parts = (lines - HEAD.count("\n")) // PART.count("\n")
    return HEAD + "".join(PART.format(n=number) for number in range(parts))


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--keystrokes", default=20, show_default=True, type=click.IntRange(min=1), help="Measured keystrokes.")
@click.option("--lines", default=1000, show_default=True, help="Lines of the script, where no FILE is given.")
def main(file: Path | None, keystrokes: int, lines: int) -> None:
    """Measure the language server on FILE."""
    with tempfile.TemporaryDirectory() as temporary:
        if file is None:
            file = Path(temporary, "train.py")
            file.write_text(script(lines), encoding="utf-8")
        text = file.read_text(encoding="utf-8")
        first, later, found = asyncio.run(measure(file.resolve(), text, keystrokes))
        parsing = statistics.median(parse_seconds(text) for _ in range(keystrokes))
    median = statistics.median(later)
    print(f"{text.count(chr(10))} lines, {found} diagnostics, {keystrokes} keystrokes")
    print(f"first diagnostics: {first * 1000:.0f} ms")
    spread = f"{min(later) * 1000:.0f}-{max(later) * 1000:.0f}"
    print(f"keystroke to diagnostics: {median * 1000:.0f} ms ({spread}), of which the server waits 20 for another one")
    print(f"libcst.parse_module: {parsing * 1000:.0f} ms; ratio {median / parsing:.1f}")


async def measure(file: Path, text: str, keystrokes: int) -> tuple[float, list[float], int]:
    """Seconds to the first diagnostics and from each keystroke to its own, and how many diagnostics there are."""
    client = LanguageClient("benchmark", "1")
    arrived: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def published(params: types.PublishDiagnosticsParams) -> None:
        arrived.put_nowait(params)

    async def diagnostics(version: int) -> types.PublishDiagnosticsParams:
        while (params := await asyncio.wait_for(arrived.get(), PATIENCE)).version != version:
            pass
        return params

    await client.start_io(sys.executable, "-m", "modelint", "server")
    root = file.parent.as_uri()
    await client.initialize_async(types.InitializeParams(types.ClientCapabilities(), root_uri=root))
    client.initialized(types.InitializedParams())
    uri = file.as_uri()
    began = time.perf_counter()
    client.text_document_did_open(types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "python", 1, text)))
    found = len((await diagnostics(1)).diagnostics)
    first = time.perf_counter() - began
    later = []
    end = types.Position(text.count("\n"), 0)
    for version in range(2, keystrokes + 2):
        await asyncio.sleep(0.2)
        typed = types.TextDocumentContentChangePartial(types.Range(end, end), "#")
        began = time.perf_counter()
        client.text_document_did_change(
            types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(version, uri), [typed])
        )
        await diagnostics(version)
        later.append(time.perf_counter() - began)
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    return first, later, found


def parse_seconds(text: str) -> float:
    """Seconds that libcst takes to parse a text."""
    began = time.perf_counter()
    libcst.parse_module(text)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
