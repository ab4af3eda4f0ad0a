"""The objects of the JSON format, one a line: for programs that read while modelint writes."""

from __future__ import annotations

import json

from modelint.render.json import objects
from modelint.render.results import Results
from modelint.render.terminal import Terminal


def render(results: Results, terminal: Terminal) -> str:
    """A line per finding; none without findings."""
    return "".join(json.dumps(found) + "\n" for found in objects(results))
