"""For rule packs: reading fixtures, and holding rules to them. It needs no test framework."""

from modelint.testing.fixtures import Fixture, FixtureError, Mark
from modelint.testing.packs import Check, Pack

__all__ = ["Check", "Fixture", "FixtureError", "Mark", "Pack"]
