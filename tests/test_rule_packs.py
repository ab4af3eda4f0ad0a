"""Rule packs of third parties: the sample pack, installed by pip beside modelint, and packs that are broken."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import modelint
from conftest import Project
from modelint.testing import Pack

SAMPLE = Path(__file__).with_name("sample_pack")
OURS = [str(Path(modelint.__file__).parent.parent), str(Path(modelint.__file__).parent.parent.parent / "rules")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory into which pip has installed the sample pack."""
    target, source = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("source") / "pack"
    shutil.copytree(SAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(target), str(source)], check=True)
    return target


def run(site: Path, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run modelint in a directory, with what is installed in ``site``."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *OURS]), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "modelint", *arguments]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


def found(site: Path, directory: Path, *arguments: str) -> list[tuple[str, str]]:
    """The rule and severity of every finding."""
    ran = run(site, directory, "check", "--output-format", "json", *arguments)
    return [(each["rule"], each["severity"]) for each in json.loads(ran.stdout)]


def broken_pack(site: Path, name: str, content: str, category: str = "mode", rule: str = "broken") -> Path:
    """A pack of one rule, as pip would have installed it."""
    package = site / name / category
    package.mkdir(parents=True)
    (site / name / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / f"{rule}.py").write_text(content)
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[modelint.rules]\n{name} = {name}\n")
    return site


PROGRAM = "import keras\n\nmodel = keras.Sequential([keras.Input((8,)), keras.layers.Dropout(0.5)])\n"


def test_the_rules_of_an_installed_pack_are_listed_and_explained(site: Path, tmp_path: Path) -> None:
    listed = run(site, tmp_path, "rules").stdout
    assert "unnamed-dropout" in listed
    assert "crowded-norms" in listed
    assert "batchnorm-tiny-batch" in listed
    page = run(site, tmp_path, "explain", "unnamed-dropout").stdout
    assert "In this house masks are found by the names of their layers." in page


def test_the_rules_of_an_installed_pack_are_selected_ignored_and_configured(site: Path, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(PROGRAM)
    assert found(site, tmp_path, ".") == [("unnamed-dropout", "note")]
    assert found(site, tmp_path, "--ignore", "naming", ".") == []
    assert found(site, tmp_path, "--select", "size", ".") == []
    (tmp_path / "modelint.toml").write_text('[severity]\nunnamed-dropout = "error"\n')
    assert found(site, tmp_path, "--select", "unnamed-dropout", ".") == [("unnamed-dropout", "error")]
    assert run(site, tmp_path, "check", ".").returncode == 1
    (tmp_path / "modelint.toml").write_text('ignore = ["unnamed-dropot"]\n')
    assert "did you mean 'unnamed-dropout'?" in run(site, tmp_path, "check", ".").stderr
    (tmp_path / "modelint.toml").unlink()
    (tmp_path / "model.py").write_text(PROGRAM.replace(")])", ")])  # modelint: ignore[unnamed-dropout] one of a kind"))
    assert found(site, tmp_path, ".") == []


def test_the_fixes_of_an_installed_pack_are_applied(site: Path, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(PROGRAM)
    assert run(site, tmp_path, "check", "--fix", "--unsafe-fixes", ".").returncode == 0
    assert 'Dropout(0.5, name="dropout")' in (tmp_path / "model.py").read_text()


def test_a_rule_of_an_installed_pack_finds_it_in_a_model_file(site: Path, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    layers = keras.layers
    keras.Sequential([keras.Input((8,)), layers.BatchNormalization(), layers.BatchNormalization()]).save(
        tmp_path / "model.keras"
    )
    assert found(site, tmp_path, "--select", "crowded-norms", "model.keras") == [("crowded-norms", "error")]


def test_the_rules_of_the_sample_pack_find_what_is_underlined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SAMPLE))
    pack = Pack(importlib.import_module("sample_rules"), SAMPLE / "fixtures")
    assert len(pack.checks()) == 10
    assert [f"{check}: {wrong}" for check in pack.checks() for wrong in check.complaints()] == []


def test_a_pack_is_told_where_its_rules_and_fixtures_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SAMPLE))
    shutil.copytree(SAMPLE / "fixtures", tmp_path / "fixtures")
    fixture = tmp_path / "fixtures" / "naming" / "unnamed_dropout.py"
    fixture.write_text(fixture.read_text().replace('(0.5, name="masks")', "(0.5)"))
    (tmp_path / "fixtures" / "size" / "crowded_norms.py").unlink()
    (tmp_path / "fixtures" / "size" / "lonely.py").write_text("x = 1\n")
    pack = Pack(importlib.import_module("sample_rules"), tmp_path / "fixtures")
    wrong = "\n".join(f"{check}: {each}" for check in pack.checks() for each in check.complaints())
    assert "a fixture of crowded-norms: there is no fixtures/size/crowded_norms.py" in wrong
    assert "the underlines in size/lonely.py: there is no rule 'lonely'" in wrong
    assert "the underlines in size/lonely.py: nothing is underlined" in wrong
    assert "the underlines in naming/unnamed_dropout.py: not underlined: fixtures/naming/unnamed_dropout.py:5:" in wrong
    assert "the fixes in naming/unnamed_dropout.py: fixtures/naming/unnamed_dropout.py is fixed otherwise" in wrong


CARELESS = '''"""a dropout is there. Or not.

## References

Somewhere.

## Why
"""

from modelint import Edit, Fix, LayerMade, Rule, Safety, Severity, Span

rule = Rule(__name__, severity=Severity.ERROR, since="now")


@rule.on(LayerMade)
def check(layer, program):
    edit = Edit(Span(1, 1, 1, 1), "import os\\n")
    yield rule.at(layer.place, "Found careless here.", fix=Fix("seed it", Safety.SAFE, (edit,)))
'''


def test_a_pack_is_told_what_is_wrong_with_pages_messages_and_fixes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_pack(tmp_path, "careless_rules", CARELESS, rule="careless")
    fixture = tmp_path / "fixtures" / "mode" / "careless.py"
    fixture.parent.mkdir(parents=True)
    fixture.write_text("import keras\n\nkeras.layers.Dropout(0.5)\n#^^^^^^^^^^^^^^^^^^^^^^^^ Found\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    pack = Pack(importlib.import_module("careless_rules"), tmp_path / "fixtures")
    wrong = "\n".join(each for check in pack.checks() for each in check.complaints())
    for complaint in (
        "since is not a version such as 0.1",
        "the page does not open with one sentence on one line",
        "the page does not say, after the summary, why it matters",
        "an unknown section 'Why'",
        "no section 'How to fix it'",
        "the section 'Why' is empty",
        "the references lead nowhere",
        "not divided by '; '",
        "not in lower case",
        "a full stop at the end",
        "names its own rule",
        "no reasons",
        "fixed and yet offered again",
        "the page of careless has no section on the safety of its fix",
    ):
        assert complaint in wrong, f"{complaint!r} is not in\n{wrong}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "import not_there\n",
            "the rule module ill.mode.broken cannot be imported: ModuleNotFoundError: No module named 'not_there'",
        ),
        ("def (\n", "the rule module ill.mode.broken cannot be imported: SyntaxError: invalid syntax"),
        ("raise SystemExit(0)\n", "the rule module ill.mode.broken cannot be imported: SystemExit: 0"),
    ],
)
def test_a_pack_that_cannot_be_imported_is_said_in_a_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    ran = run(broken_pack(tmp_path, "ill", content), tmp_path, "rules")
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"modelint: {sentence}")
    assert ran.stderr.count("\n") == 1


def test_a_category_that_cannot_be_imported_is_not_passed_over(tmp_path: Path) -> None:
    broken_pack(tmp_path, "ill", "")
    (tmp_path / "ill" / "mode" / "__init__.py").write_text("import not_there\n")
    ran = run(tmp_path, tmp_path, "rules")
    assert ran.returncode == 2
    assert "the rule package ill.mode cannot be imported: ModuleNotFoundError" in ran.stderr


RULE = "from modelint import Rule, Severity\n\nrule = Rule(__name__, severity=Severity.NOTE, since='1.0')\n"


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("unseeded_dropout", " both define the rule 'unseeded-dropout'"),
        ("unreadable", "ill.mode.unreadable defines the rule 'unreadable', a name that has another meaning"),
        ("batch", "ill.mode.batch defines the rule 'batch', a name that has another meaning"),
    ],
)
def test_a_name_that_is_taken_is_said_in_a_sentence(tmp_path: Path, rule: str, sentence: str) -> None:
    ran = run(broken_pack(tmp_path, "ill", RULE, rule=rule), tmp_path, "check", ".")
    assert ran.returncode == 2
    assert sentence in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_new_pack_passes_its_own_tests_as_it_is(project: Project) -> None:
    made = project.run("new", "style/huge-rate", "--pack", "acme-rules")
    assert made.code == 0, made.err
    assert "acme-rules/fixtures/style/huge_rate.py" in made.out.splitlines()
    assert project.run("new", "mode/other-rate", "--pack", "acme-rules").code == 0
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(OURS)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(command, cwd="acme-rules", env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "10 passed" in ran.stdout


def test_a_new_rule_goes_into_the_package_that_the_project_names(project: Project) -> None:
    project.write("pyproject.toml", '[project.entry-points."modelint.rules"]\nacme = "acme.rules"\n')
    project.write("src/acme/rules/__init__.py")
    made = project.run("new", "mode/new-one")
    assert made.out.splitlines() == [
        "src/acme/rules/mode/__init__.py",
        "src/acme/rules/mode/new_one.py",
        "fixtures/mode/new_one.py",
    ]


def test_what_is_there_is_never_overwritten(project: Project) -> None:
    project.write("pyproject.toml", '[project.entry-points."modelint.rules"]\nacme = "acme"\n')
    project.write("acme/__init__.py")
    project.write("fixtures/mode/new_one.py", "mine\n")
    made = project.run("new", "mode/new-one")
    assert (made.code, made.err) == (2, "modelint: fixtures/mode/new_one.py is there already\n")
    assert not (project.path / "acme" / "mode").exists()


@pytest.mark.parametrize(
    ("files", "rule", "sentence"),
    [
        ({}, "lost-mode", "'lost-mode' must be CATEGORY/NAME"),
        ({}, "mode/Lost_Mode", "'Lost_Mode' is not lower-case words joined by hyphens"),
        ({}, "mode/unseeded-dropout", "there is a rule or category 'unseeded-dropout' already"),
        ({"a.py": ""}, "mode/new-one", "is not empty; name a new directory by --pack"),
        ({"pyproject.toml": "[project]\n"}, "mode/new-one", "pyproject.toml is of no rule pack"),
        ({"pyproject.toml": "[project\n"}, "mode/new-one", "pyproject.toml cannot be read"),
        (
            {"pyproject.toml": '[project.entry-points."modelint.rules"]\na = "acme"\n'},
            "mode/new-one",
            "names the package acme, which is not in",
        ),
    ],
)
def test_what_cannot_be_made_is_said_in_a_sentence(
    project: Project, files: dict[str, str], rule: str, sentence: str
) -> None:
    for name, content in files.items():
        project.write(name, content)
    made = project.run("new", rule)
    assert made.code == 2
    assert sentence in made.err
    assert made.err.count("\n") == 1
