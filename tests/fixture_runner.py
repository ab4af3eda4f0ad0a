"""Runs fixtures, all in this one process, and says which of them crash.

A program, for ``test_rules.py``: importing TensorFlow takes longer than most fixtures run. Takes the paths of Python
files; prints the traceback of each that raises, and exits with 1 if one did. With ``TF_USE_LEGACY_KERAS=1`` in the
environment ``tensorflow.keras`` is Keras 2.
"""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
import traceback
from pathlib import Path


def run(path: Path) -> str | None:
    """Execute a file as a program, with its folder to import from; the traceback if it raises."""
    before = set(sys.modules)
    sys.path.insert(0, str(path.parent))
    sys.argv = [str(path)]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path(str(path), run_name="__main__")
    except SystemExit as end:
        return traceback.format_exc() if end.code else None
    except Exception:  # noqa: BLE001  a fixture may fail in any way
        return traceback.format_exc()
    finally:
        sys.path.remove(str(path.parent))
        for name in set(sys.modules) - before:  # the next folder's modules may have the same names
            if Path(getattr(sys.modules[name], "__file__", None) or "").parent == path.parent:
                del sys.modules[name]
        forget_models()
    return None


def forget_models() -> None:
    """Undo what a fixture sets globally: the learning phase, the names of layers."""
    import tensorflow as tf  # type: ignore[import-untyped]

    tf.keras.backend.clear_session()


def prepare() -> None:
    """Give TensorFlow two devices, for fixtures that distribute, before any of them computes; and save time."""
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # each graph runs but once
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration() for _ in range(2)])


def main() -> int:
    """Run the files named on the command line."""
    crashed = 0
    paths = [Path(argument) for argument in sys.argv[1:]]
    prepare()
    for path in paths:
        failure = run(path)
        if failure is not None:
            crashed += 1
            print(f"{path} does not run:\n{failure}", flush=True)  # noqa: T201
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
