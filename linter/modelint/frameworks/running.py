"""What of a program happens when it is run, and what was only entered because nothing calls it."""

from __future__ import annotations

from modelint.frameworks.events import Event
from modelint.program.interpreter import Interpreter
from modelint.program.values import Instance


class Running:
    """Tells what one execution did by itself.

    What comes after ``executed`` in the order of events happened where nothing in the program calls a function or makes
    an object of a class; after ``entered``, in forward passes that were run afterwards.
    """

    def __init__(self, interpreter: Interpreter, executed: int, entered: int) -> None:
        self.interpreter = interpreter
        self.executed = executed
        self.entered = entered

    def runs(self, event: Event) -> bool:
        """Whether an event happens when the program is run: at once, or in a method that a library may call."""
        if event.order < self.executed:
            return True
        method = event.method()
        owner = method.owner if method is not None else None
        if owner is None:
            return event.order > self.entered
        instance = self.interpreter.instances.get(owner.identity)
        return isinstance(instance, Instance) and not self.executed <= instance.identity <= self.entered
