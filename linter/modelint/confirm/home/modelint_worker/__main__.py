"""The worker's loop: a request a line in, an answer a line out, until the input ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from .errors import sentence

Answer = dict[str, Any]


def main() -> None:
    """Answer requests. Whatever goes wrong with one is its answer."""
    answers = _private_output()
    _stay_offline()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    subjects: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: Answer
        try:
            if subjects is None:
                from .subjects import Subjects  # needs numpy, which may be missing

                subjects = Subjects()
            answer = {"id": request["id"], **_measured(subjects, request)}
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


def _measured(subjects: Any, request: Mapping[str, Any]) -> Answer:
    """What is measured of the model that a request is about, with what ran it."""
    files = sorted({place["path"] for place in request.get("watched", ())})
    opened = subjects.open(request["subject"], request["device"], files)
    if request["do"] in SPENDING:
        subjects.forget()
    found = MEASURING[request["do"]](opened, request)
    measured = found if isinstance(found, dict) else {"screening": found.as_json()}
    return {**measured, "framework": opened.framework, "device": opened.device}


def _screen(opened: Any, request: Mapping[str, Any]) -> Any:
    from .observing import eagerly
    from .probes import ROWS, exercise, screen

    rows = request.get("rows", ROWS)
    found = screen(opened.runner, request["entry"], request.get("other"), rows)
    if opened.observer is not None:
        opened.observer.start_over()
        try:
            with opened.observer:
                eagerly(lambda: exercise(opened.runner, request["entry"], rows))
        except Exception as error:  # what needs a graph
            found.unwatched = sentence(error)
        found.watched = len(request["watched"])
        found.unseen = [place for place in request["watched"] if not opened.observer.has_run(place)]
    return found


def _companions(opened: Any, request: Mapping[str, Any]) -> Any:
    from .training_probes import companions

    return companions(opened.runner, request["entry"], request["rows"])


def _runs(opened: Any, request: Mapping[str, Any]) -> Any:
    from .subjects import made_anew
    from .training_probes import two_runs

    subject = request["subject"]
    return two_runs(
        lambda entropy: made_anew(subject, entropy),
        opened.runner.keras,
        request["seeds"],
        seeds_before=request["seeds_before"],
        control=subject["kind"] == "imported",  # of whose layers it is not known that they run
    )


def _draws(opened: Any, request: Mapping[str, Any]) -> Any:
    from .training_probes import same_draws

    return same_draws(opened.runner)


def _step(opened: Any, request: Mapping[str, Any]) -> Any:
    from .training_probes import one_step

    return one_step(opened.runner)


def _sizes(opened: Any, request: Mapping[str, Any]) -> Any:
    from .sweeping import two_sizes

    return two_sizes(opened.runner, request["sizes"])


def _sweep(opened: Any, request: Mapping[str, Any]) -> Any:
    from .sweeping import sweep

    gpu = opened.device != "cpu"
    return sweep(opened.runner, request["entry"], request["sizes"], request["seconds"], gpu=gpu)


MEASURING: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "companions": _companions,
    "draws": _draws,
    "runs": _runs,
    "screen": _screen,
    "sizes": _sizes,
    "step": _step,
    "sweep": _sweep,
}
"""What is asked, and what measures it: each gives a screening, or a table as it is answered."""

SPENDING = frozenset({"runs", "step"})
"""What leaves a model that is not to be used for anything else."""


def _private_output() -> TextIO:
    """The real standard output, for answers alone; what anything prints goes to standard error."""
    private = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return private


def _end_with(parent: int) -> None:
    """End with all that was started here when nobody is left to answer to, whatever a model is doing."""
    while os.getppid() == parent:
        time.sleep(1.0)
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _stay_offline() -> None:
    """Refuse what a model would ask of the network, where it asks for it in Python."""
    for name in ("connect", "connect_ex", "sendto", "sendmsg"):
        setattr(socket.socket, name, _refusing(getattr(socket.socket, name)))
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", CUDA_MODULE_LOADING="LAZY")


def _refusing(method: Callable[..., Any]) -> Callable[..., Any]:
    def refuse(self: socket.socket, *arguments: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise OSError("modelint does not let a model use the network")
        return method(self, *arguments)

    return refuse


if __name__ == "__main__":
    main()
