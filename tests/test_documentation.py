"""The site of the documentation: it builds, says what the program says, and leads nowhere that does not exist."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from urllib.parse import unquote, urlsplit

import attrs
import click
import pytest
from markdown_it import MarkdownIt

import modelint_rules
from conftest import Project
from modelint.cli.group import cli
from modelint.facts import KerasVersion
from modelint.rule import rules_of
from modelint.selection import Catalogue
from modelint.workspace.configuration import Written
from modelint.workspace.model_files import SUFFIXES

pytest.importorskip("zensical")

CATALOGUE = Catalogue(tuple(rules_of(modelint_rules)))
NOT_SHOWN = {"headerlink", "md-clipboard", "md-source-file"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Html(HTMLParser):
    """What a page says, by heading, and what it links and loads."""

    text: str
    sections: dict[str, list[str]] = field(default_factory=lambda: {"": []})
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)
    _open: list[tuple[str, bool]] = field(default_factory=list)
    _heading: list[str] | None = None

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note links and anchors, and whether what follows belongs to the article."""
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif "src" in given or (tag == "link" and "href" in given):
            self.resources.append(given.get("src") or given["href"])
        shown = tag == "article" or (bool(self._open) and self._open[-1][1])
        if tag not in VOID:
            self._open.append((tag, shown and not NOT_SHOWN & set(given.get("class", "").split())))
        if tag == "h2" and shown:
            self._heading = []

    def handle_endtag(self, tag: str) -> None:
        """Leave an element, with those in it that nobody closed."""
        if tag == "h2" and self._heading is not None:
            self.sections[" ".join(self._heading)] = []
            self._heading = None
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Keep the words of the article."""
        if self._open and self._open[-1][1] and self._open[-1][0] not in ("script", "style"):
            kept = self._heading if self._heading is not None else self.sections[next(reversed(self.sections))]
            kept += data.split()

    @property
    def words(self) -> str:
        """All that the article says, the headings apart."""
        return " ".join(chain.from_iterable(self.sections.values()))


@dataclass(frozen=True)
class Site:
    """The built site, and the sources that the builder took."""

    folder: Path

    @cached_property
    def pages(self) -> Mapping[str, Html]:
        """Every page, by its address."""
        root = self.folder / "site"
        return {p.relative_to(root).as_posix(): Html(p.read_text(encoding="utf-8")) for p in root.rglob("*.html")}

    def target(self, page: str, link: str) -> tuple[str, str]:
        """The address that a relative link of a page leads to, and the anchor there."""
        parts = urlsplit(link)
        path = os.path.normpath(os.path.join(os.path.dirname(page), unquote(parts.path))) if parts.path else page
        if (self.folder / "site" / path).is_dir():
            path = os.path.normpath(os.path.join(path, "index.html"))
        return path, unquote(parts.fragment)


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site, built as README says."""
    folder = tmp_path_factory.mktemp("docs")
    ran = build([sys.executable, str(repository / "docs" / "generator"), str(folder)], folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return Site(folder)


def build(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the generator or the builder, with what is tested on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_one_command_of_the_readme_builds_the_site(repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")
    assert ".venv/bin/pip install -e '.[docs]' && .venv/bin/python docs/generator\n" in readme
    extras = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(requirement.startswith("zensical") for requirement in extras["docs"])


@pytest.mark.parametrize("link", ["[a page](nowhere.md)", "[an anchor](notebooks.md#nowhere)"])
def test_a_dead_link_fails_the_build(site: Site, tmp_path: Path, link: str) -> None:
    folder = shutil.copytree(site.folder, tmp_path / "docs")
    with (folder / "pages" / "index.md").open("a") as page:
        page.write(f"\nHere is {link}.\n")
    assert build([sys.executable, "-m", "zensical", "build", "--strict"], folder).returncode != 0


def test_a_folder_that_is_something_else_is_not_emptied(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").touch()
    ran = build([sys.executable, str(repository / "docs" / "generator"), str(tmp_path)], tmp_path)
    assert ran.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_every_link_leads_to_a_page_and_an_anchor_that_exist(site: Site) -> None:
    dead = []
    for address, page in site.pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if parts.scheme != "https" or "." not in parts.netloc or " " in link:
                    dead.append(f"{address}: {link}")
                continue
            if address == "404.html":
                continue  # it is shown for any address, so that its links begin at the root
            path, anchor = site.target(address, link)
            there = site.pages[path].anchors if path in site.pages else set()
            if not (site.folder / "site" / path).is_file() or (anchor and anchor not in there):
                dead.append(f"{address}: {link}")
    assert not dead, "\n".join(dead)


def test_nothing_is_loaded_from_elsewhere(site: Site) -> None:
    for address, page in site.pages.items():
        for resource in page.resources:
            assert not urlsplit(resource).scheme, f"{address}: {resource}"
            assert not urlsplit(resource).netloc, f"{address}: {resource}"
            if address != "404.html":
                assert (site.folder / "site" / site.target(address, resource)[0]).is_file(), f"{address}: {resource}"
    for sheet in (site.folder / "site").rglob("*.css"):
        assert not re.search(r"@import|url\(['\"]?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_every_page_is_in_the_menu_of_the_start_page(site: Site) -> None:
    reached = {site.target("index.html", link)[0] for link in site.pages["index.html"].links if "://" not in link}
    assert site.pages.keys() - reached <= {"404.html"}


@pytest.mark.parametrize("name", [entry.name for entry in CATALOGUE.entries])
def test_the_page_of_a_rule_says_what_explain_says(site: Site, project: Project, name: str) -> None:
    explained = project.run("explain", name, "--color", "never").out
    page = site.pages[f"rules/{name}.html"]
    expected = Html(f"<article>{MarkdownIt('commonmark').enable('table').render(explained)}</article>")
    said = {title: words for title, words in page.sections.items() if title != "Example"}
    assert said == expected.sections


@pytest.mark.parametrize("rule", CATALOGUE.rules, ids=lambda rule: rule.name)
def test_the_page_of_a_rule_shows_a_finding_in_a_fixture_and_what_its_fix_changes(
    site: Site, repository: Path, project: Project, rule: object
) -> None:
    name = getattr(rule, "name", "")
    page = site.pages[f"rules/{name}.html"]
    example = " ".join(page.sections["Example"])
    shown = re.search(rf"(note|warning|error)\[{name}\]: (.*?) --> (fixtures/[\w/.]+):(\d+):\d+ ", example)
    assert shown, example
    line = (repository / shown[3]).read_text(encoding="utf-8").splitlines()[int(shown[4]) - 1]
    assert " ".join(line.split())[:40] in example
    assert "^" in example
    fixes = list((repository / "fixtures").glob(f"*/{name.replace('-', '_')}*/**/*.fixed.py"))
    fixes += (repository / "fixtures").glob(f"*/{name.replace('-', '_')}.fixed.py")
    assert bool(fixes) == ("The fix: " in example)


def test_the_index_of_rules_has_every_name_with_its_severity_and_summary(site: Site) -> None:
    index = site.pages["rules/index.html"]
    for entry in CATALOGUE.entries:
        row = f"{entry.name}{entry.severity.value}{entry.summary}".replace("`", "").replace(" ", "")
        assert row in "".join(index.sections[entry.category])


def options() -> Iterator[tuple[str, click.Option]]:
    """All options of all commands."""
    for name, command in cli.commands.items():
        yield from ((name, each) for each in command.params if isinstance(each, click.Option) and not each.hidden)


def test_the_command_line_page_has_every_option_of_every_command(site: Site) -> None:
    page = site.pages["command-line.html"]
    for command, option in options():
        words = " ".join(page.sections[f"modelint {command}"])
        assert option.help
        help_text = " ".join(option.help.split())
        for name in (*option.opts, *option.secondary_opts):
            assert name in words.replace(",", " ").split(), f"{command} {name}"
        assert help_text in words, f"{command} {option.opts}"
        assert "-h, --help" in words
    assert {title for title in page.sections if title} == {f"modelint {name}" for name in cli.commands}


KEYS = [attribute.name.replace("_", "-") for attribute in attrs.fields(Written)]


def sections_of_configuration(repository: Path) -> dict[str, str]:
    """What the page says of each key."""
    page = (repository / "docs" / "configuration.md").read_text(encoding="utf-8")
    _, *parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_the_configuration_page_has_every_key_in_the_order_of_the_program(repository: Path) -> None:
    assert list(sections_of_configuration(repository)) == KEYS


@pytest.mark.parametrize("key", KEYS)
def test_the_configuration_page_says_what_a_key_must_be_and_what_it_is_by_default(
    repository: Path, project: Project, key: str
) -> None:
    section = sections_of_configuration(repository)[key]
    project.write("modelint.toml", f"{key} = -1\n")
    refused = project.run("config")
    assert refused.code == 2
    must = re.search(rf"{key}: must be (.+), not -1", refused.err)
    assert must, refused.err
    assert f"\n- It must be {must[1]}.\n" in section
    settings = json.loads(project.run("config", "--isolated", "--output-format", "json").out)["settings"]
    default = re.search(r"^- Default: (none|`(.+)`)$", section, re.MULTILINE)
    assert default, section
    value = settings[key]["value"] if key in settings else None
    assert (json.loads(default[2]) if default[2] else None) == value


@pytest.mark.parametrize("key", KEYS)
def test_the_example_of_a_key_is_accepted(repository: Path, project: Project, key: str) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", sections_of_configuration(repository)[key], re.DOTALL)
    assert key in tomllib.loads(example)
    project.write("pyproject.toml", "[tool.modelint]\n")
    directory = project.path / "below"
    project.write("below/modelint.toml", example)
    ran = project.run("config", str(directory))
    assert ran.code == 0, ran.err


def test_the_page_on_model_files_has_the_suffixes_that_a_scan_takes_for_models(repository: Path) -> None:
    page = (repository / "docs" / "model-files.md").read_text(encoding="utf-8")
    sentence = re.search(r"files that end in (.+?) are taken\s+for models", page, re.DOTALL)
    assert sentence
    assert sorted(re.findall(r"`(\.\w+)`", sentence[1])) == sorted(SUFFIXES)


def test_the_page_on_versions_has_the_ranges_that_the_program_knows(repository: Path) -> None:
    page = (repository / "docs" / "keras-versions.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (Keras .+?) \|", page, re.MULTILINE) == [version.value for version in KerasVersion]


def test_the_rule_pack_of_the_page_is_found_and_finds(repository: Path, project: Project) -> None:
    page = (repository / "docs" / "writing-a-rule.md").read_text(encoding="utf-8")
    (metadata,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (rule,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    pack = tomllib.loads(metadata)["project"]
    project.write("installed/acme_rules/__init__.py")
    project.write("installed/acme_rules/batch/__init__.py")
    project.write("installed/acme_rules/batch/huge_batch.py", rule)
    distribution = f"installed/{pack['name'].replace('-', '_')}-{pack['version']}.dist-info"
    project.write(f"{distribution}/METADATA", f"Metadata-Version: 2.1\nName: {pack['name']}\nVersion: 1.0\n")
    entries = "\n".join(f"{name} = {value}" for name, value in pack["entry-points"]["modelint.rules"].items())
    project.write(f"{distribution}/entry_points.txt", f"[modelint.rules]\n{entries}\n")
    project.write(
        "work/train.py",
        "import keras\nfrom keras import layers\n\n"
        "model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])\n"
        'model.compile("sgd", "mse")\nmodel.fit(x, y, batch_size=8192)\n',
    )
    paths = [str(project.path / "installed"), *(path for path in sys.path if path)]
    ran = subprocess.run(
        [sys.executable, "-m", "modelint", "check", "--output-format", "concise", "--quiet"],
        cwd=project.path / "work",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    message = "trains on batches of 8192 samples; use at most 4096, or a warm-up"
    assert ran.stdout == f"train.py:6:1: warning: {message} [huge-batch]\n", ran.stderr
