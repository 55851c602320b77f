"""The project as a package: what `pip install` of it gives."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
DESCRIPTION: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())
# Starts a program of the wheel where the other extras are not installed.
PROGRAM = """
import importlib.metadata, sys
sys.modules.update(dict.fromkeys({absent!r}))  # None: an import of it fails
(program,) = importlib.metadata.entry_points(group="console_scripts", name={name!r})
sys.argv = [{name!r}, "--help"]
sys.exit(program.load()())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the contents of the wheel."""
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*build, str(out)], cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "installed")
    return out / "installed"


def start_without_extras(installed: Path, name: str) -> subprocess.CompletedProcess[str]:
    extras = DESCRIPTION["project"]["optional-dependencies"].values()
    absent = ["aws_cdk", *(named(one).replace("-", "_") for extra in extras for one in extra)]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name, absent=absent)],
        cwd=installed,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("name", ["data-prep", "topics"])
def test_a_library_starts_without_the_cdk_and_the_embedded_aws(installed: Path, name: str) -> None:
    done = start_without_extras(installed, name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("operations", 'operations: pydantic is not installed; `pip install "topic-models-on-aws'),
        ("local-aws", 'local_aws: trustme is not installed; `pip install "topic-models-on-aws'),
    ],
)
def test_a_program_says_which_extra_it_needs(installed: Path, name: str, problem: str) -> None:
    done = start_without_extras(installed, name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(problem)
    assert done.stderr.count("\n") == 1


def test_every_file_of_the_packages_is_in_it_and_says_that_it_has_types(installed: Path) -> None:
    packages = DESCRIPTION["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    tracked = subprocess.run(
        ["git", "ls-files", "--", *packages],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert tracked
    assert [name for name in tracked if not (installed / name).exists()] == []
    assert all((installed / package / "py.typed").exists() for package in packages)


def test_what_it_asks_for_is_what_the_project_is_tested_with() -> None:
    project = DESCRIPTION["project"]
    extras = project["optional-dependencies"]
    deploying = {named(one) for one in [*project["dependencies"], *extras["deploy"]]}
    assert deploying == set(pinned("requirements.txt"))
    assert {named(one) for one in extras["local"]} <= set(pinned("requirements-dev.txt"))


def named(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement)[0]


def pinned(file: str) -> list[str]:
    lines = (PROJECT / file).read_text().splitlines()
    return [named(line) for line in lines if line and line[0] not in "#-"]
