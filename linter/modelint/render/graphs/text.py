"""The graph for a terminal: what goes in and out, every layer in the order of execution, findings where they are."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from modelint.finding import Finding, Severity
from modelint.render.full import divided, location
from modelint.render.graphs import words
from modelint.render.graphs.view import GraphView, Group, Node
from modelint.render.summary import counted
from modelint.render.terminal import SEVERITY_STYLES, Style, Terminal, printable, width

INDENT = "  "
WIDEST_NAME = 44
NARROWEST = 50
MOST_NAMED = 12
"""Nodes that are named in a list before the rest is only counted."""


def render(view: GraphView, terminal: Terminal) -> str:
    """The whole, ending in a line of counts."""
    parts = [_head(view, terminal), _layers(view, terminal), _elsewhere(view, terminal), [_counts(view, terminal)]]
    return "\n\n".join("\n".join(lines) for lines in map(list, parts) if lines) + "\n"


def _head(view: GraphView, terminal: Terminal) -> Iterator[str]:
    model, source = view.model, view.source
    yield terminal.paint(printable(view.title), Style.STRONG)
    rows = [
        ("made at" if model.origin.resolve().span else "file", location(model.origin.resolve())),
        ("format", source.format if source.format != "Python script" else ""),
        ("framework", model.framework),
        ("producer", source.producer or ""),
        *(("input", words.port(port)) for port in model.inputs),
        *(("output", words.port(port)) for port in model.outputs),
    ]
    for title, value in rows:
        if value:
            yield f"{terminal.paint(f'{title:<10}', Style.FAINT)} {printable(value)}"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the columns of the list of layers begin; ``beside`` says whether there is room for traits in the line."""

    digits: int
    name: int
    shape: int
    beside: bool

    @classmethod
    def of(cls, view: GraphView, titles: Mapping[str, str], columns: int) -> _Columns:
        digits = len(str(len(view.nodes)))
        name = min(max(map(width, titles.values())), WIDEST_NAME)
        shape = max(width(printable(words.shape(node.layer.shape))) for node in view.nodes)
        traits = max(len(words.sentence(node.layer)) for node in view.nodes)
        return cls(digits, name, shape, digits + name + shape + traits + 6 <= columns)


def _layers(view: GraphView, terminal: Terminal) -> Iterator[str]:
    """A line per layer under the nested models that hold it."""
    if not view.nodes:
        return
    depths = _depths(view)
    titles = {node.id: _title(node, depths[node.parent]) for node in view.nodes}
    columns = _Columns.of(view, titles, terminal.columns)
    producers: dict[str, list[str]] = {}
    for edge in view.edges:
        producers.setdefault(edge.target, []).append(edge.source)
    groups = {group.id: group for group in view.groups}
    entered: list[str] = []
    for node in view.nodes:
        chain = _chain(node.parent, groups)
        kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(entered, chain, strict=False)))
        for depth in range(kept, len(chain)):
            group = groups[chain[depth]]
            begin = columns.digits + 2 + len(INDENT) * depth
            yield f"{' ' * begin}{terminal.paint(printable(group.title), Style.FRAME)}"
            yield from _standing(group, view, begin + 4, terminal)
        entered = chain
        yield _line(node, titles[node.id], columns, producers.get(node.id, []), terminal)
        margin = columns.digits + 4 + len(INDENT) * depths[node.parent]
        if not columns.beside:
            yield from _wrapped(words.sentence(node.layer), margin, terminal, _trait_style(node))
        yield from _below(node, view, margin, terminal)


def _chain(parent: str | None, groups: Mapping[str, Group]) -> list[str]:
    """The nested models that hold something, outermost first."""
    chain: list[str] = []
    while parent is not None:
        chain.insert(0, parent)
        parent = groups[parent].parent
    return chain


def _depths(view: GraphView) -> dict[str | None, int]:
    depths: dict[str | None, int] = {None: 0}
    for group in view.groups:  # parents come first
        depths[group.id] = depths[group.parent] + 1
    return depths


def _title(node: Node, depth: int) -> str:
    layer = node.layer
    return INDENT * depth + " ".join(filter(None, (printable(layer.kind), printable(node.name or ""))))


def _line(node: Node, title: str, columns: _Columns, producers: list[str], terminal: Terminal) -> str:
    """``number  Kind name  shape  traits  from producers``; these only where they are not just the layer before."""
    number = terminal.paint(f"{node.number:>{columns.digits}}", Style.FAINT)
    kind_end = len(title) - len(title.lstrip()) + len(printable(node.layer.kind))
    painted = terminal.paint(title[:kind_end], Style.STRONG) + title[kind_end:]
    shape = printable(words.shape(node.layer.shape))
    sentence = words.sentence(node.layer) if columns.beside else ""
    expected = [f"n{node.number - 1}"] if node.number > 1 else []
    fed_by = "" if producers == expected else f"from {_named(producers) if producers else 'no layer'}"
    cells = [
        painted + " " * (columns.name - width(title)),
        shape + " " * (columns.shape - width(shape)),
        "  ".join(
            filter(None, (terminal.paint(sentence, _trait_style(node)), terminal.paint(fed_by, Style.FAINT))),
        ),
    ]
    return f"{number}  {'  '.join(cell for cell in cells if cell)}".rstrip()


def _trait_style(node: Node) -> Style:
    return Style.NOTE if node.layer.opaque else Style.REASON


def _named(ids: Sequence[str]) -> str:
    numbers = [one.removeprefix("n") for one in ids]
    rest = len(numbers) - MOST_NAMED
    return ", ".join([*numbers[:MOST_NAMED], *([f"{rest} more"] if rest > 0 else [])])


def _below(node: Node, view: GraphView, margin: int, terminal: Terminal) -> Iterator[str]:
    """The findings at a layer, and the tags of those that are about it."""
    yield from _standing(node, view, margin, terminal)
    for number in node.concerned:
        noted = view.findings[number]
        where = _titled(noted.at, view) if noted.at else location(noted.finding.place)
        yield from _wrapped(f"see {_tag(noted.finding)} at {where}", margin, terminal, _style(noted.finding))


def _standing(one: Node | Group, view: GraphView, margin: int, terminal: Terminal) -> Iterator[str]:
    """The findings that stand at a layer or nested model: in full at the first that has them."""
    for number in one.findings:
        noted = view.findings[number]
        if noted.at[0] == one.id:
            yield from _finding(noted.finding, margin, terminal)
        else:
            same = f"{_tag(noted.finding)}, as at {_titled(noted.at[:1], view)}"
            yield from _wrapped(same, margin, terminal, _style(noted.finding))


def _titled(ids: Sequence[str], view: GraphView) -> str:
    """Layers by their numbers, nested models by their names."""
    titles = {group.id: group.title for group in view.groups}
    return _named([titles.get(one, one) for one in ids])


def _finding(finding: Finding, margin: int, terminal: Terminal) -> Iterator[str]:
    wrong, advice = divided(finding)
    yield from _wrapped(f"{_tag(finding)}: {wrong}", margin, terminal, _style(finding))
    if advice:
        yield from _wrapped(f"= help: {advice}", margin + 2, terminal, Style.HELP)


def _elsewhere(view: GraphView, terminal: Terminal) -> Iterator[str]:
    """The findings that stand at no layer, with the layers that they are about."""
    for noted in view.findings:
        if not noted.at:
            yield f"{location(noted.finding.place)}:"
            yield from _finding(noted.finding, 2, terminal)
            if noted.concerns:
                yield from _wrapped(f"= about: {_named(noted.concerns)}", 4, terminal, Style.FAINT)


def _counts(view: GraphView, terminal: Terminal) -> str:
    """What the model holds, in one line; what was not examined is said last."""
    held = Counter(name for node in view.nodes for name in words.traits(node.layer))
    kinds = [
        (held["mode-sensitive"], "mode-sensitive"),
        (held["couples-batch-at-inference"], "coupling the batch at inference"),
        (held["random-at-inference"], "random at inference"),
        (held["frozen"], "frozen"),
    ]
    parts = [f"{number:,} {what}" for number, what in kinds if number]
    nested = f" in {counted(len(view.groups) + 1, 'model')}" if view.groups else ""
    text = counted(len(view.nodes), "layer") + nested + (f" ({', '.join(parts)})" if parts else "")
    found = Counter(noted.finding.severity for noted in view.findings)
    severities = [
        terminal.paint(counted(found[severity], severity.value), SEVERITY_STYLES[severity])
        for severity in sorted(Severity, reverse=True)
        if found[severity]
    ]
    lines = [f"{text}; {', '.join(severities) if severities else 'no findings'}"]
    lines += [terminal.paint(line, Style.NOTE) for line in unexamined(view)]
    return "\n".join(lines)


def unexamined(view: GraphView) -> list[str]:
    """What of the model was not examined, a sentence each; what a finding says is not said again."""
    messages = [noted.finding.message for noted in view.findings]
    missing = [what for what in view.source.unexamined if not any(what in message for message in messages)]
    said = [f"not examined: {printable(what)}" for what in missing]
    opaque = [node.id for node in view.nodes if node.layer.opaque]
    if not said and opaque:
        said.append(f"not examined: layer{'s' if len(opaque) > 1 else ''} {_named(opaque)}")
    if not said and (view.model.opaque or not view.nodes):
        said.append("not examined: " + ("part of the model" if view.nodes else "no layer of the model is known"))
    return said


def _wrapped(text: str, margin: int, terminal: Terminal, style: Style) -> Iterator[str]:
    room = max(terminal.columns - margin, NARROWEST)
    for number, line in enumerate(textwrap.wrap(printable(text), room - 2, break_on_hyphens=False)):
        yield f"{' ' * (margin + (2 if number else 0))}{terminal.paint(line, style)}"


def _tag(finding: Finding) -> str:
    return f"{finding.severity.value}[{finding.rule}]"


def _style(finding: Finding) -> Style:
    return SEVERITY_STYLES[finding.severity]
