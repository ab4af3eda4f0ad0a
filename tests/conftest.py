"""What the tests share: a scratch project, and modelint run on it in this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from modelint.cli import main

# The same examples in every run, so that a change is judged by what it changes, and no clock: a loaded machine is no
# failure. `pytest --hypothesis-profile=explore` draws new ones.
settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("same")

RUN = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""For programs that a framework runs: the same in every run, and none made shorter, which takes as long again."""


@dataclass(frozen=True)
class Ran:
    """What a run left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Project:
    """A scratch directory, which is the working directory while the test runs."""

    path: Path
    capture: pytest.CaptureFixture[str]

    def write(self, name: str, content: str | bytes = "") -> Path:
        """Write a file, with the directories above it."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, *arguments: str) -> Ran:
        """Run the command line."""
        self.capture.readouterr()
        code = main(arguments)
        captured = self.capture.readouterr()
        return Ran(code, captured.out, captured.err)

    def concise(self, *arguments: str) -> list[str]:
        """The findings of ``modelint check``, a line each."""
        return self.run("check", "--output-format", "concise", "--quiet", *arguments).out.splitlines()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Project:
    """An empty scratch project. A directory of its own is above it, so that nothing outside is taken for part of it."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".git").mkdir()
    return Project(tmp_path, capsys)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of modelint's own repository."""
    return Path(__file__).parent.parent
