"""The locks: what is installed is what was asked for, by digest, on every platform."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
SOURCES = {
    "deploy": "requirements.txt",
    "dev": "requirements-dev.txt",
    "lda": "benchmarks/requirements-lda.txt",
    "notebook": "requirements-notebook.txt",
    **{
        tool: f"tests/conformance/requirements-{tool}.txt"
        for tool in (
            "alpha",
            "audit",
            "aws",
            "mxnet",
            "pyldavis",
            "sagemaker",
            "sagemaker3",
            "spark",
            "uv",
        )
    },
}
DIGEST = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def requirements(file: Path) -> list[Requirement]:
    """What a file asks for, with the files that it includes."""
    found = []
    for line in file.read_text().splitlines():
        text = line.split("#")[0].strip()
        if text.startswith("-r "):
            found += requirements(file.parent / text.removeprefix("-r "))
        elif text:
            found.append(Requirement(text))
    return found


def locked(name: str) -> dict[str, tuple[str, list[str]]]:
    """Versions and digests by package."""
    text = (PROJECT / f"locks/{name}.txt").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pins = [(Requirement(line.split("--hash")[0]), DIGEST.findall(line)) for line in lines]
    return {canonicalize_name(pin.name): (str(pin.specifier), digests) for pin, digests in pins}


@pytest.fixture(params=SOURCES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_requirement_file_has_a_lock_and_every_lock_a_file() -> None:
    locks = {file.stem for file in (PROJECT / "locks").iterdir()}
    files = {str(f.relative_to(PROJECT)) for f in PROJECT.glob("requirements*.txt")}
    files |= {f"benchmarks/{f.name}" for f in (PROJECT / "benchmarks").glob("requirements*")}
    files |= {
        f"tests/conformance/{f.name}" for f in (PROJECT / "tests/conformance").glob("requirements*")
    }
    assert locks == SOURCES.keys()
    assert files == set(SOURCES.values())


def test_a_lock_has_the_versions_that_are_asked_for(name: str) -> None:
    """Otherwise: `make lock`."""
    lock = locked(name)
    for wanted in requirements(PROJECT / SOURCES[name]):
        assert lock[canonicalize_name(wanted.name)][0] == str(wanted.specifier), wanted.name


def test_everything_in_a_lock_has_one_version_and_its_digests(name: str) -> None:
    for package, (specifier, digests) in locked(name).items():
        assert specifier.startswith("=="), package
        assert digests, package


def test_a_lock_names_no_host(name: str) -> None:
    assert "://" not in (PROJECT / f"locks/{name}.txt").read_text()


def test_what_deploys_has_the_versions_that_were_tested_and_no_tool_of_tests() -> None:
    deploy, dev = locked("deploy"), locked("dev")
    assert deploy.items() <= dev.items()
    assert not deploy.keys() & {"pytest", "hypothesis", "mypy", "ruff", "ministack", "cdk-nag"}


def test_the_notebooks_environment_has_the_packages_of_the_project() -> None:
    """In other versions where MXNet's NumPy needs them."""
    notebook, deploy = locked("notebook"), locked("deploy")
    assert {"aws-cdk-lib", "constructs", "sagemaker", "boto3", "numpy", "scipy", "mxnet"} <= (
        notebook.keys()
    )
    asked = {canonicalize_name(one.name) for one in requirements(PROJECT / "requirements.txt")}
    others = {name for name in asked if notebook[name][0] != deploy[name][0]}
    assert others == {"numpy", "scipy", "scikit-learn", "matplotlib"}
