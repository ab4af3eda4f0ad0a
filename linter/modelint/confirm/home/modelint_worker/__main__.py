"""The worker's loop: a request a line in, an answer a line out, until the input ends."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from .errors import sentence

Answer = dict[str, Any]


def main() -> None:
    """Answer requests. Whatever goes wrong with one is its answer."""
    answers = _private_output()
    _stay_offline()
    subjects: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: Answer
        try:
            if subjects is None:
                from .subjects import Subjects  # needs numpy, which may be missing

                subjects = Subjects()
            answer = {"id": request["id"], **ACTIONS[request["do"]](subjects, request)}
        except MemoryError:
            answer = {"id": request["id"], "error": {"message": "the memory does not suffice"}}
        except Exception as error:  # the user's model, or the framework, may fail in any way
            answer = {"id": request["id"], "error": {"message": sentence(error), "missing": _missing(error)}}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


FRAMEWORKS = frozenset({"keras", "numpy", "onnxruntime", "tensorflow", "tf_keras", "torch"})
"""What models are run with. That code of the user's imports something else is no matter of the installation."""


def _missing(error: Exception) -> str | None:
    """The framework that could not be imported, if that is what an error says."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    return name if name in FRAMEWORKS else None


def _screen(subjects: Any, request: Mapping[str, Any]) -> Answer:
    from .observing import eagerly
    from .probes import exercise, screen

    watched, rows = request.get("watched", ()), request.get("rows", 8)
    files = sorted({place["path"] for place in watched})
    opened = subjects.open(request["subject"], request["device"], files)
    found = screen(opened.runner, request["entry"], request.get("other"), rows)
    if opened.observer is not None:
        try:
            with opened.observer:
                eagerly(lambda: exercise(opened.runner, request["entry"], rows))
        except Exception as error:  # what needs a graph
            found.unwatched = sentence(error)
        found.watched = len(watched)
        found.unseen = [place for place in watched if not opened.observer.has_run(place)]
    return {"screening": found.as_json(), "framework": opened.framework, "device": opened.device}


def _companions(subjects: Any, request: Mapping[str, Any]) -> Answer:
    from .training_probes import companions

    opened = subjects.open(request["subject"], request["device"])
    found = companions(opened.runner, request["entry"], request["rows"])
    return {"screening": found.as_json(), "framework": opened.framework, "device": opened.device}


def _runs(subjects: Any, request: Mapping[str, Any]) -> Answer:
    from .subjects import made_anew
    from .training_probes import two_runs

    subject = request["subject"]
    opened = subjects.open(subject, request["device"])
    subjects.forget()
    found = two_runs(
        lambda entropy: made_anew(subject, entropy),
        opened.runner.keras,
        request["seeds"],
        seeds_before=request["seeds_before"],
        control=subject["kind"] == "imported",  # of whose layers it is not known that they run
    )
    return {"screening": found.as_json(), "framework": opened.framework, "device": opened.device}


def _draws(subjects: Any, request: Mapping[str, Any]) -> Answer:
    from .training_probes import same_draws

    opened = subjects.open(request["subject"], request["device"])
    found = same_draws(opened.runner)
    return {"screening": found.as_json(), "framework": opened.framework, "device": opened.device}


def _step(subjects: Any, request: Mapping[str, Any]) -> Answer:
    from .training_probes import one_step

    opened = subjects.open(request["subject"], request["device"])
    subjects.forget()
    found = one_step(opened.runner)
    return {"screening": found.as_json(), "framework": opened.framework, "device": opened.device}


def _sizes(subjects: Any, request: Mapping[str, Any]) -> Answer:
    from .sweeping import two_sizes

    opened = subjects.open(request["subject"], request["device"])
    found = two_sizes(opened.runner, request["sizes"])
    return {"screening": found.as_json(), "framework": opened.framework, "device": opened.device}


def _sweep(subjects: Any, request: Mapping[str, Any]) -> Answer:
    from .sweeping import sweep

    opened = subjects.open(request["subject"], request["device"])
    found = sweep(opened.runner, request["entry"], request["sizes"], request["seconds"], gpu=opened.device != "cpu")
    return {**found, "framework": opened.framework, "device": opened.device}


ACTIONS: Mapping[str, Callable[[Any, Mapping[str, Any]], Answer]] = {
    "companions": _companions,
    "draws": _draws,
    "runs": _runs,
    "screen": _screen,
    "sizes": _sizes,
    "step": _step,
    "sweep": _sweep,
}


def _private_output() -> TextIO:
    """The real standard output, for answers alone; what anything prints goes to standard error."""
    private = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return private


def _stay_offline() -> None:
    """Refuse connections: what a model needs from the network, it does not get."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any, /) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise OSError("modelint does not let a model use the network")
        connect(self, address)

    socket.socket.connect = refuse  # type: ignore[method-assign, assignment]
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", CUDA_MODULE_LOADING="LAZY")


if __name__ == "__main__":
    main()
