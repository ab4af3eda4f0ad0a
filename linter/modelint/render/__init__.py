"""Findings to text: one module per output format.

Takes the ``Results`` of a run, gives text. It opens no file and knows nothing of the terminal but what
``terminal.Terminal`` says.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final, Protocol, cast

from modelint.render.results import Results
from modelint.render.terminal import Terminal

FORMATS: Final[Mapping[str, str]] = {
    "full": "for people: the source, the chain of reasons, what to do",
    "concise": "a line per finding, as compilers write them",
    "json": "an array of objects with all that is known",
    "json-lines": "the same objects, one a line",
    "github": "annotations in GitHub Actions",
    "gitlab": "GitLab's code quality report",
    "azure": "issues in Azure Pipelines",
    "sarif": "SARIF 2.1.0, for code scanning",
    "rdjson": "for reviewdog, with suggested changes",
    "junit": "JUnit's XML, for test reports",
    "markdown": "a comment for a pull request",
}
"""What each format is for, by its name; the module of the same name here has a function ``render``."""

FOR_PEOPLE = frozenset({"full", "concise"})
"""Formats that a summary may follow."""


class Format(Protocol):
    """A module that is an output format."""

    @staticmethod
    def render(results: Results, terminal: Terminal) -> str: ...


def render(name: str, results: Results, terminal: Terminal) -> str:
    """The results in the format of this name. Only the module of this one format is imported."""
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    return cast("Format", module).render(results, terminal)
