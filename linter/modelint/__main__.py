"""``modelint`` and ``python -m modelint``."""

import os
import sys
from typing import NoReturn

from modelint.cli import main


def run() -> NoReturn:
    """Run the command line, and leave the process without taking its syntax trees apart: a tenth of a run's time."""
    code = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = code or 1
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
