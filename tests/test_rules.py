"""Holds every rule to its fixture, and its page to the form that all pages have.

``modelint.testing`` says how, and what a fixture is. Run with ``MODELINT_BLESS=1`` to have the fixed texts written
anew, and read the difference before committing it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import modelint_rules
from modelint.facts import KerasVersion
from modelint.testing import Pack
from modelint.testing.fixtures import FIXED, settings_of

FIXTURES = Path(__file__).parent.parent / "fixtures"
RUNNER = Path(__file__).with_name("fixture_runner.py")

PACK = Pack(modelint_rules, FIXTURES, others=frozenset({"models", "quickstart"}))
LOCATIONS = PACK.locations


@pytest.mark.parametrize("name", PACK.rules)
def test_every_rule_has_a_fixture(name: str) -> None:
    assert not list(PACK.fixture_of(name))


@pytest.mark.parametrize("identifier", LOCATIONS)
def test_a_rule_finds_what_is_underlined_in_its_fixture_and_nothing_else(identifier: str) -> None:
    wrong = list(PACK.underlines(identifier))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("identifier", LOCATIONS)
def test_a_message_says_what_is_wrong_and_what_to_do_and_a_severe_one_gives_its_reasons(identifier: str) -> None:
    wrong = list(PACK.messages(identifier))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("identifier", LOCATIONS)
def test_fixes_lead_to_the_fixed_text_are_not_offered_again_and_are_safe_only_where_it_is_sure(identifier: str) -> None:
    wrong = list(PACK.fixes(identifier))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", PACK.rules)
def test_a_rule_is_named_and_documented_in_the_common_form(name: str) -> None:
    wrong = list(PACK.page(name))
    assert not wrong, "\n".join(wrong)


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="fixtures run with TensorFlow")
@pytest.mark.parametrize("legacy", [False, True], ids=["Keras 3", "Keras 2"])
def test_every_fixture_runs(legacy: bool) -> None:
    files = [path for path in fixture_files() if is_for_keras_2(path) is legacy]
    outcome = run_together(files, legacy=legacy)
    assert outcome.returncode == 0, outcome.stdout[-20_000:] or outcome.stderr[-4_000:]


def fixture_files() -> Iterable[Path]:
    """All Python files of all fixtures, the fixed texts among them."""
    for location in LOCATIONS.values():
        if location.is_dir():
            yield from sorted(location.rglob("*.py"))
        else:
            yield location
            yield from sorted(location.parent.glob(location.stem + FIXED))


def is_for_keras_2(path: Path) -> bool:
    """Whether a fixture holds for no version but Keras 2."""
    return settings_of(path.read_text(encoding="utf-8")).versions == (KerasVersion.KERAS_2,)


def run_together(files: Iterable[Path], *, legacy: bool) -> subprocess.CompletedProcess[str]:
    """Run files in one process of one generation of Keras."""
    environment = {
        **os.environ,
        "TF_USE_LEGACY_KERAS": "1" if legacy else "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }
    command = [sys.executable, "-W", "ignore", str(RUNNER), *map(str, files)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_the_runner_reports_a_crash_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    (tmp_path / "broken.py").write_text("import names\nnames.missing\n")
    (tmp_path / "names.py").write_text("here = 1\n")
    (tmp_path / "other.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    outcome = run_together([tmp_path / "broken.py", tmp_path / "other.py"], legacy=False)
    assert outcome.returncode == 1
    assert "broken.py does not run" in outcome.stdout
    assert "has no attribute 'missing'" in outcome.stdout
    assert (tmp_path / "ran").exists()
