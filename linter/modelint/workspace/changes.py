"""Findings that a change has to do with: those on changed lines, and those that changed lines reach.

A changed line reaches a finding if it is a part of the finding's chain of reasons, in whatever file: whoever turns a
layer into Dropout is shown the prediction, in a file that was not touched, that now runs it in train mode. What is
about a file as a whole is shown if the file was changed. A cause that no chain names, such as a line that was deleted
elsewhere, is not seen; a run over everything is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import attrs

from modelint.finding import Finding, Place
from modelint.workspace.git import Changed
from modelint.workspace.names import ancestors


@attrs.define(eq=False)
class Changes:
    """Changed lines by absolute path, of the repository at ``root``."""

    root: str
    changed: Mapping[str, Changed]
    _directories: frozenset[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        above = (ancestors(os.path.dirname(path)) for path in self.changed)
        self._directories = frozenset(directory for directories in above for directory in directories)

    def reach(self, finding: Finding) -> bool:
        """Whether a finding, or a step of its chain of reasons, is in what was changed."""
        return any(self._touch(place) for place in (finding.place, *(reason.place for reason in finding.because)))

    def _touch(self, place: Place) -> bool:
        path = os.path.realpath(place.path)
        if not path.startswith(self.root.rstrip(os.sep) + os.sep):
            return True  # git knows nothing of it, so neither do we
        changed = self.changed.get(path)
        if changed is None:
            return path in self._directories  # a model may be a directory
        span = place.in_file
        return span is None or changed.meets(span.line, span.end_line)
