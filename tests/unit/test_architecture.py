"""Which room may import which: the map of the project, held."""

import ast
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ROOMS = {"acceptance", "cli", "data_prep", "local_aws", "stacks", "topics"}
LIBRARIES = {
    "acceptance": {"boto3", "botocore", "numpy"},
    "cli": set[str](),
    "data_prep": {"matplotlib", "numpy", "scipy", "sklearn"},
    "topics": {"boto3", "botocore", "matplotlib", "numpy", "scipy", "threadpoolctl"},
    "stacks": {"aws_cdk", "boto3", "botocore", "constructs", "pydantic", "pydantic_core"},
    "local_aws": {"boto3", "botocore", "cryptography", "hypercorn", "ministack", "numpy", "scipy"},
}
MAY_IMPORT = {
    "acceptance": {"cli", "data_prep", "local_aws", "stacks", "topics"},
    "cli": set[str](),
    "data_prep": {"cli"},
    "topics": {"cli", "data_prep"},
    "stacks": {"cli", "data_prep"},
    "local_aws": {"cli", "data_prep", "topics"},
}
# Code of Lambda functions: what the runtime has, and nothing of the app.
HANDLERS = [
    PROJECT / "stacks/training_job/handlers",
    PROJECT / "stacks/serving/gate/handlers",
]


def imports(file: Path) -> set[str]:
    """The modules that a file imports, wherever in it; not those for type checkers alone."""
    tree = ast.parse(file.read_text())
    typed = [
        node
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and ast.unparse(guard.test) == "TYPE_CHECKING"
        for node in ast.walk(guard)
    ]
    found: set[str] = set()
    for node in ast.walk(tree):
        if node in typed:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module)
    return found


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def roots(file: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(file)}


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_what_the_design_allows(room: str) -> None:
    allowed = MAY_IMPORT[room] | LIBRARIES[room] | {room} | sys.stdlib_module_names
    for file in files(PROJECT / room):
        if not set(HANDLERS) & set(file.parents):
            assert roots(file) <= allowed, file


def test_handlers_need_the_lambda_runtime_and_nothing_else() -> None:
    for file in [file for folder in HANDLERS for file in files(folder)]:
        assert roots(file) <= {"boto3", "botocore"} | sys.stdlib_module_names, file


def test_stacks_know_the_manifest_of_data_prep_and_nothing_else_of_it() -> None:
    for file in files(PROJECT / "stacks"):
        known = {name for name in imports(file) if name.startswith("data_prep")}
        assert known <= {"data_prep.manifest"}, file


def test_synthesis_asks_aws_nothing() -> None:
    """Only command lines do, and the functions run elsewhere."""
    asking = {file for file in files(PROJECT / "stacks") if roots(file) & {"boto3", "botocore"}}
    outside = {file for file in asking if not set(HANDLERS) & set(file.parents)}
    assert {file.relative_to(PROJECT / "stacks").parts[0] for file in outside} == {
        "cost",
        "leftovers.py",
        "preflight",
        "region.py",
    }


def test_the_manifest_needs_the_standard_library_alone() -> None:
    for name, others in (("__init__", set()), ("files", set()), ("manifest", {"data_prep.files"})):
        known = imports(PROJECT / f"data_prep/{name}.py") - others
        assert {module.partition(".")[0] for module in known} <= sys.stdlib_module_names


def test_one_module_touches_ministacks_internals() -> None:
    touching = {file.name for file in files(PROJECT / "local_aws") if "ministack" in roots(file)}
    assert touching == {"ministack_internals.py", "server.py"}


def test_no_room_shadows_a_library() -> None:
    """A package named `constructs` would."""
    ours = {path.name for path in PROJECT.iterdir() if (path / "__init__.py").exists()}
    assert not ours & (set().union(*LIBRARIES.values()) | sys.stdlib_module_names)
