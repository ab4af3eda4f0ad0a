"""Builds the site of the documentation: ``python docs/generator [FOLDER]``.

Copies the written pages to ``FOLDER/pages``, adds those that are made from rules, fixtures and commands, and has
Zensical build them, strictly, to ``FOLDER/site``. ``FOLDER`` is ``build/docs`` unless it is named. It is emptied first,
and must be empty or a folder that this program made.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import command_page
import rule_pages
from examples import example_of

import modelint_rules
from modelint.rule import rules_of
from modelint.selection import Catalogue, Entry

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
CONFIGURATION = "zensical.toml"
NOT_PAGES = ("generator", CONFIGURATION)
RULES_IN_MENU = f'["{rule_pages.INDEX}"]'


def main() -> int:
    """Build the site; the exit code of the builder, which is not 0 if a link is dead."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "docs"
    if folder.exists() and any(folder.iterdir()) and not (folder / CONFIGURATION).is_file():
        print(f"{folder} holds something else than a site of modelint", file=sys.stderr)
        return 2
    shutil.rmtree(folder, ignore_errors=True)
    # by name, so that a rule pack that happens to be installed has no part in the site
    rules = sorted(rules_of(modelint_rules), key=lambda rule: (rule.category, rule.name))
    write_sources(folder, Catalogue(tuple(rules)))
    builder = [sys.executable, "-m", "zensical", "build", "--strict"]
    failed = subprocess.run(builder, cwd=folder, check=False).returncode
    if not failed:
        print(f"the site begins at {folder / 'site' / 'index.html'}")
    return failed


def write_sources(folder: Path, catalogue: Catalogue) -> None:
    """Write what the builder takes to a folder."""
    pages = folder / "pages"
    shutil.copytree(DOCS, pages, ignore=shutil.ignore_patterns(*NOT_PAGES))
    for address, text in generated(catalogue).items():
        (pages / address).parent.mkdir(exist_ok=True)
        (pages / address).write_text(text, encoding="utf-8")
    written = (DOCS / CONFIGURATION).read_text(encoding="utf-8")
    assert written.count(RULES_IN_MENU) == 1, f"the menu in {CONFIGURATION} has no place for the rules"
    (folder / CONFIGURATION).write_text(written.replace(RULES_IN_MENU, menu(catalogue)), encoding="utf-8")


def generated(catalogue: Catalogue) -> Mapping[str, str]:
    """The pages that nobody writes, by their addresses."""
    examples = {rule.name: example_of(rule) for rule in catalogue.rules}
    names = [entry.name for entry in catalogue.entries]
    return {
        rule_pages.INDEX: rule_pages.index(catalogue.entries),
        command_page.PAGE: command_page.page(),
        **{rule_pages.address(e): rule_pages.page(e, examples.get(e.name), names) for e in catalogue.entries},
    }


def menu(catalogue: Catalogue) -> str:
    """The rules in the menu, below their index, by category: an array as TOML writes it."""
    by_category: dict[str, list[Entry]] = {}
    for entry in catalogue.entries:
        by_category.setdefault(entry.category, []).append(entry)
    return f"[{', '.join([json.dumps(rule_pages.INDEX), *_categories(by_category)])}]"


def _categories(by_category: Mapping[str, list[Entry]]) -> Iterator[str]:
    for category, entries in by_category.items():
        pages = ", ".join(f"{{ {entry.name} = {json.dumps(rule_pages.address(entry))} }}" for entry in entries)
        yield f"{{ {category} = [{pages}] }}"


if __name__ == "__main__":
    sys.exit(main())
