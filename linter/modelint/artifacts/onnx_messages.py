"""The protocol buffers of ONNX: the fields that are read, by number.

Source: ``onnx/onnx.proto`` of onnx 1.23 (IR version 13). Numbers never change once given out. Weights are named only
for the sake of small constants; nobody asks for the bytes of a large one.
"""

from __future__ import annotations

from typing import Final

from modelint.artifacts.wire import Schema, schemas_of

SCHEMAS: Final[dict[str, Schema]] = schemas_of(
    {
        "ModelProto": {
            1: "int ir_version",
            2: "string producer_name",
            3: "string producer_version",
            7: "GraphProto graph",
            8: "OperatorSetIdProto opset_import",
            14: "StringStringEntryProto metadata_props",
            20: "TrainingInfoProto training_info",
            25: "FunctionProto functions",
        },
        "OperatorSetIdProto": {1: "string domain", 2: "int version"},
        "GraphProto": {
            1: "NodeProto node",
            2: "string name",
            5: "TensorProto initializer",
            11: "ValueInfoProto input",
            12: "ValueInfoProto output",
            13: "ValueInfoProto value_info",
            15: "SparseTensorProto sparse_initializer",
        },
        "NodeProto": {
            1: "string input",
            2: "string output",
            3: "string name",
            4: "string op_type",
            5: "AttributeProto attribute",
            7: "string domain",
            8: "string overload",
            9: "StringStringEntryProto metadata_props",
        },
        "AttributeProto": {
            1: "string name",
            2: "float f",
            3: "int i",
            4: "bytes s",
            5: "TensorProto t",
            6: "GraphProto g",
            7: "float floats",
            8: "int ints",
            9: "bytes strings",
            11: "GraphProto graphs",
            20: "int type",
            21: "string ref_attr_name",
        },
        "TensorProto": {
            1: "int dims",
            2: "int data_type",
            4: "float float_data",
            5: "int int32_data",
            7: "int int64_data",
            8: "string name",
            9: "bytes raw_data",
            13: "StringStringEntryProto external_data",
            14: "int data_location",
        },
        "SparseTensorProto": {1: "TensorProto values", 3: "int dims"},
        "StringStringEntryProto": {1: "string key", 2: "string value"},
        "ValueInfoProto": {1: "string name", 2: "TypeProto type"},
        "TypeProto": {1: "TensorTypeProto tensor_type"},
        "TensorTypeProto": {1: "int elem_type", 2: "TensorShapeProto shape"},
        "TensorShapeProto": {1: "Dimension dim"},
        "Dimension": {1: "int dim_value", 2: "string dim_param"},
        "FunctionProto": {
            1: "string name",
            4: "string input",
            5: "string output",
            6: "string attribute",
            7: "NodeProto node",
            9: "OperatorSetIdProto opset_import",
            10: "string domain",
            11: "AttributeProto attribute_proto",
            12: "ValueInfoProto value_info",
            13: "string overload",
        },
        "TrainingInfoProto": {},
    }
)

ELEMENT_TYPES: Final[tuple[str, ...]] = tuple(
    """
    undefined float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64 complex64 complex128
    bfloat16 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1 float8e8m0 uint2 int2
    float6e2m3 float6e3m2
    """.split()
)
"""``TensorProto.DataType``: position is the number."""
