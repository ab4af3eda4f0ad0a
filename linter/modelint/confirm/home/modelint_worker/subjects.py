"""Descriptions of models to models that can be run; the last few are kept open."""

from __future__ import annotations

import contextlib
import json
import os
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .importing import forget, module_of
from .inputs import InputSpec
from .observing import Observer
from .probes import Runner

MOST_OPEN = 2


@dataclass
class Opened:
    """A model that can be run, with what runs it."""

    runner: Runner
    framework: str
    device: str
    observer: Observer | None = None  # of what is imported


class Subjects:
    """The models of this process by their descriptions."""

    def __init__(self) -> None:
        self._opened: dict[str, Opened] = {}

    def open(self, subject: Mapping[str, Any], device: str, files: Sequence[str] = ()) -> Opened:
        """The model of a description, on a device (``cpu``, ``gpu``, or ``auto``: the GPU if there is one).

        Of what is imported for it, ``files`` are watched.

        Raises:
            ImportError: its framework is not installed.
            ValueError: it cannot be loaded, rebuilt, or run.
        """
        key = json.dumps([subject, device, files], sort_keys=True)
        if key not in self._opened:
            while len(self._opened) >= MOST_OPEN:
                del self._opened[next(iter(self._opened))]
            self._opened[key] = _open(subject, device, files)
        return self._opened[key]

    def forget(self) -> None:
        """Open all anew when they are next asked for."""
        self._opened.clear()


def _open(subject: Mapping[str, Any], device: str, files: Sequence[str]) -> Opened:
    match subject["kind"]:
        case "keras_file" | "rebuilt":
            return _keras(subject, device)
        case "saved_model":
            placed = _tensorflow_device(device)
            from .other_models import SignatureRunner

            return Opened(SignatureRunner(subject["path"], subject["names"]), _versions("tensorflow"), placed)
        case "onnx":
            from .other_models import OnnxRunner

            runner = OnnxRunner(subject["path"], gpu=device != "cpu")
            on_gpu = runner.session.get_providers()[0].startswith("CUDA")
            if device == "gpu" and not on_gpu:
                raise ValueError("onnxruntime sees no GPU")
            return Opened(runner, _versions("onnxruntime"), "gpu" if on_gpu else "cpu")
        case "torch_export" | "torch_script":
            from .other_models import torch_export, torch_script

            placed = _torch_device(device)
            if subject["kind"] == "torch_export":
                return Opened(torch_export(subject["path"], placed), _versions("torch"), placed)
            return Opened(torch_script(subject["path"], subject["shapes"], placed), _versions("torch"), placed)
        case "imported":
            return _imported(subject, device, files)
    raise ValueError(f"the worker knows no {subject['kind']!r}")


def _keras(subject: Mapping[str, Any], device: str) -> Opened:
    from .keras_models import KerasRunner, load, rebuild

    placed = _tensorflow_device(device)
    generation = subject["generation"]
    model = load(subject["path"], generation) if subject["kind"] == "keras_file" else rebuild(subject)
    return Opened(KerasRunner(model, generation), _versions("tf_keras" if generation == "2" else "keras"), placed)


def _imported(subject: Mapping[str, Any], device: str, files: Sequence[str]) -> Opened:
    """What a function or class of the user's own module makes, called with constants."""
    named = _named(subject)
    called = isinstance(named, (type, types.FunctionType))
    observer = Observer(files, from_the_start=called) if files else None
    with observer or contextlib.nullcontext():
        made = _made(named, subject)
        if observer is not None:
            observer.building = True
        runner, framework, placed = _runner(made, subject, device)
    if observer is not None:
        observer.keep()
    return Opened(runner, _versions(framework), placed, observer)


def _named(subject: Mapping[str, Any]) -> Any:
    return getattr(module_of(subject["path"], subject["root"], subject["sources"]), subject["name"])


def _made(named: Any, subject: Mapping[str, Any]) -> Any:
    """What a name of a module makes when it is called, or what it is."""
    if isinstance(named, (type, types.FunctionType)):
        return named(*subject["arguments"], **subject["keywords"])
    return named


def made_anew(subject: Mapping[str, Any], entropy: int | None) -> Any:
    """A Keras model made again, by code that is imported again.

    Chance goes on as it stands, or, with ``entropy``, begins there when the code is imported.
    """
    from .keras_models import KerasRunner, library, rebuild

    if subject["kind"] == "rebuilt":
        return KerasRunner(rebuild(subject, seed=None), subject["generation"])
    forget()
    named = _named(subject)
    if entropy is not None:
        library(subject["generation"]).utils.set_random_seed(entropy)
    runner, _, _ = _runner(_made(named, subject), subject, "auto")
    return runner


def _runner(made: Any, subject: Mapping[str, Any], device: str) -> tuple[Runner, str, str]:
    """What runs a model that was imported, of which framework it is, and where it runs."""
    specs = [InputSpec(tuple(shape), dtype) for shape, dtype in subject["inputs"]]
    if type(made).__module__.partition(".")[0] == "torch" or hasattr(made, "register_forward_hook"):
        from .other_models import TorchRunner

        placed = _torch_device(device)
        return TorchRunner(made, specs, switchable=True, device=placed), "torch", placed
    from .keras_models import ImportedRunner

    placed = _tensorflow_device(device)
    families = (one.__module__.partition(".")[0] for one in type(made).__mro__)
    generation = "2" if next((one for one in families if one in ("keras", "tf_keras")), "") == "tf_keras" else "3"
    runner = ImportedRunner(made, generation, specs, subject["rows"])
    return runner, "tf_keras" if generation == "2" else "keras", placed


def _tensorflow_device(device: str) -> str:
    """Where TensorFlow will run; the GPU is hidden from it if it is not wanted."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import tensorflow

    found = tensorflow.config.list_physical_devices("GPU")
    if device == "gpu" and not found:
        raise ValueError("TensorFlow sees no GPU")
    return "gpu" if found and device != "cpu" else "cpu"


def _torch_device(device: str) -> str:
    import torch

    found = torch.cuda.is_available()
    if device == "gpu" and not found:
        raise ValueError("PyTorch sees no GPU")
    return "cuda" if found and device != "cpu" else "cpu"


def _versions(*names: str) -> str:
    """The versions of what runs the model, as ``keras 3.15.1 (tensorflow 2.21.0)``."""
    from importlib.metadata import PackageNotFoundError, version

    def one(name: str) -> str:
        for distribution in (name.replace("_", "-"), f"{name}-cpu", f"{name}-gpu"):
            try:
                return f"{name} {version(distribution)}"
            except PackageNotFoundError:
                continue
        return name

    text = ", ".join(one(name) for name in names)
    if names[0] in ("keras", "tf_keras"):
        return f"{text} ({one('tensorflow')})"
    return text
