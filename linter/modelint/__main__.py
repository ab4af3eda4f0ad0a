"""``python -m modelint``."""

import sys

from modelint.cli import main

if __name__ == "__main__":
    sys.exit(main())
