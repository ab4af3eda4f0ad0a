"""SavedModels of TensorFlow: the directory that Keras 2, Keras 3, TensorFlow and TensorFlow Hub write.

Takes the directory, gives one entry for each thing that is served by a signature. Only what a signature reaches is
decoded. What is saved beside the signatures (the functions of a ``tf.Module``, of each Keras layer) is not served and
is not examined. The text form (``saved_model.pbtxt``) is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from modelint.artifacts.files import Data, ModelFiles
from modelint.artifacts.keras_metadata import KerasTree, read_metadata
from modelint.artifacts.limits import Budget, MalformedError
from modelint.artifacts.model_file import Entry, ModelFile
from modelint.artifacts.stand_in import what_stands_in
from modelint.artifacts.tensorflow_debug import source_places
from modelint.artifacts.tensorflow_entries import Endpoint, Graph, Served, served, what_is_called
from modelint.artifacts.tensorflow_graph import Library, shape_of
from modelint.artifacts.tensorflow_messages import SCHEMAS, type_name
from modelint.artifacts.tensorflow_objects import variable_names
from modelint.artifacts.tensorflow_variables import Variables
from modelint.artifacts.wire import Message
from modelint.facts import Constant, KerasVersion

_MAIN: Final = "saved_model.pb"
_NOT_SERVED: Final = frozenset({"__saved_model_init_op", "__saved_model_train_op"})
_FOR_TRAINING: Final = frozenset({"train", "training", "eval"})
_MOST_SIGNATURES: Final = 256
_PREFERRED: Final = ("serving_default", "serve")


def read(files: ModelFiles, budget: Budget) -> ModelFile:
    """Read a SavedModel, from its directory or from its ``saved_model.pb`` alone.

    Raises:
        MalformedError: it cannot be read.
    """
    member = _MAIN if files.is_directory else ""
    data = files.data(member)
    if data is None:
        raise MalformedError(
            "the text form of a SavedModel is not read; save it as saved_model.pb", member=f"{_MAIN}txt"
        )
    instead = what_stands_in(data)
    if instead is not None:
        raise MalformedError(instead, member=member or None)
    try:
        return _read(files, data, budget)
    except MalformedError as error:
        raise MalformedError(error.message, member=error.member or member or None, offset=error.offset) from error


def _read(files: ModelFiles, data: Data, budget: Budget) -> ModelFile:
    saved = Message.whole(data, SCHEMAS["SavedModel"], budget)
    if saved.integer("saved_model_schema_version") != 1:
        raise MalformedError(
            f"a SavedModel of version {saved.integer('saved_model_schema_version')}, which is not known"
        )
    problems: list[str] = []
    keras = _keras(files, budget, problems)
    graphs = list(_meta_graphs(saved))
    if not graphs:
        raise MalformedError("the file holds no graph")
    chosen = [graph for tags, graph in graphs if not tags & _FOR_TRAINING] or [graph for _, graph in graphs]
    found = [one for graph in chosen for one in _served(files, graph, keras, budget, problems)]
    unexamined = [part for one in found for part in one.unexamined]
    if not found:
        unexamined.append("what the objects in it compute: none of it is served by a signature")
    info = chosen[0].message("meta_info_def")
    version = info.text("tensorflow_version")
    producer = [f"Keras {keras.version}"] if keras and keras.version else []
    producer += [f"tensorflow {version}"] if version else []
    return ModelFile(
        path=files.path,
        format="SavedModel",
        producer=", ".join(producer) or None,
        keras_version=_range_of(keras),
        entries=_together(found),
        unexamined=tuple(dict.fromkeys(unexamined)),
        problems=tuple(dict.fromkeys([*problems, *(part for one in found for part in one.problems)])),
        metadata=_shown(graphs, len(chosen)),
    )


def _meta_graphs(saved: Message) -> Iterator[tuple[frozenset[str], Message]]:
    for graph in saved.messages("meta_graphs"):
        yield frozenset(graph.message("meta_info_def").texts("tags")), graph


def _shown(graphs: Sequence[tuple[frozenset[str], Message]], chosen: int) -> dict[str, Constant]:
    shown: dict[str, Constant] = {"tags": "; ".join(", ".join(sorted(tags)) or "none" for tags, _ in graphs)}
    if chosen < len(graphs):
        shown["graphs for training, not examined"] = len(graphs) - chosen
    return shown


def _keras(files: ModelFiles, budget: Budget, problems: list[str]) -> KerasTree | None:
    data = files.data("keras_metadata.pb") if files.is_directory else None
    if data is None or not len(data):
        return None
    try:
        return read_metadata(data, budget)
    except MalformedError as error:
        problems.append(f"keras_metadata.pb cannot be read: {error}")
        return None


def _range_of(keras: KerasTree | None) -> KerasVersion | None:
    """Only Keras 2 writes layers beside a SavedModel; the mode of any SavedModel is part of its graph."""
    return KerasVersion.KERAS_2 if keras and (keras.version or "").startswith("2.") else None


def _served(
    files: ModelFiles, meta: Message, keras: KerasTree | None, budget: Budget, problems: list[str]
) -> Iterator[Served]:
    library = Library(meta.message("graph_def"), budget)
    graph = Graph(
        files.path,
        library,
        budget,
        Variables(lambda: variable_names(meta, library)),
        keras.root if keras else None,
        source_places(files, budget, problems),
    )
    signatures = {entry.text("key"): entry.message("value") for entry in meta.messages("signature_def")}
    names = [name for name in signatures if name not in _NOT_SERVED]
    if len(names) > _MOST_SIGNATURES:
        raise MalformedError(f"more than {_MOST_SIGNATURES} signatures")
    alike: dict[object, tuple[list[str], list[Endpoint], list[Endpoint]]] = {}
    for name in sorted(names, key=lambda name: (name not in _PREFERRED, name)):
        inputs, outputs = (list(_endpoints(signatures[name], part)) for part in ("inputs", "outputs"))
        if outputs:
            key = what_is_called(library, inputs, outputs) or name
            alike.setdefault(key, ([], inputs, outputs))[0].append(name)
    for called, inputs, outputs in alike.values():
        yield served(graph, called, inputs, outputs, "keras" if keras else "tensorflow")


def _endpoints(signature: Message, part: str) -> Iterator[Endpoint]:
    described = {entry.text("key"): entry.message("value") for entry in signature.messages(part)}
    for name in sorted(described):
        yield from _endpoint(name, described[name])


def _endpoint(name: str, info: Message) -> Iterator[Endpoint]:
    sparse = info.message("coo_sparse")
    if info.has("coo_sparse"):
        for part in ("values_tensor_name", "indices_tensor_name", "dense_shape_tensor_name"):
            yield Endpoint(name, sparse.text(part), None, type_name(info.integer("dtype")))
    elif info.has("composite_tensor"):
        for component in info.message("composite_tensor").messages("components"):
            yield Endpoint(name, component.text("name"), None, type_name(component.integer("dtype")))
    else:
        shape = shape_of(info.message("tensor_shape"))
        yield Endpoint(name, info.text("name"), shape, type_name(info.integer("dtype")))


def _together(found: Iterable[Served]) -> tuple[Entry, ...]:
    """Entries that serve the same under several names, as one."""
    alike: dict[object, Entry] = {}
    for one in found:
        model = one.entry.model
        key = (one.likeness, model.inputs, model.outputs) if one.likeness else (one.entry.names,)
        first = alike.get(key)
        if first is None:
            alike[key] = one.entry
        else:
            names = (*first.names, *one.entry.names)
            alike[key] = Entry(names, first.model, first.fixed, first.effects, first.facts)
    return tuple(alike.values())
