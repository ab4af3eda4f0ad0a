"""The graph of an exported program: nodes of JSON to operators, with the modules and source lines they come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelint.artifacts.json_text import Json
from modelint.artifacts.limits import MOST_NODES, Budget, MalformedError
from modelint.artifacts.torch_graph import Argument, Operation, OperatorGraph, Tensor
from modelint.artifacts.torch_layers import layer_of
from modelint.facts import UNKNOWN, Shape
from modelint.finding import Place, Span

_KNOWN_LIBRARIES: Final = frozenset({"aten", "prims", "quantized_decomposed"})
_ALWAYS_RUN: Final = frozenset({"wrap_with_set_grad_enabled", "wrap_with_autocast"})
"""Higher-order operators that run the graph they are given, once, on the arguments after it."""

_DTYPES: Final = (
    "", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex32", "complex64",
    "complex128", "bool", "bfloat16",
)  # fmt: skip
"""``ScalarType`` of the schema, by number."""

_MOST_NESTED: Final = 16
_SYMBOL: Final = re.compile(r"Symbol\('([^']*)'[^()]*\)|Integer\((-?\d+)\)")
_FRAME: Final = re.compile(r'^\s*File "([^"\n]*)", line (\d{1,9}), in ', re.MULTILINE)
_OWN_FRAME: Final = re.compile(r"(?:^|[/\\])torch[/\\](?:nn|_\w+|fx|export|utils|jit|ao|functional|overrides|ops)|^<")


def mapping(value: Json) -> dict[str, Json]:
    """A JSON object.

    Raises:
        MalformedError: it is something else.
    """
    if not isinstance(value, dict):
        raise MalformedError("the program is not built as one: an object is missing")
    return value


def sequence(value: Json) -> list[Json]:
    """A JSON array.

    Raises:
        MalformedError: it is something else.
    """
    if not isinstance(value, list):
        raise MalformedError("the program is not built as one: a list is missing")
    return value


def text(value: Json) -> str:
    """A JSON string.

    Raises:
        MalformedError: it is something else.
    """
    if not isinstance(value, str):
        raise MalformedError("the program is not built as one: a name is missing")
    return value


class GraphReader:
    """Reads the graphs of one program. ``class_name`` is the class of the module that was exported."""

    def __init__(self, file: str, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self._operations: list[Operation] = []
        self._identities: dict[tuple[str, str, int], int] = {}
        self._seen: dict[tuple[str, str], int] = {}
        self.class_name = ""
        self.unexamined: list[str] = []

    def read(self, graph: dict[str, Json], signature: dict[str, Json]) -> OperatorGraph:
        """A program's graph.

        Raises:
            MalformedError: it is not built as the schema says.
        """
        scope = _Scope(graph)
        inputs = list(_given(scope, sequence(signature.get("input_specs"))))
        self._nodes(graph, scope, (), certain=True)
        outputs: list[Tensor] = []
        updated: list[tuple[Tensor, Tensor]] = []
        variables = {variable.name: variable for variable in scope.tensors.values() if variable.source}
        for kind, spec in _specs(sequence(signature.get("output_specs"))):
            for tensor in _named_tensors(scope, spec.get("arg")):
                name = spec.get("buffer_name", spec.get("parameter_name"))
                if kind == "user_output":
                    outputs.append(tensor)
                elif kind.endswith("_mutation") and isinstance(name, str) and name in variables:
                    updated.append((variables[name], tensor))
        return OperatorGraph(self._operations, inputs, outputs, updated)

    def _nodes(self, graph: dict[str, Json], scope: _Scope, outer: tuple[str, ...], *, certain: bool) -> None:
        if len(outer) > _MOST_NESTED:
            raise MalformedError("graphs are nested too deeply")
        for each in sequence(graph.get("nodes")):
            self._budget.spend()
            if len(self._operations) >= MOST_NODES:
                raise MalformedError(f"the program has more than {MOST_NODES:,} operators")
            node = mapping(each)
            library, name = _target(text(node.get("target")))
            arguments = dict(_arguments(scope, sequence(node.get("inputs"))))
            outputs = _Outputs(scope, sequence(node.get("outputs")))
            if library == "higher_order":
                self._higher_order(node, name, scope, outputs, outer, certain=certain)
            elif outputs.tensors or outputs.nothing:  # what computes with sizes alone is no operator
                self._operation(node, library, name, arguments, outputs.tensors, outer, certain=certain)

    def _operation(
        self,
        node: dict[str, Json],
        library: str,
        name: str,
        arguments: dict[str, Argument],
        outputs: tuple[Tensor, ...],
        outer: tuple[str, ...],
        *,
        certain: bool,
    ) -> None:
        metadata = mapping(node.get("metadata", {}))
        stack = _module_stack(metadata.get("nn_module_stack"))
        if stack and not self.class_name:
            self.class_name = stack[0][2]
        key, inside, module = stack[-1] if stack else ("", "", "")
        path = (*outer, *filter(None, inside.split(".")))
        opaque = library not in _KNOWN_LIBRARIES
        label = node.get("name")
        label = label if isinstance(label, str) and label else outputs[0].name if outputs else name
        layer = layer_of(
            name,
            arguments,
            file=self._file,
            path=path,
            node=label,
            qualified=text(node.get("target")).removeprefix("torch.ops."),
            module=module,
            written_at=_written_at(metadata.get("stack_trace")),
            identity=self._identity(key, "/".join(path), name),
            shape=outputs[0].shape if outputs else None,
            opaque=opaque,
        )
        if opaque:
            self.unexamined.append(f"the operator {library}.{name}")
        self._operations.append(Operation(name, arguments, outputs, layer, module, certain))

    def _higher_order(
        self,
        node: dict[str, Json],
        name: str,
        scope: _Scope,
        outputs: _Outputs,
        outer: tuple[str, ...],
        *,
        certain: bool,
    ) -> None:
        """Operators that run graphs: those that always do are part of the program, of others it is not known."""
        values = [mapping(mapping(each).get("arg")) for each in sequence(node.get("inputs"))]
        graphs = [mapping(mapping(value["as_graph"]).get("graph")) for value in values if "as_graph" in value]
        given = [tensor for value in values for tensor in _named_tensors(scope, value)]
        always = name in _ALWAYS_RUN and len(graphs) == 1
        label = node.get("name") or name
        if not always:
            self.unexamined.append(f"what {label!r} runs ({name}): whether and how often it runs depends on the data")
            given = given[1:] if name == "cond" else given
        results: list[Tensor] = []
        for graph in graphs:
            inner = _Scope(graph)
            inside = outer if always else (*outer, str(label))
            names = [_tensor_name(mapping(each)) for each in sequence(graph.get("inputs"))]
            inner.tensors.update((each, tensor) for each, tensor in zip(names, given, strict=False) if each)
            self._nodes(graph, inner, inside, certain=certain and always)
            results = [tensor for each in sequence(graph.get("outputs")) for tensor in _named_tensors(inner, each)]
        if always and len(results) == len(outputs.names):
            scope.tensors.update(zip(outputs.names, results, strict=True))
        else:
            arguments: dict[str, Argument] = {"operands": (*given, *results)}
            self._operation(node, "prims", name, arguments, outputs.tensors, outer, certain=certain)

    def _identity(self, call: str, module: str, name: str) -> int:
        """A number for the layer: the same for the same operator in another call of the same module."""
        count = self._seen[call, name] = self._seen.get((call, name), 0) + 1
        return self._identities.setdefault((module, name, count), len(self._identities) + 1)


class _Scope:
    """The tensors of one graph by name, with what the file says of them."""

    def __init__(self, graph: dict[str, Json]) -> None:
        self._described = mapping(graph.get("tensor_values", {}))
        self.tensors: dict[str, Tensor] = {}

    def tensor(self, name: str) -> Tensor:
        """The tensor of a name; the same on every call."""
        found = self.tensors.get(name)
        if found is None:
            shape, dtype = _described(self._described.get(name))
            found = self.tensors[name] = Tensor(name, shape=shape, dtype=dtype)
        return found


class _Outputs:
    """What a node gives: tensors, and their names."""

    def __init__(self, scope: _Scope, written: list[Json]) -> None:
        self.names: list[str] = []
        for each in written:
            self.names += _tensor_names(each)
        for name in self.names:  # a name that was used before is a new tensor now
            scope.tensors.pop(name, None)
        self.tensors = tuple(scope.tensor(name) for name in self.names)
        self.nothing = not written


def _given(scope: _Scope, specs: list[Json]) -> Iterator[Tensor]:
    """Note where the inputs of a graph come from; gives those that a caller passes."""
    sources = {"parameter": "parameter", "buffer": "buffer", "tensor_constant": "constant", "user_input": "input"}
    for kind, spec in _specs(specs):
        for tensor in _named_tensors(scope, spec.get("arg")):
            tensor.source = sources.get(kind, "")
            name = spec.get(f"{kind}_name")
            tensor.name = name if isinstance(name, str) else tensor.name
            if kind == "user_input":
                yield tensor


def _specs(specs: list[Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    for each in specs:
        for kind, spec in mapping(each).items():
            if isinstance(spec, dict):
                yield kind, spec


def _described(value: Json) -> tuple[Shape | None, str | None]:
    if not isinstance(value, dict):
        return None, None
    number = value.get("dtype")
    dtype = _DTYPES[number] if isinstance(number, int) and 0 < number < len(_DTYPES) else None
    return tuple(_size(size) for size in sequence(value.get("sizes"))), dtype


def _size(value: Json) -> int | str | None:
    match value:
        case {"as_int": int(size)}:
            return size
        case {"as_expr": {"expr_str": str(expression)}}:
            return _SYMBOL.sub(lambda found: found[1] or found[2], expression[:1000])
    return None


def _target(target: str) -> tuple[str, str]:
    """Library and name of an operator: ``torch.ops.aten.mean.dim`` is ("aten", "mean")."""
    parts = target.removeprefix("torch.ops.").split(".")
    if target.startswith("torch.ops.") and len(parts) >= 2:
        return parts[0], parts[1]
    return ".".join(parts[:-1]), parts[-1]


def _arguments(scope: _Scope, inputs: list[Json]) -> Iterator[tuple[str, Argument]]:
    for position, each in enumerate(inputs):
        written = mapping(each)
        name = written.get("name")
        yield name if isinstance(name, str) and name else str(position), _argument(scope, mapping(written.get("arg")))


def _argument(scope: _Scope, value: dict[str, Json]) -> Argument:
    match value:
        case {"as_none": _}:
            return None
        case {"as_int": bool() | int() | float() | str() as plain} | {"as_float": bool() | int() | float() as plain}:
            return plain
        case {"as_bool": bool(plain)} | {"as_string": str(plain)}:
            return plain
        case {"as_ints": list(parts)} | {"as_floats": list(parts)} | {"as_bools": list(parts)}:
            return tuple(part if isinstance(part, bool | int | float) else UNKNOWN for part in parts)
        case {"as_sym_int": dict(part)}:
            return _whole(part)
        case {"as_sym_ints": list(parts)}:
            return tuple(_whole(part) for part in parts)
        case {"as_tensor": dict(tensor)} | {"as_optional_tensor": {"as_tensor": dict(tensor)}}:
            return scope.tensor(text(tensor.get("name")))
    return tuple(_named_tensors(scope, value)) or UNKNOWN


def _whole(value: Json) -> Argument:
    return value["as_int"] if isinstance(value, dict) and isinstance(value.get("as_int"), int) else UNKNOWN


def _named_tensors(scope: _Scope, value: Json) -> Iterator[Tensor]:
    for name in _tensor_names(value):
        yield scope.tensor(name)


def _tensor_names(value: Json) -> list[str]:
    """The names of the tensors in an argument."""
    match value:
        case {"as_tensor": {"name": str(name)}} | {"name": str(name)}:
            return [name]
        case {"as_tensors": list(parts)} | {"as_optional_tensors": list(parts)}:
            return [name for part in parts for name in _tensor_names(part)]
        case {"as_optional_tensor": dict(part)}:
            return _tensor_names(part)
    return []


def _tensor_name(value: dict[str, Json]) -> str | None:
    names = _tensor_names(value)
    return names[0] if names else None


def _module_stack(written: Json) -> list[tuple[str, str, str]]:
    """The modules around a node, outermost first: the name of the call, the path of the module, its class."""
    parts = written.split(";") if isinstance(written, str) else []
    split = [part.split(",", 2) for part in parts]
    return [(each[0], each[1].split("@")[0], each[2]) for each in split if len(each) == 3]


def _written_at(trace: Json) -> Place | None:
    """The innermost line of a stack trace that is not PyTorch's own."""
    if not isinstance(trace, str):
        return None
    frames = [(found[1], int(found[2])) for found in _FRAME.finditer(trace[-20_000:])]
    own = [frame for frame in frames if not _OWN_FRAME.search(frame[0])]
    if not own:
        return None
    path, line = own[-1]
    return Place(path.replace("\\", "/"), Span(line, 1, line, 1))
