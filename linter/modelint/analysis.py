"""Files to programs: the interpreter and the knowledge about libraries, brought together.

Takes a root file, executes it and what it reaches, enters what nothing calls, and judges what was seen.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator

from modelint.documents import Script
from modelint.documents.trees import descendants_of
from modelint.facts import Declared, Program, Settings
from modelint.frameworks.events import Event
from modelint.frameworks.given import Given
from modelint.frameworks.library import Frameworks
from modelint.frameworks.lowering import lower
from modelint.frameworks.tapes import TRAINING
from modelint.program.frames import Arguments, Frame, ModuleState
from modelint.program.imports import Importer
from modelint.program.interpreter import Interpreter
from modelint.program.sources import Sources
from modelint.program.store import Store
from modelint.program.summaries import Summaries
from modelint.program.values import Class, Const, Function, Instance, new_identity

STEPS_PER_ROOT = 3_000
STEPS_PER_LINE = 15
LEAST_STEPS = 60
"""Steps that every function has that nothing calls, when the others have used up what there was for all of them."""

MOST_MODULES = 400
"""Modules kept in memory; beyond that the run begins anew with the next root."""

RECURSION_LIMIT = 12_000


class Analysis:
    """Analyses root files one after the other; imported modules are executed once for all of them.

    ``stop`` is called now and then while a root is executed, and may raise to leave it. ``reached`` are the files that
    the last root imports, directly or not.
    """

    def __init__(self, sources: Sources, settings: Callable[[str], Settings]) -> None:
        self.sources = sources
        self.settings = settings
        self.stop: Callable[[], None] | None = None
        self.reached: frozenset[str] = frozenset()
        self._begin(Declared())
        sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION_LIMIT))

    def _begin(self, declared: Declared) -> None:
        self.library = Frameworks(declared)
        self.importer = Importer(self.sources, self.library)
        self.store = Store()
        self.summaries = Summaries()
        self._called: dict[ast.AST, frozenset[str]] = {}  # of methods of imported modules

    def has_imported(self, path: str) -> bool:
        """Whether a file was executed as a module that a root reaches."""
        return path in self.importer.modules

    def program(self, path: str) -> Program:
        """The facts of a root file and of all first-party files it reaches. An unreadable file has none."""
        self.reached = frozenset()
        script = self.sources.script(path)
        settings = self.settings(path)
        if not isinstance(script, Script):
            return Program(path, (), settings)
        if len(self.importer.modules) > MOST_MODULES or settings.declared != self.library.declared:
            self._begin(settings.declared)  # modules were executed by what was declared for the roots before
        if not settings.pedantic:
            return self._run(script, settings, None)
        # what a program is given shows itself as a network only when it is used as one
        given = Given()
        program = self._run(script, settings, given)
        return self._run(script, settings, Given(frozenset(given.seen))) if given.seen else program

    def _run(self, script: Script, settings: Settings, given: Given | None) -> Program:
        steps = STEPS_PER_ROOT + STEPS_PER_LINE * script.text.count("\n")
        # what a program is given stands for more and more, the oftener it is executed
        summaries = self.summaries if given is None else Summaries()
        interpreter = Interpreter(self.library, self.importer, self.store, steps, summaries)
        interpreter.stop = self.stop
        interpreter.remember("given", given)
        self.store.push()
        try:
            return self._execute(interpreter, script, settings, steps)
        finally:
            self.store.leave_branches()
            self.summaries.leave_root()

    def _execute(self, interpreter: Interpreter, script: Script, settings: Settings, steps: int) -> Program:
        frame = Frame.of_module()
        module = ModuleState("__main__", script.path, script, frame, is_root=True)
        frame.module = module
        interpreter.stack.append(frame)
        interpreter.store.set(frame.identity, "__name__", Const("__main__"))
        interpreter.store.set(frame.identity, "__file__", Const(script.path))
        interpreter.execute(script.module.body, frame)
        executed = new_identity()
        enter_the_rest(interpreter, module, steps, self._called)
        reached = list(reachable(module))
        imported = [event for state in reached for event in state.events if isinstance(event, Event)]
        own = [event for event in interpreter.events if isinstance(event, Event)]
        events = sorted((*imported, *own), key=lambda event: event.order)
        interpreter.events = events  # type: ignore[assignment]  # forward passes executed below add to them
        program = lower(interpreter, events, [module, *reached], script.path, settings, executed)
        self.reached = frozenset(state.path for state in reachable(module))
        return program


def reachable(root: ModuleState) -> Iterator[ModuleState]:
    """The modules that a module imports, directly or not, in the order of import."""
    seen = {root.path}
    stack = list(reversed(root.imports))
    while stack:
        state = stack.pop()
        if state.path not in seen:
            seen.add(state.path)
            yield state
            stack.extend(reversed(state.imports))


def enter_the_rest(
    interpreter: Interpreter, module: ModuleState, steps: int, called: dict[ast.AST, frozenset[str]]
) -> None:
    """Make an instance of every class nothing instantiates, and enter every function nothing calls."""
    interpreter.steps_left = steps
    done = 0
    while done < len(module.definitions):
        definition = module.definitions[done]
        done += 1
        if isinstance(definition, Class):
            interpreter.steps_left = max(interpreter.steps_left, LEAST_STEPS)
            if definition.identity not in interpreter.instances:
                make_unknown(interpreter, definition)
    enter_inherited(interpreter, module, called)
    for function in list(module.definitions):
        if not isinstance(function, Function) or function.node in interpreter.entered:
            continue
        interpreter.steps_left = max(interpreter.steps_left, LEAST_STEPS)
        instance = interpreter.instances.get(function.owner.identity) if function.owner is not None else None
        if interpreter.library.enter_root(interpreter, function, instance):
            interpreter.enter_unknown(function, instance)


def enter_inherited(interpreter: Interpreter, module: ModuleState, called: dict[ast.AST, frozenset[str]]) -> None:
    """Enter inherited methods that nothing calls, that train, and that call what a class of the module defines.

    ``called`` keeps the names of what methods call.
    """
    for cls in [one for one in module.definitions if isinstance(one, Class)]:
        instance = interpreter.instances.get(cls.identity)
        own = {name for name, _ in interpreter.store.all(cls.identity)}
        for base in cls.mro():
            if instance is None or not isinstance(base, Class) or base.module is module:
                continue
            for name, method in interpreter.store.all(base.identity):
                if not isinstance(method, Function) or method.node in interpreter.entered:
                    continue
                if interpreter.class_attribute(cls, name) is not method:
                    continue
                names = called.get(method.node)
                if names is None:
                    names = called[method.node] = names_called(method.node)
                if names & TRAINING and names & own and interpreter.library.enter_root(interpreter, method, instance):
                    interpreter.steps_left = max(interpreter.steps_left, LEAST_STEPS)
                    interpreter.enter_unknown(method, instance)


def names_called(node: ast.AST) -> frozenset[str]:
    """The names of the methods that a function calls."""
    calls = (one.func for one in descendants_of(node) if isinstance(one, ast.Call))
    return frozenset(callee.attr for callee in calls if isinstance(callee, ast.Attribute))


def make_unknown(interpreter: Interpreter, cls: Class) -> None:
    """An instance of a class, made with unknown arguments."""
    instance = Instance(cls)
    interpreter.instances[cls.identity] = instance
    initializer = interpreter.class_attribute(cls, "__init__")
    if isinstance(initializer, Function):
        interpreter.enter_unknown(initializer, instance)
    called = Arguments((), {}, cls.node, interpreter.stack[-1], extra=True)
    interpreter.library.instantiated(interpreter, instance, called)
