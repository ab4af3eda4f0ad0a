"""What branches make and change: seen behind them, not beside them, and not by the next program."""

from __future__ import annotations

import pytest

from conftest import Project

HEAD = """
import sys
import numpy as np
from tensorflow import keras

class Settings:
    size = 64

def network():
    return keras.Sequential([keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dense(1)])

def fit(size):
    model = network()
    model.compile(loss="mse")
    model.fit(np.load("x.npy"), np.load("y.npy"), batch_size=size)

settings = Settings()
"""

MADE_IN_A_LOOP = """
def make():
    made = Settings()
    if sys.argv[0]:
        made.size = 1
    else:
        made.size = 1
    return made

for _ in sys.argv:
    fit(make().size)
"""

IMPORTS_MEANWHILE = """
if sys.argv:
    made = Settings()
    made.size = 1
    import helper
    made.size = 32
    fit(made.size)
"""


def reports_tiny_batches(project: Project, *files: str) -> list[str]:
    """The files in which a BatchNorm sees tiny batches."""
    found = project.concise("--select", "batchnorm-tiny-batch", *files)
    return [line.partition(":")[0] for line in found if "batchnorm-tiny-batch" in line]


@pytest.mark.parametrize(
    ("program", "tiny"),
    [
        ("if sys.argv:\n    made = Settings()\n    made.size = 1\n    fit(made.size)\n", True),
        ("if sys.argv:\n    made = Settings()\n    made.size = 1\n    made.size = 32\n    fit(made.size)\n", False),
        ("made = Settings()\nif sys.argv:\n    made.size = 1\n    fit(made.size)\n", True),
        ("made = Settings()\nif sys.argv:\n    made.size = 1\nelse:\n    fit(made.size)\n", False),
        ("made = Settings()\nif sys.argv:\n    raise made\n    made.size = 1\nfit(made.size)\n", False),
        (
            "if sys.argv:\n    made = Settings()\n    made.size = 1\nelse:\n    made = settings\nfit(settings.size)\n",
            False,
        ),
        (
            MADE_IN_A_LOOP,
            True,
        ),
        (
            IMPORTS_MEANWHILE,
            False,
        ),
        (
            "if sys.argv:\n    import helper\n    helper.settings.size = 1\nelse:\n    fit(helper.settings.size)\n",
            False,
        ),
        ("if sys.argv:\n    import helper\n    helper.settings.size = 1\n    fit(helper.settings.size)\n", True),
    ],
)
def test_what_a_branch_makes_is_its_own_and_what_it_changes_is_not_changed_beside_it(
    project: Project, program: str, tiny: bool
) -> None:
    project.write("helper.py", "class Settings:\n    size = 64\n\nsettings = Settings()\nsettings.size = 64\n")
    project.write("train.py", HEAD + program)
    assert bool(reports_tiny_batches(project, "train.py")) is tiny


@pytest.mark.parametrize(
    "first", ["import helper", "def late():\n    import helper\n    return helper\n\nhelper = late()"]
)
def test_what_a_program_changes_in_a_module_the_next_one_does_not_see(project: Project, first: str) -> None:
    project.write("helper.py", "class Settings:\n    size = 64\n\nsettings = Settings()\nsizes = [64]\n")
    change = "helper.settings.size = 1\nhelper.Settings.size = 1\nhelper.sizes[0] = 1\nhelper.sizes.append(1)\n"
    use = "fit(helper.settings.size)\nfit(helper.Settings.size)\nfit(helper.sizes[0])\n"
    project.write("a.py", HEAD + first + "\n" + change + use)
    project.write("b.py", HEAD + first + "\n" + use)
    assert set(reports_tiny_batches(project, "a.py", "b.py")) == {"a.py"}
    assert reports_tiny_batches(project, "b.py") == []
