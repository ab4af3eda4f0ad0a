"""The lines of Python that made the nodes of a SavedModel, where it was saved with ``save_debug_info``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from modelint.artifacts.files import ModelFiles
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.tensorflow_flow import Operation
from modelint.artifacts.tensorflow_messages import SCHEMAS
from modelint.artifacts.wire import Message
from modelint.finding import Place, Span

_MEMBER: Final = "debug/saved_model_debug_info.pb"
_LIBRARIES: Final = ("/site-packages/", "/dist-packages/", "/tensorflow/python/", "/keras/src/", "<frozen")
_MOST_FRAMES: Final = 200

Source = Callable[[Operation], Place | None]


def source_places(files: ModelFiles, budget: Budget, problems: list[str]) -> Source:
    """A function from operations to the line of the program, not of a library, that made each."""
    data = files.data(_MEMBER) if files.is_directory else None
    if data is None or not len(data):
        return lambda operation: None
    try:
        return _Traces(Message.whole(data, SCHEMAS["GraphDebugInfo"], budget)).place
    except MalformedError as error:
        problems.append(f"{_MEMBER} cannot be read: {error}")
        return lambda operation: None


class _Traces:
    """The stack at the making of each node, by ``node@function``; as TensorFlow 2.21 writes it.

    Stacks are read from their outermost frame to the innermost, as it writes them.
    """

    def __init__(self, info: Message) -> None:
        self._files = list(info.texts("files"))
        self._frames = {entry.integer("key"): entry.message("value") for entry in info.messages("frames_by_id")}
        self._traces = {entry.integer("key"): entry.message("value") for entry in info.messages("traces_by_id")}
        self._numbers = {entry.text("key"): entry.integer("value") for entry in info.messages("name_to_trace_id")}

    def place(self, operation: Operation) -> Place | None:
        """The innermost line that belongs to no library."""
        trace = self._traces.get(self._numbers.get(f"{operation.node.name}@{operation.call.body.name}", -1))
        if trace is None:
            return None
        numbers = list(trace.integers("frame_id"))
        frames = [self._frames[number] for number in numbers if number in self._frames]
        for frame in reversed(frames[-_MOST_FRAMES:]):
            index, line = frame.integer("file_index"), frame.integer("line")
            path = self._files[index] if 0 <= index < len(self._files) else ""
            if path and line > 0 and not any(part in path for part in _LIBRARIES):
                return Place(path, Span(line, 1, line, 1))
        return None
