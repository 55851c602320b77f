"""Which room may import which: the map of the project, held."""

import ast
import subprocess
import sys
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LIBRARIES = {
    "acceptance": {"boto3", "botocore", "numpy"},
    "cli": {"boto3"},
    "data_prep": {"boto3", "botocore", "matplotlib", "numpy", "scipy", "sklearn"},
    "notebooks": {"nbclient", "nbconvert", "nbformat", "traitlets"},
    "topics": {"boto3", "botocore", "jinja2", "matplotlib", "numpy", "scipy", "threadpoolctl"},
    "stacks": {"aws_cdk", "constructs", "pydantic", "pydantic_core"},
    "toolchain": {"aws_cdk", "constructs"},
    "operations": {"aws_cdk", "boto3", "botocore"},
    "local_aws": {"boto3", "botocore", "hypercorn", "ministack", "numpy", "scipy", "trustme"},
}
MAY_IMPORT = {
    "acceptance": {"cli", "data_prep", "local_aws", "operations", "stacks", "topics"},
    "cli": set[str](),
    "data_prep": {"cli"},
    "notebooks": {"cli", "stacks"},
    "topics": {"cli", "data_prep"},
    "stacks": {"data_prep"},
    "toolchain": {"stacks"},
    "operations": {"cli", "data_prep", "stacks"},
    "local_aws": {"cli", "data_prep", "topics"},
}
SPARK = PROJECT / "data_prep/spark.py"
# Names that say what part a module has in its folder: several modules may have them.
ROLES = {"__init__", "__main__", "command", "construct", "handlers", "stack"}
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


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_what_the_design_allows(room: str) -> None:
    allowed = MAY_IMPORT[room] | LIBRARIES[room] | {room} | sys.stdlib_module_names
    for file in files(PROJECT / room):
        if not set(HANDLERS) & set(file.parents) and file != SPARK:
            assert roots(file) <= allowed, file


def test_one_program_knows_spark_and_only_when_it_runs() -> None:
    """Spark's workers need `data_prep` and `cli`: what is not imported there needs no archive."""
    assert roots(SPARK) - sys.stdlib_module_names == {"cli", "data_prep", "py4j", "pyspark"}
    code = "import data_prep.spark, sys; assert not {'boto3', 'scipy', 'sklearn'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)


def test_handlers_need_the_lambda_runtime_and_nothing_else() -> None:
    for file in [file for folder in HANDLERS for file in files(folder)]:
        assert roots(file) <= {"boto3", "botocore"} | sys.stdlib_module_names, file


# What `operations prepare` needs beside the manifest: options, and corpora in S3.
PREPARING = {"errors", "s3", "spark", "stored"}


@pytest.mark.parametrize(("room", "modules"), [("operations", PREPARING), ("stacks", set[str]())])
def test_of_data_prep_only_the_manifest_and_what_prepares_in_s3_is_known(
    room: str, modules: set[str]
) -> None:
    for file in files(PROJECT / room):
        known = {name for name in imports(file) if name.startswith("data_prep")}
        assert known <= {f"data_prep.{name}" for name in modules | {"manifest"}}, file


def test_synthesis_asks_aws_nothing() -> None:
    """Only the functions do, which run elsewhere."""
    for file in [PROJECT / "app.py", *files(PROJECT / "stacks"), *files(PROJECT / "toolchain")]:
        if not set(HANDLERS) & set(file.parents):
            assert not roots(file) & {"boto3", "botocore"}, file


@pytest.mark.parametrize(
    ("file", "known"), [("app.py", {"aws_cdk", "stacks"}), ("demo.py", {"cli", "local_aws"})]
)
def test_of_the_rooms_the_app_knows_stacks_alone_and_the_demo_local_aws(
    file: str, known: set[str]
) -> None:
    assert roots(PROJECT / file) - sys.stdlib_module_names == known


def test_the_manifest_needs_the_standard_library_alone() -> None:
    room = {"data_prep.errors", "data_prep.files"}
    for name, others in (
        ("__init__", set()),
        ("errors", set()),
        ("files", set()),
        ("manifest", room),
    ):
        known = imports(PROJECT / f"data_prep/{name}.py") - others
        assert {module.partition(".")[0] for module in known} <= sys.stdlib_module_names


def test_of_data_prep_one_file_asks_s3_and_only_when_it_is_used() -> None:
    asking = [file.name for file in files(PROJECT / "data_prep") if "boto3" in roots(file)]
    assert asking == ["s3.py"]
    code = "import data_prep.__main__, sys; assert 'boto3' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)


def test_one_room_touches_ministacks_internals() -> None:
    touching = {file for file in files(PROJECT / "local_aws") if "ministack" in roots(file)}
    assert touching
    assert touching <= set(files(PROJECT / "local_aws/ministack"))


def modules() -> dict[str, Path]:
    """The project's modules by name, without tests."""
    found = [PROJECT / "app.py", PROJECT / "demo.py", *files(PROJECT / "benchmarks")]
    for room in MAY_IMPORT:
        found += files(PROJECT / room)
    names = [".".join(file.relative_to(PROJECT).with_suffix("").parts) for file in found]
    return {name.removesuffix(".__init__"): file for name, file in zip(names, found, strict=True)}


def imported(name: str, known: dict[str, Path]) -> set[str]:
    """The modules of `known` that one imports, for type checkers and relatively too."""
    file = known[name]
    package = name.split(".") if file.stem == "__init__" else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            members = {f"{base}.{alias.name}" for alias in node.names}
            found |= {member if member in known else base for member in members}
    return found & known.keys()


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = modules()
    graph = {name: imported(name, known) for name in known}
    assert "local_aws.sagemaker.fleet" in graph["local_aws.sagemaker.endpoint_life"]
    assert "stacks.training_job.handlers.jobs" in graph["stacks.training_job.handlers.start"]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_sagemaker_does_not_know_what_scales_it() -> None:
    """Auto Scaling calls SageMaker; the list of scalable targets stands beside both."""
    for file in files(PROJECT / "local_aws/sagemaker"):
        assert not {name for name in imports(file) if name.startswith("local_aws.autoscaling")}


@pytest.mark.parametrize("room", sorted(MAY_IMPORT.keys() - {"topics"}))
def test_a_modules_name_finds_one_module_in_its_room(room: str) -> None:
    """All but those of `topics`, whose commands are named as what they run."""
    names = Counter(file.stem for file in files(PROJECT / room))
    assert {name for name, times in names.items() if times > 1} <= ROLES


def test_no_room_shadows_a_library() -> None:
    """A package named `constructs` would."""
    ours = {path.name for path in PROJECT.iterdir() if (path / "__init__.py").exists()}
    assert not ours & (set().union(*LIBRARIES.values()) | sys.stdlib_module_names)


def test_unit_tests_stand_where_the_source_does() -> None:
    unit = PROJECT / "tests/unit"
    for file in files(unit):
        assert (PROJECT / file.relative_to(unit)).parent.is_dir(), file


def test_suites_share_by_tests_support_alone() -> None:
    for file in files(PROJECT / "tests"):
        others = {name.split(".")[1] for name in imports(file) if name.startswith("tests.")}
        assert others <= {"support"}, file


@pytest.mark.parametrize("room", ["data_prep", "topics"])
def test_no_two_modules_of_a_room_have_one_name(room: str) -> None:
    names = [file.stem for file in files(PROJECT / room) if file.stem != "__init__"]
    assert len(names) == len(set(names))
