"""The protocol buffers of TensorFlow: the fields that are read, by number.

Numbers never change once given out; these agree with the descriptors of TensorFlow 2.11 and 2.21. Weights, cost models,
savers and whatever else is not named here is stepped over.
"""

from __future__ import annotations

import enum
from typing import Final

from modelint.artifacts.wire import Schema, schemas_of

SCHEMAS: Final[dict[str, Schema]] = schemas_of(
    {
        # core/protobuf/saved_model.proto, meta_graph.proto
        "SavedModel": {1: "int saved_model_schema_version", 2: "MetaGraphDef meta_graphs"},
        "MetaGraphDef": {
            1: "MetaInfoDef meta_info_def",
            2: "GraphDef graph_def",
            5: "SignatureEntry signature_def",
            7: "SavedObjectGraph object_graph_def",
        },
        "MetaInfoDef": {4: "string tags", 5: "string tensorflow_version"},
        "SignatureEntry": {1: "string key", 2: "SignatureDef value"},
        "SignatureDef": {1: "TensorInfoEntry inputs", 2: "TensorInfoEntry outputs", 3: "string method_name"},
        "TensorInfoEntry": {1: "string key", 2: "TensorInfo value"},
        "TensorInfo": {
            1: "string name",
            2: "int dtype",
            3: "TensorShapeProto tensor_shape",
            4: "CooSparse coo_sparse",
            5: "CompositeTensor composite_tensor",
        },
        "CooSparse": {
            1: "string values_tensor_name",
            2: "string indices_tensor_name",
            3: "string dense_shape_tensor_name",
        },
        "CompositeTensor": {2: "TensorInfo components"},
        # core/protobuf/saved_object_graph.proto, trackable_object_graph.proto
        "SavedObjectGraph": {1: "SavedObject nodes", 2: "ConcreteFunctionEntry concrete_functions"},
        "ConcreteFunctionEntry": {1: "string key", 2: "SavedConcreteFunction value"},
        "SavedConcreteFunction": {2: "int bound_inputs"},
        "SavedObject": {1: "ObjectReference children", 4: "SavedUserObject user_object", 7: "SavedVariable variable"},
        "ObjectReference": {1: "int node_id", 2: "string local_name"},
        "SavedUserObject": {1: "string identifier"},
        "SavedVariable": {6: "string name"},
        # core/framework/graph.proto, function.proto, node_def.proto, op_def.proto
        "GraphDef": {1: "NodeDef node", 2: "FunctionDefLibrary library"},
        "FunctionDefLibrary": {1: "FunctionDef function"},
        "FunctionDef": {1: "OpDef signature", 3: "NodeDef node_def", 4: "TextEntry ret", 6: "TextEntry control_ret"},
        "OpDef": {1: "string name", 2: "ArgDef input_arg", 3: "ArgDef output_arg"},
        "ArgDef": {1: "string name"},
        "TextEntry": {1: "string key", 2: "string value"},
        "NodeDef": {1: "string name", 2: "string op", 3: "string input", 5: "AttrEntry attr"},
        # core/framework/attr_value.proto, tensor.proto, tensor_shape.proto
        "AttrEntry": {1: "string key", 2: "AttrValue value"},
        "AttrValue": {
            1: "ListValue list",
            2: "bytes s",
            3: "int i",
            4: "float f",
            5: "bool b",
            6: "int type",
            7: "TensorShapeProto shape",
            8: "TensorProto tensor",
            10: "NameAttrList func",
        },
        "ListValue": {
            2: "bytes s",
            3: "int i",
            7: "TensorShapeProto shape",
            9: "NameAttrList func",
        },
        "NameAttrList": {1: "string name"},
        "TensorProto": {
            1: "int dtype",
            2: "TensorShapeProto tensor_shape",
            4: "bytes tensor_content",
            5: "float float_val",
            6: "double double_val",
            7: "int int_val",
            10: "int int64_val",
            11: "bool bool_val",
        },
        "TensorShapeProto": {2: "Dim dim", 3: "bool unknown_rank"},
        "Dim": {1: "int size"},
        # core/framework/graph_debug_info.proto
        "GraphDebugInfo": {
            1: "string files",
            4: "FrameByIdEntry frames_by_id",
            5: "NameToTraceIdEntry name_to_trace_id",
            6: "TraceByIdEntry traces_by_id",
        },
        "FrameByIdEntry": {1: "fixed key", 2: "FileLineCol value"},
        "NameToTraceIdEntry": {1: "string key", 2: "fixed value"},
        "TraceByIdEntry": {1: "fixed key", 2: "StackTrace value"},
        "StackTrace": {2: "fixed frame_id"},
        "FileLineCol": {1: "int file_index", 2: "int line"},
        # tf_keras/protobuf/saved_metadata.proto
        "KerasMetadata": {1: "KerasObject nodes"},
        "KerasObject": {2: "int node_id", 3: "string node_path", 4: "string identifier", 5: "string metadata"},
    }
)


class DataType(enum.IntEnum):
    """The types of ``core/framework/types.proto`` that have a name here."""

    FLOAT = 1
    DOUBLE = 2
    INT32 = 3
    UINT8 = 4
    INT16 = 5
    INT8 = 6
    STRING = 7
    INT64 = 9
    BOOL = 10
    BFLOAT16 = 14
    UINT16 = 17
    HALF = 19
    RESOURCE = 20
    VARIANT = 21
    UINT32 = 22
    UINT64 = 23


_NAMES: Final = {DataType.FLOAT: "float32", DataType.DOUBLE: "float64", DataType.HALF: "float16"}


def type_name(number: int) -> str | None:
    """A type as numpy spells it; None for types without a name here."""
    try:
        found = DataType(number)
    except ValueError:
        return None
    return _NAMES.get(found, found.name.lower())
