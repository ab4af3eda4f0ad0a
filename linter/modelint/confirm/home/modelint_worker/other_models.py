"""Models of other frameworks to run: exported TensorFlow signatures, ONNX files, PyTorch modules and exports."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy

from .inputs import Array, InputSpec
from .onnx_outputs import with_all_outputs
from .probes import Runner
from .trust import refuse_writing, tensors_only

LARGEST_TAKEN_APART = 500_000_000
"""Bytes of an ONNX file of which the outputs of all nodes are still taken; they are held at once."""


class SignatureRunner:
    """A signature of a SavedModel, known by any of some names. It is run as it was saved, whatever the entry."""

    def __init__(self, path: str, names: Sequence[str]) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow

        refuse_writing(path)
        self.tensorflow = tensorflow
        self.loaded = tensorflow.saved_model.load(path)
        found = next((name for name in names if name in self.loaded.signatures), None)
        if found is None:
            raise ValueError(f"the SavedModel has no signature {' or '.join(map(repr, names))}")
        self.signature = self.loaded.signatures[found]

    def specs(self) -> Sequence[InputSpec]:
        _, keywords = self.signature.structured_input_signature
        return [
            InputSpec(tuple(spec.shape.as_list()), spec.dtype.name, str(name))
            for name, spec in sorted(keywords.items())
        ]

    def run(self, inputs: Sequence[Array], entry: str) -> list[Array]:
        names = [str(spec.name) for spec in self.specs()]
        given = {name: self.tensorflow.constant(one) for name, one in zip(names, inputs, strict=True)}
        outputs = self.signature(**given)
        return [numpy.asarray(outputs[name]) for name in sorted(outputs)]

    def layers(self, inputs: Sequence[Array], entry: str) -> list[tuple[str, Array]]:
        return []

    def state(self) -> dict[str, Array]:
        return {f"{index}:{one.name}": numpy.array(one) for index, one in enumerate(self._variables())}

    def restore(self, state: Mapping[str, Array]) -> None:
        for variable, value in zip(self._variables(), state.values(), strict=True):
            variable.assign(value)

    def seed(self, number: int) -> None:
        self.tensorflow.random.set_seed(number)

    def chance(self, entry: str) -> object:
        return None

    def precise(self) -> Runner | None:
        return None

    def _variables(self) -> list[Any]:
        found = {id(one): one for one in getattr(self.loaded, "variables", ())}
        for signature in self.loaded.signatures.values():
            found |= {id(one): one for one in signature.variables}
        kinds = (self.tensorflow.string, self.tensorflow.variant, self.tensorflow.resource)
        return [one for one in found.values() if one.dtype not in kinds]


class OnnxRunner:
    """An ONNX file under onnxruntime, unoptimised: its optimiser removes dropout that is alive."""

    def __init__(self, path: str, *, gpu: bool) -> None:
        import onnxruntime

        self.path = path
        self.options = onnxruntime.SessionOptions()
        self.options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.options.log_severity_level = 4
        wanted = ["CUDAExecutionProvider"] if gpu else []
        available = onnxruntime.get_available_providers()
        self.providers = [one for one in (*wanted, "CPUExecutionProvider") if one in available]
        self.session = onnxruntime.InferenceSession(path, self.options, providers=self.providers)
        self.runtime = onnxruntime

    def specs(self) -> Sequence[InputSpec]:
        return [
            InputSpec(
                tuple(size if isinstance(size, int) else None for size in one.shape), _numpy_type(one.type), one.name
            )
            for one in self.session.get_inputs()
        ]

    def run(self, inputs: Sequence[Array], entry: str) -> list[Array]:
        names = [one.name for one in self.session.get_inputs()]
        outputs = self.session.run(None, dict(zip(names, inputs, strict=True)))
        return [one for one in outputs if isinstance(one, numpy.ndarray)]

    def layers(self, inputs: Sequence[Array], entry: str) -> list[tuple[str, Array]]:
        """What every node computes; nothing of a model whose weights lie in other files, or that is too large."""
        with open(self.path, "rb") as file:
            data = file.read(LARGEST_TAKEN_APART + 1)
        if len(data) > LARGEST_TAKEN_APART:
            return []
        model, made = with_all_outputs(data)
        session = self.runtime.InferenceSession(model, self.options, providers=self.providers)
        names = [one.name for one in self.session.get_inputs()]
        outputs = session.run(list(made), dict(zip(names, inputs, strict=True)))
        found = zip(made.values(), outputs, strict=True)
        return [(name, one) for name, one in found if isinstance(one, numpy.ndarray)]

    def state(self) -> dict[str, Array]:
        return {}

    def restore(self, state: Mapping[str, Array]) -> None:
        return

    def seed(self, number: int) -> None:
        self.runtime.set_seed(number)

    def chance(self, entry: str) -> object:
        return None

    def precise(self) -> Runner | None:
        return None


def _numpy_type(name: str) -> str:
    """``tensor(float)`` as numpy has it."""
    inner = name.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64", "bfloat16": "float32"}.get(inner, inner)


class TorchRunner:
    """A PyTorch module, a scripted one, or an exported program."""

    def __init__(self, module: Any, specs: Sequence[InputSpec], *, switchable: bool, device: str) -> None:
        self.module, self.given, self.switchable, self.device = module, list(specs), switchable, device
        if hasattr(module, "to"):
            module.to(device)

    def specs(self) -> Sequence[InputSpec]:
        if not self.given:
            raise ValueError("the file does not say what its inputs are")
        return self.given

    def run(self, inputs: Sequence[Array], entry: str) -> list[Array]:
        import torch

        if self.switchable and entry in ("true", "false"):
            self.module.train(entry == "true")
        with torch.no_grad():
            outputs = self.module(*(torch.from_numpy(one).to(self.device) for one in inputs))
        return [one.detach().float().cpu().numpy() if one.dtype == torch.bfloat16 else one.detach().cpu().numpy()
                for one in _tensors(outputs)]  # fmt: skip

    def layers(self, inputs: Sequence[Array], entry: str) -> list[tuple[str, Array]]:
        import torch

        if isinstance(self.module, torch.jit.ScriptModule):  # which takes no hooks
            return []
        taken: list[tuple[str, Array]] = []
        if isinstance(self.module, torch.fx.GraphModule):
            with torch.no_grad():
                _recording(torch, self.module, taken).run(*(torch.from_numpy(one).to(self.device) for one in inputs))
            return taken

        def hook(name: str) -> Any:
            return lambda module, arguments, result: taken.extend(
                (name, one.detach().float().cpu().numpy()) for one in _tensors(result)
            )

        leaves = [(name, one) for name, one in self.module.named_modules() if not list(one.children())]
        handles = [one.register_forward_hook(hook(name)) for name, one in leaves]
        try:
            self.run(inputs, entry)
        finally:
            for handle in handles:
                handle.remove()
        return taken

    def state(self) -> dict[str, Array]:
        return {name: numpy.array(value.detach().float().cpu()) for name, value in self._variables().items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        import torch

        with torch.no_grad():
            for name, value in self._variables().items():
                value.copy_(torch.from_numpy(state[name]))

    def seed(self, number: int) -> None:
        import torch

        torch.manual_seed(number)

    def chance(self, entry: str) -> object:
        """Of PyTorch, on the processor and on the GPU."""
        import torch

        states = [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else ())]
        return [one.numpy().tobytes() for one in states]

    def precise(self) -> Runner | None:
        """A copy in float64; none of a scripted module or an exported program, whose types are written into them."""
        import torch

        if isinstance(self.module, torch.jit.ScriptModule) or not self.switchable:
            return None
        return TorchRunner(copy.deepcopy(self.module).double(), self.given, switchable=True, device=self.device)

    def _variables(self) -> dict[str, Any]:
        return dict(self.module.state_dict())


def torch_export(path: str, device: str) -> TorchRunner:
    """An exported program, with the inputs that it was exported for."""
    import torch

    with tensors_only(torch):
        program = torch.export.load(path)
    specs = []
    for spec in program.graph_signature.user_inputs:
        node = next(node for node in program.graph.nodes if node.name == spec)
        value = node.meta["val"]
        shape = tuple(size if isinstance(size, int) else None for size in value.shape)
        specs.append(InputSpec(shape, str(value.dtype).removeprefix("torch."), spec))
    return TorchRunner(program.module(), specs, switchable=False, device=device)


def _recording(torch: Any, module: Any, taken: list[tuple[str, Array]]) -> Any:
    """What runs an exported graph node by node, and keeps what each computes, by the path of its module."""

    class Recording(torch.fx.Interpreter):  # type: ignore[misc]
        def run_node(self, n: Any) -> Any:
            result = super().run_node(n)
            held = [path for path, _ in n.meta.get("nn_module_stack", {}).values() if path]
            if n.op == "call_function":
                name = held[-1] if held else n.name
                taken.extend((name, one.detach().float().cpu().numpy()) for one in _tensors(result))
            return result

    return Recording(module)


def torch_script(path: str, shapes: Sequence[Sequence[int | None]], device: str) -> TorchRunner:
    """A scripted or traced module, in the mode in which it was saved. The file does not say what its inputs are."""
    import torch

    module = torch.jit.load(path, map_location="cpu")
    return TorchRunner(module, [InputSpec(tuple(shape)) for shape in shapes], switchable=True, device=device)


def _tensors(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return [leaf for key in value for leaf in _tensors(value[key])]
    if isinstance(value, (list, tuple)):
        return [leaf for one in value for leaf in _tensors(one)]
    return [value] if hasattr(value, "detach") else []
