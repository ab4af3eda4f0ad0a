"""Files in the place of a model: each is one finding that says what it is, and nothing of it is called clean."""

from __future__ import annotations

import onnx
import pytest
import tensorflow as tf
from google.protobuf import text_format
from onnx import TensorProto, helper
from tensorflow.core.protobuf import saved_model_pb2

from conftest import Project

POINTER = f"""version https://git-lfs.github.com/spec/v1
oid sha256:{"4d7a2146" * 8}
size 12345
"""
SUFFIXES = ("h5", "keras", "onnx", "pb", "pt", "pt2", "safetensors", "tflite")


def onnx_model() -> onnx.ModelProto:
    """A model that subtracts the mean of the batch."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in "xy"]
    mean = helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1)
    graph = helper.make_graph([mean, helper.make_node("Sub", ["x", "mean"], ["y"])], "graph", ends[:1], ends[1:])
    return helper.make_model(graph, producer_name="a producer", opset_imports=[helper.make_opsetid("", 13)])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_pointer_of_git_lfs_is_no_model(project: Project, suffix: str) -> None:
    project.write(f"net.{suffix}", POINTER)
    (line,) = project.concise(f"net.{suffix}")
    assert line == (
        f"net.{suffix}: error: this is a pointer of Git LFS, not the model itself; "
        "fetch that with git lfs pull [unreadable]"
    )


def test_pointers_are_told_in_a_scan_and_inside_of_a_saved_model(project: Project) -> None:
    project.write("net.onnx", POINTER)
    project.write("served/saved_model.pb", POINTER)
    lines = project.concise(".")
    assert [line.partition(":")[0] for line in lines] == ["net.onnx", "served"]
    assert all("a pointer of Git LFS" in line for line in lines)
    assert project.run("check", ".").code == 2


def test_the_text_form_of_a_model_is_refused_as_such(project: Project) -> None:
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, (None, 4), name="x")
        tf.identity(x, name="y")
    for name in ("graph.pbtxt", "graph.pb"):
        tf.io.write_graph(graph.as_graph_def(), str(project.path), name, as_text=True)
    project.write("net.onnx", text_format.MessageToString(onnx_model()))
    saved = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    saved.meta_graphs.add().graph_def.CopyFrom(graph.as_graph_def())
    project.write("loose.pbtxt", text_format.MessageToString(saved))
    for name in ("graph.pbtxt", "graph.pb", "net.onnx", "loose.pbtxt"):
        (line,) = project.concise(name)
        assert line.endswith("the text form of a model is not read; save it in its binary form [unreadable]"), line


@pytest.mark.parametrize("producer", ["a producer", ""])
def test_onnx_of_the_first_version_is_told_from_a_saved_model(project: Project, producer: str) -> None:
    model = onnx_model()
    model.ir_version = 1
    model.producer_name = producer
    del model.opset_import[:]  # came with version 3
    project.write("net.onnx", model.SerializeToString())
    (line,) = project.concise("net.onnx")
    assert line.endswith("[batch-statistics-at-inference]")


def test_a_saved_model_of_several_graphs_is_told_from_onnx(project: Project) -> None:
    saved = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    for tag in ("serve", "train"):
        saved.meta_graphs.add().meta_info_def.tags.append(tag)
    project.write("served/saved_model.pb", saved.SerializeToString())
    project.write("alone.pb", saved.SerializeToString())
    for name in ("served", "alone.pb"):
        assert "none of it is served by a signature" in project.concise(name)[0]
