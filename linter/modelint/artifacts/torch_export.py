"""PyTorch programs saved by ``torch.export.save`` (``.pt2``): JSON in a zip archive, read without PyTorch.

The structure is that of ``torch/_export/serde/schema.py``. Of an archive only the programs are read; the weights and
the pickled sample inputs beside them are not. The mode is part of the program: an exported program has no ``eval()``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelint.artifacts.archive import Archive
from modelint.artifacts.files import ModelFiles, bytes_of
from modelint.artifacts.json_text import Json, parse
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.model_file import Entry, ModelFile
from modelint.artifacts.torch_batches import batch_size
from modelint.artifacts.torch_effects import effects_of, under_a_condition
from modelint.artifacts.torch_export_graph import GraphReader, mapping
from modelint.facts import Constant, Model, Port
from modelint.finding import Place

_OLD_PROGRAM: Final = "serialized_exported_program.json"
_PROGRAM: Final = re.compile(r"(?:^|/)models/([^/]+)\.json$")
_COMPILED: Final = re.compile(r"(?:^|/)data/aotinductor/")


def read(files: ModelFiles, budget: Budget) -> ModelFile:
    """Read a ``.pt2`` file.

    Raises:
        MalformedError: it is damaged, or not such a file.
    """
    archive = Archive(bytes_of(files), budget)
    programs = dict(_programs(archive))
    compiled = any(_COMPILED.search(name) for name in archive.members)
    if not programs and not compiled:
        raise MalformedError("the archive holds no exported program")
    entries: list[Entry] = []
    unexamined: list[str] = []
    metadata: dict[str, Constant] = {}
    for name, member in programs.items():
        program = mapping(parse(archive.read(member), budget, member=member))
        served_as = "forward" if len(programs) == 1 else name
        entries.append(_entry(files.path, served_as, program, budget, unexamined))
        metadata |= dict(_metadata(program))
    if compiled:
        unexamined.append("the compiled program (AOTInductor): it is machine code")
    return ModelFile(
        files.path,
        "PyTorch exported program",
        producer=f"PyTorch {version}" if isinstance(version := metadata.pop("torch_version", None), str) else None,
        entries=tuple(entries),
        unexamined=tuple(dict.fromkeys(unexamined)),
        problems=archive.problems,
        metadata=metadata,
    )


def _programs(archive: Archive) -> Iterator[tuple[str, str]]:
    """The names of the programs in an archive, and the members that hold them."""
    for member in archive.members:
        found = _PROGRAM.search(member)
        if found:
            yield found[1], member
        elif member.rsplit("/", 1)[-1] == _OLD_PROGRAM:
            yield "model", member


def _entry(path: str, name: str, program: dict[str, Json], budget: Budget, unexamined: list[str]) -> Entry:
    reader = GraphReader(path, budget)
    module = mapping(program.get("graph_module"))
    graph = reader.read(mapping(module.get("graph")), mapping(module.get("signature")))
    size = batch_size(graph)
    unexamined += reader.unexamined
    unexamined += [f"{each.layer}: whether it runs depends on the data" for each in under_a_condition(graph)]
    model = Model(
        kind=reader.class_name.rsplit(".", 1)[-1] or "ExportedProgram",
        framework="torch",
        origin=Place(path),
        layers=tuple(operation.layer for operation in graph.operations),
        edges=graph.edges(),
        opaque=bool(reader.unexamined),
        inputs=tuple(Port(tensor.shape, tensor.name, tensor.dtype) for tensor in graph.inputs),
        outputs=tuple(Port(tensor.shape, tensor.name, tensor.dtype) for tensor in graph.outputs),
    )
    return Entry(
        (name,), model, fixed=True, effects=effects_of(graph, size), batch_first=None if size is None else True
    )


def _metadata(program: dict[str, Json]) -> Iterator[tuple[str, Constant]]:
    version = program.get("torch_version")
    if isinstance(version, str):
        yield "torch_version", version
    constraints = program.get("range_constraints")
    for symbol, constraint in mapping(constraints).items() if constraints is not None else ():
        bounds = mapping(constraint)
        least, most = bounds.get("min_val"), bounds.get("max_val")
        yield f"size {symbol}", f"{least if least is not None else 0} to {most if most is not None else 'any'}"
