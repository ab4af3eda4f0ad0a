"""What somebody who wrote an unknown name probably meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, or None if none is like it. Case, ``_`` and ``-`` do not matter."""
    import difflib

    plain = {candidate.lower().replace("_", "-"): candidate for candidate in sorted(known)}
    found = difflib.get_close_matches(name.lower().replace("_", "-"), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause to end a sentence with: ``"; did you mean 'x'?"``, or nothing."""
    found = nearest(name, known)
    return f"; did you mean {found!r}?" if found else ""
