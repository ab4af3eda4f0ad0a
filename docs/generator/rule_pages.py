"""The pages of rules, and their index.

Takes rules and modelint's own entries, gives Markdown. A page is what ``modelint explain`` prints, with an example put
before its first section; nothing of it is said here in other words.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

from examples import Example

from modelint.facts import KerasVersion
from modelint.render import rules as listing
from modelint.selection import Entry
from modelint.wording import version_ranges

FOLDER = "rules"
INDEX = f"{FOLDER}/index.md"

_ABOUT_RULES = """\
Every name that a finding can go by. `modelint rules` lists them, `modelint explain RULE` prints the page of one.
[Configuration](../configuration.md) says how to select them and give them another severity,
[What is deliberate](../suppressions.md) how to excuse a finding."""

_ABOUT_OWN = {
    "comments": "What modelint says of the comments that are written for it.",
    "files": "What modelint says of files, and parts of them, that it cannot judge.",
    "failures": "What ends a run with exit code 2. It can be neither ignored nor given another severity.",
}
_CODE_SPAN = re.compile(r"(?<![`\[])`([a-z-]+)`(?!`)")


def address(entry: Entry) -> str:
    """Where the page of an entry is, from the root of the site's sources."""
    return f"{FOLDER}/{entry.name}.md"


def page(entry: Entry, example: Example | None, names: Iterable[str]) -> str:
    """The page of an entry. ``names`` are those of all entries: where one is mentioned, its page is linked."""
    opening, heading, rest = listing.page(entry).partition("\n## ")
    text = _linked(opening, entry.name, names) + (f"\n{_example(example)}\n" if example else "")
    return text + _linked(f"{heading}{rest}", entry.name, names)


def _linked(text: str, own: str, names: Iterable[str]) -> str:
    """The text with the names of other entries made links; blocks of code stay as they are."""
    others = frozenset(names) - {own}

    def link(match: re.Match[str]) -> str:
        return f"[`{match[1]}`]({match[1]}.md)" if match[1] in others else match[0]

    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _CODE_SPAN.sub(link, part) for part in parts)


def _example(example: Example) -> str:
    return "\n\n".join(_parts_of(example)) + "\n"


def _parts_of(example: Example) -> Iterator[str]:
    yield "## Example"
    if example.cut:
        yield f"```python\n{example.cut}\n```"
        yield "modelint prints:"
    yield f"```text\n{example.printed.rstrip()}\n```"
    if example.fix:
        yield "The fix:"
        yield f"```diff\n{example.fix}\n```"
    where = f"It is taken from `{example.path}`, where nothing is reported but what is underlined"
    if len(example.versions) == len(KerasVersion):
        yield f"{where}. It is reported for every version of Keras."
    else:
        yield f"{where}. It is reported for {version_ranges(example.versions)}."


def index(entries: Iterable[Entry]) -> str:
    """All entries, a table for each category."""
    parts = [
        "# Rules",
        _ABOUT_RULES,
    ]
    by_category: dict[str, list[Entry]] = {}
    for entry in entries:
        by_category.setdefault(entry.category, []).append(entry)
    for category, members in by_category.items():
        rows = [f"| [{each.name}]({each.name}.md) | {each.severity.value} | {each.summary} |" for each in members]
        table = "\n".join(["| rule | severity | what it finds |", "|---|---|---|", *rows])
        parts += [f"## {category}", _about(category), table]
    return "\n\n".join(parts) + "\n"


def _about(category: str) -> str:
    """What a category is about: the docstring of its package."""
    package = sys.modules.get(f"modelint_rules.{category.replace('-', '_')}")
    return (package.__doc__ or "").strip() if package else _ABOUT_OWN[category]
