"""The thread that examines: takes what was opened and changed, gives the diagnostics of every open text.

What has changed waits a moment, in case more does; an examination whose file changes meanwhile is left and begun anew.
Whatever goes wrong with one file is said once, and the thread goes on.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from lsprotocol import types
from pygls.workspace import PositionCodec

from modelint.finding import Finding, Place
from modelint.selection import UNREADABLE, Catalogue
from modelint.server.keeping import kept
from modelint.server.opened import Opened
from modelint.server.presenting import Presenter
from modelint.workspace.configuration import ConfigurationError
from modelint.workspace.session import Session, StoppedError
from modelint.workspace.stack import on_a_deep_stack

DEBOUNCE = 0.02
"""Seconds without a change before an examination begins."""

IDLE = 1.0
"""Seconds without work before garbage is collected."""

Publish = Callable[[types.PublishDiagnosticsParams], None]


@dataclass(slots=True)
class _Requests:
    """What was asked for since the thread last looked."""

    opened: dict[str, Opened | None] = field(default_factory=dict)  # by URI, in order; None is closed
    restart: bool = False
    refresh: bool = False
    end: bool = False

    def __bool__(self) -> bool:
        return bool(self.opened) or self.restart or self.refresh or self.end


class Worker:
    """Examines open files on a thread of its own. All methods return at once."""

    def __init__(
        self, catalogue: Catalogue, codec: PositionCodec, publish: Publish, complain: Callable[[str], None]
    ) -> None:
        self._session = Session(catalogue)
        self._rules = {rule.name: rule for rule in catalogue.rules}
        self._codec = codec
        self._publish = publish
        self._complain = complain
        self._condition = threading.Condition()
        self._requests = _Requests()
        self._changed_at = 0.0
        self._opened: dict[str, Opened] = {}  # by name
        self._dirty: dict[str, None] = {}
        self._last: dict[Place, tuple[tuple[Finding, ...], Sequence[str]]] = {}
        self._published: dict[str, types.PublishDiagnosticsParams] = {}
        self._complaints: set[str] = set()
        threading.Thread(target=lambda: on_a_deep_stack(self._work), name="modelint worker", daemon=True).start()

    @property
    def published(self) -> Mapping[str, types.PublishDiagnosticsParams]:
        """The latest diagnostics of every open text, by its URI."""
        return self._published

    def put(self, opened: Opened) -> None:
        """A file was opened, or changed."""
        self._request(lambda requests: requests.opened.update({opened.uri: opened}))

    def close(self, uri: str) -> None:
        """A file was closed."""
        self._request(lambda requests: requests.opened.update({uri: None}))

    def restart(self) -> None:
        """The configuration changed, or files came or went."""

        def change(requests: _Requests) -> None:
            requests.restart = True

        self._request(change)

    def refresh(self) -> None:
        """Something on disk may have changed."""

        def change(requests: _Requests) -> None:
            requests.refresh = True

        self._request(change)

    def end(self) -> None:
        """Nothing more is wanted."""

        def change(requests: _Requests) -> None:
            requests.end = True

        self._request(change)

    def _request(self, change: Callable[[_Requests], None]) -> None:
        with self._condition:
            change(self._requests)
            self._changed_at = time.monotonic()
            self._condition.notify()

    # on the thread

    def _work(self) -> None:
        gc.disable()  # the session collects when nobody waits
        while not (requests := self._next()).end:
            with self._surviving("the changes"):
                self._apply(requests)
            for name in tuple(self._dirty):
                with self._surviving(name):
                    self._examine(name)
                if self._is_asked():
                    break
                with self._surviving(name):
                    self._present()
        gc.enable()

    @contextmanager
    def _surviving(self, what: str) -> Iterator[None]:
        """Whatever goes wrong, the editor needs its server: say what, and go on."""
        try:
            yield
        except StoppedError:
            pass
        except Exception as error:
            self._dirty.pop(what, None)
            self._say_once(f"modelint failed on {what} ({type(error).__name__}: {error}); please report it")

    def _next(self) -> _Requests:
        """What to do next, when it is time for it."""
        with self._condition:
            wanted = self._is_wanted() or self._condition.wait_for(self._is_wanted, IDLE)
        if not wanted:
            self._session.tidy()
        with self._condition:
            self._condition.wait_for(self._is_wanted)
            while (remaining := self._changed_at + DEBOUNCE - time.monotonic()) > 0 and not self._requests.end:
                self._condition.wait(remaining)
            requests, self._requests = self._requests, _Requests()
            return requests

    def _is_asked(self) -> bool:
        return bool(self._requests)

    def _is_wanted(self) -> bool:
        return bool(self._requests or self._dirty)

    def _apply(self, requests: _Requests) -> None:
        affected: dict[str, None] = {}
        if requests.restart:
            self._complaints.clear()
            affected.update(dict.fromkeys(self._session.restart()))
        if requests.refresh:
            affected.update(dict.fromkeys(self._session.refresh()))
        for uri, opened in requests.opened.items():
            if opened is None:
                self._close(uri, affected)
            else:
                name, others = self._session.put(opened.path, opened.data)
                self._opened[name] = opened
                affected = {**dict.fromkeys(others), **affected}  # what is being typed comes first
        self._dirty = {name: None for name in (*affected, *self._dirty) if name in self._opened}
        if not self._dirty:
            self._present()

    def _close(self, uri: str, affected: dict[str, None]) -> None:
        for name in [name for name, opened in self._opened.items() if opened.uri == uri]:
            closed = self._opened.pop(name)
            affected.update(dict.fromkeys(self._session.close(closed.path)))
            for source in list(self._last):
                if source.path == name:
                    del self._last[source]

    def _examine(self, name: str) -> None:
        if not self._session.is_excluded(name):
            try:
                self._session.examine(name, self._stop)
            except ConfigurationError as error:
                self._say_once(f"modelint: the configuration cannot be used: {error}")
        self._dirty.pop(name, None)

    def _stop(self) -> None:
        if self._is_asked():
            raise StoppedError

    def _present(self) -> None:
        """Publish the diagnostics of all open texts that are not as they were."""
        presenter = Presenter(self._codec, self._session.lines, self._rules, self._opened)
        texts = [source for opened in self._opened.values() for source in opened.cells.values()]
        now = {source.uri: types.PublishDiagnosticsParams(source.uri, [], source.version) for source in texts}
        for name, findings in self._session.findings().items():
            if name in self._dirty:  # its lines are not those that the findings were made on
                uris = [source.uri for source in self._opened[name].cells.values()]
                now |= {uri: self._published[uri] for uri in uris if uri in self._published}
                continue
            for finding in self._with_kept(name, findings):
                presented = presenter.diagnostic(finding)
                if presented is not None:
                    now[presented[0].uri].diagnostics = [*now[presented[0].uri].diagnostics, presented[1]]
        gone = [types.PublishDiagnosticsParams(uri, []) for uri in self._published if uri not in now]
        fresh = [params for uri, params in now.items() if self._published.get(uri) != params]
        self._published = now
        for params in (*fresh, *gone):
            self._publish(params)

    def _with_kept(self, name: str, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """The findings of a file; in a text that cannot be read, those of before too."""
        by_source: dict[Place, list[Finding]] = {}
        for finding in findings:
            by_source.setdefault(finding.place.source, []).append(finding)
        shown: list[Finding] = []
        cells = self._opened[name].cells if name in self._opened else {}
        for source in {Place(name), *(Place(name, cell=cell) for cell in cells), *by_source}:
            here = tuple(by_source.get(source, ()))
            lines = self._session.lines(source)
            if any(finding.rule == UNREADABLE for finding in here):
                before, on = self._last.get(source, ((), ()))
                known = {(finding.rule, finding.place) for finding in here}
                still = kept(before, on, lines)
                here = (*here, *(finding for finding in still if (finding.rule, finding.place) not in known))
            else:
                self._last[source] = here, lines
            shown += here
        return tuple(sorted(shown, key=lambda finding: finding.order))

    def _say_once(self, text: str) -> None:
        if text not in self._complaints:
            self._complaints.add(text)
            self._complain(text)
