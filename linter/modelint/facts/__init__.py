"""What rules talk about: values that both front ends (scripts and model files) produce.

Takes nothing, gives the vocabulary. It knows neither syntax nor files.
"""

from modelint.facts.calls import Because, Comparison, ForwardPass, HardWiredMode, LostMode, ModelCall, Purpose
from modelint.facts.declared import Declared, DeclaredLayer
from modelint.facts.model import (
    UNKNOWN,
    Constant,
    InnerModel,
    KerasVersion,
    Layer,
    LayerMade,
    Mode,
    Model,
    Passing,
    Port,
    Setting,
    Shape,
    Traits,
    Unknown,
)
from modelint.facts.program import Fact, Program, Settings
from modelint.facts.randomness import Assigned, Governor, RandomSource, Seeder, Seeding
from modelint.facts.training import (
    ANY_SIZE,
    BatchReduction,
    DroppedSamples,
    FrozenDrift,
    Interval,
    MeanOfBatchMeans,
    StateWrite,
    StaticBatch,
    TrainingRun,
)

__all__ = [
    "ANY_SIZE",
    "UNKNOWN",
    "Assigned",
    "BatchReduction",
    "Because",
    "Comparison",
    "Constant",
    "Declared",
    "DeclaredLayer",
    "DroppedSamples",
    "Fact",
    "ForwardPass",
    "FrozenDrift",
    "Governor",
    "HardWiredMode",
    "InnerModel",
    "Interval",
    "KerasVersion",
    "Layer",
    "LayerMade",
    "LostMode",
    "MeanOfBatchMeans",
    "Mode",
    "Model",
    "ModelCall",
    "Passing",
    "Port",
    "Program",
    "Purpose",
    "RandomSource",
    "Seeder",
    "Seeding",
    "Setting",
    "Settings",
    "Shape",
    "StateWrite",
    "StaticBatch",
    "TrainingRun",
    "Traits",
    "Unknown",
]
