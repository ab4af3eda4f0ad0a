"""Which Keras versions are in play, by what a project declares."""

from __future__ import annotations

import os

import pytest
from packaging.specifiers import SpecifierSet

from conftest import Project
from modelint import KerasVersion
from modelint.workspace.configuration import Frameworks
from modelint.workspace.versions import in_play

K2, K3_0, K3_6, K3_10, K3_16 = KerasVersion
ALL = (K2, K3_0, K3_6, K3_10, K3_16)
KERAS_3 = (K3_0, K3_6, K3_10, K3_16)


def versions(directory: str = ".", frameworks: Frameworks | None = None) -> tuple[KerasVersion, ...]:
    """The versions for a directory; they are known unless they are all."""
    found = in_play(os.path.abspath(directory), frameworks or Frameworks())
    assert found.known == (found.versions != ALL)
    return found.versions


@pytest.mark.parametrize(
    ("specifier", "expected"),
    [
        (">=3.6,<3.16", (K3_6, K3_10)),
        ("==3.3.3", (K3_0,)),
        ("==3.3.*", (K3_0,)),
        ("~=3.9", (K3_6, K3_10, K3_16)),
        ("~=3.9.1", (K3_6,)),
        ("<3", (K2,)),
        (">=2.4", ALL),
        ("!=3.5.0", ALL),
        ("==3.16.0.dev1", (K3_16,)),
        (">=4", (K3_16,)),
        ("<1", ALL),
    ],
)
def test_specifiers_choose_the_ranges_that_hold_an_allowed_version(
    project: Project, specifier: str, expected: tuple[KerasVersion, ...]
) -> None:
    assert versions(frameworks=Frameworks(keras=SpecifierSet(specifier))) == expected


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("tensorflow==2.15.1", (K2,)),
        ("tensorflow<2.16", (K2,)),
        ("tensorflow>=2.16", KERAS_3),
        ("tensorflow[and-cuda]==2.18.*", KERAS_3),
        ("tensorflow-cpu>=2.20", (K3_10, K3_16)),
        ("tensorflow-gpu", (K2,)),
        ("tf-nightly", KERAS_3),
        ("tensorflow>=2.10", ALL),
        ("tensorflow", ALL),
        ("keras", ALL),
        ("keras>=3 ; python_version > '3.8'  # a comment", KERAS_3),
        ("Keras==2.3.1", (K2,)),
        ("tf_keras", (K2,)),
        ("tensorflow>=2.16\ntf-keras", ALL),
        ("tensorflow==2.15.0\nkeras==2.15.0", (K2,)),
        ("tensorflow>=2.16\nkeras>=3.10", (K3_10, K3_16)),
        ("tensorflow>=2.16\nkeras<3.6", (K3_0,)),
        ("keras==3.8.0 \\\n    --hash=sha256:abc", (K3_6,)),
        ("-e .\n--index-url https://example.org\nkeras>=3.16", (K3_16,)),
        ("git+https://example.org/x.git\n!!\nkeras<3", (K2,)),
        ("tensorflow==2.12; python_version<'3.9'\ntensorflow==2.20; python_version>='3.9'", (K2, K3_10, K3_16)),
        ("numpy", ALL),
    ],
)
def test_a_requirement_says_which_versions_are_in_play(
    project: Project, requirement: str, expected: tuple[KerasVersion, ...]
) -> None:
    project.write("requirements.txt", requirement)
    assert versions() == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pyproject.toml", '[project]\ndependencies = ["numpy", "keras>=3.6,<3.10"]\n'),
        ("pyproject.toml", '[project.optional-dependencies]\ntf = ["keras==3.7"]\n'),
        ("pyproject.toml", '[dependency-groups]\ntf = [{include-group = "x"}, "keras==3.7"]\n'),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.10"\nkeras = "~3.7.0"\n'),
        ("pyproject.toml", '[tool.poetry.group.dev.dependencies]\nkeras = { version = "3.7.0", optional = true }\n'),
        ("pyproject.toml", '[tool.poetry.dependencies]\nkeras = [{version = "==3.6.*"}, {version = ">=3.7,<3.8"}]\n'),
        ("requirements-dev.txt", "keras==3.7\n"),
        ("dev-requirements.txt", "keras==3.7\n"),
        ("requirements/base.txt", "keras==3.7\n"),
        ("setup.cfg", "[options]\ninstall_requires =\n    numpy\n    keras>=3.6,<3.10\n"),
        ("uv.lock", '[[package]]\nname = "keras"\nversion = "3.7.0"\n'),
        ("poetry.lock", '[[package]]\nname = "keras"\nversion = "3.7.0"\ndescription = ""\n'),
        ("pdm.lock", '[[package]]\nname = "keras"\nversion = "3.7.0"\n'),
    ],
)
def test_every_kind_of_declaration_is_read(project: Project, name: str, content: str) -> None:
    project.write(name, content)
    assert versions() == (K3_6,)


@pytest.mark.parametrize(
    ("poetry", "expected"), [("^3.10", (K3_10, K3_16)), ("^2.4", (K2,)), ("*", ALL), ("~3", KERAS_3)]
)
def test_poetrys_carets_and_tildes_are_understood(
    project: Project, poetry: str, expected: tuple[KerasVersion, ...]
) -> None:
    project.write("pyproject.toml", f'[tool.poetry.dependencies]\nkeras = "{poetry}"\n')
    assert versions() == expected


def test_a_lock_file_decides_over_what_it_locks(project: Project) -> None:
    project.write("pyproject.toml", '[project]\ndependencies = ["keras>=3"]\n')
    project.write("uv.lock", '[[package]]\nname = "keras"\nversion = "3.12.0"\n')
    assert versions() == (K3_10,)


def test_several_files_agree_where_they_can(project: Project) -> None:
    project.write("pyproject.toml", '[project]\ndependencies = ["tensorflow>=2.10"]\n')
    project.write("requirements.txt", "tensorflow==2.20.0\n")
    assert versions() == (K3_10, K3_16)
    project.write("requirements-old.txt", "tensorflow==2.15.0\n")
    assert versions() == (K2, K3_10, K3_16)


def test_an_extra_that_names_the_package_again_does_not_widen_it(project: Project) -> None:
    project.write(
        "pyproject.toml",
        '[project]\ndependencies = ["keras>=3.10"]\n[project.optional-dependencies]\ngpu = ["keras"]\n',
    )
    assert versions() == (K3_10, K3_16)


def test_included_requirements_are_read_and_a_loop_ends(project: Project) -> None:
    project.write("requirements.txt", "-r requirements/base.in\n")
    project.write("requirements/base.in", "-r ../requirements.txt\nkeras==3.7\n")
    assert versions() == (K3_6,)


def test_the_nearest_directory_that_names_a_framework_decides_up_to_the_repository(project: Project) -> None:
    project.write("requirements.txt", "keras<3\n")
    project.write("examples/new/requirements.txt", "keras>=3.16\n")
    project.write("examples/old/requirements.txt", "numpy\n")
    project.write("examples/other/.git/config")
    assert versions("examples/new") == (K3_16,)
    assert versions("examples/old") == (K2,)
    assert versions("examples/other") == ALL


def test_configuration_decides_over_what_is_declared(project: Project) -> None:
    project.write("requirements.txt", "keras<3\n")
    assert versions(frameworks=Frameworks(keras=SpecifierSet(">=3.16"))) == (K3_16,)
    assert versions(frameworks=Frameworks(tensorflow=SpecifierSet(">=2.20"))) == (K3_10, K3_16)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00keras", b"[[[ keras", b'[project]\ndependencies = "keras<3"\n', b""])
def test_a_file_that_cannot_be_understood_declares_nothing(project: Project, content: bytes) -> None:
    project.write("pyproject.toml", content)
    project.write("requirements/sub/keras.txt", content)
    assert versions() == ALL
